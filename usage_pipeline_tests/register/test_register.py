"""The register: which step follows which, and who took it."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from usage_pipeline.register import Register, State, UnknownUpload, Upload, WrongState
from usage_pipeline.register.states import STATES, STEPS, Action
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.register.lives import COUNTS, brought_to, followed, verdict

NOW = datetime(2024, 10, 31, 12, tzinfo=UTC)


def upload(key: str = "a.csv-0123", schema: str = "api_usage") -> Upload:
    return Upload(schema, key, "a.csv", "0123", 5, "received", NOW)


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(f"sqlite:///{tmp_path / 'register.sqlite'}")


def in_state(register: Register, state: State) -> Upload:
    """An upload that has come to be in that state."""
    return brought_to(register, register.receive(upload(), "identity", "ops").upload, state)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ["confirm", "refuse", "reopen", "void", "restore"])
def test_a_person_can_only_take_steps_that_follow(
    register: Register, state: State, action: Action
) -> None:
    found = in_state(register, state)
    if state in STEPS[action][0]:
        then = "ingested" if (action, state) == ("confirm", "ingested") else STEPS[action][1]
        assert register.decide(found, action, "rita", "why", "v1").state == then
    else:
        with pytest.raises(WrongState, match=f"Cannot {action} .*: it is {state}"):
            register.decide(found, action, "rita", "why", "v1")
        assert register.find(found.upload).state == state


@pytest.mark.parametrize(
    ("state", "outcome", "then"),
    [
        ("received", "again", "received"),
        ("failed", "again", "received"),
        ("passed", "repeat", "passed"),
        ("confirmed", "repeat", "confirmed"),
        ("ingested", "repeat", "ingested"),
        ("refused", "answered", "refused"),
        ("voided", "answered", "voided"),
    ],
)
def test_what_the_same_bytes_again_mean_depends_on_the_state(
    register: Register, state: State, outcome: str, then: State
) -> None:
    in_state(register, state)
    receipt = register.receive(upload(), "identity", "ops")
    assert (receipt.outcome, receipt.upload.state) == (outcome, then)


@pytest.mark.parametrize("state", ["ingested", "refused", "voided"])
@pytest.mark.parametrize("passed", [True, False])
def test_a_new_check_never_undoes_what_was_decided(
    register: Register, state: State, passed: bool
) -> None:
    found = in_state(register, state)
    assert register.judge(found, verdict(passed=passed, version="v2")).state == state
    assert register.find(found.upload).schema_version == "v1"
    assert register.verdict(found, "v2") is not None


def test_a_confirmation_is_for_one_schema_version(register: Register) -> None:
    found = in_state(register, "confirmed")
    assert register.judge(found, verdict(version="v1")).state == "confirmed"
    assert register.judge(found, verdict(version="v2")).state == "passed"


def test_a_standing_confirmation_is_part_of_the_verdict(register: Register) -> None:
    found = register.receive(upload(), "identity", "ops").upload
    assert register.judge(found, verdict(), confirmed_by="automatic").state == "confirmed"
    [decision] = register.decisions.due("api_usage")
    assert (decision.active, decision.schema_version) == (True, "v1")
    assert register.history(found)[-1].by == "automatic"


def test_nothing_is_confirmed_that_failed(register: Register) -> None:
    found = register.receive(upload(), "identity", "ops").upload
    assert register.judge(found, verdict(passed=False), confirmed_by="automatic").state == "failed"
    assert register.decisions.due("api_usage") == []


def test_history_says_who_did_what_when_and_why(register: Register) -> None:
    found = in_state(register, "refused")
    entries = register.history(found)
    assert [(entry.action, entry.by, entry.note) for entry in entries] == [
        ("receive", "ops", None),
        ("pass", "pipeline", None),
        ("refuse", "rita", "no"),
    ]
    assert all(datetime.now(UTC) - entry.at < timedelta(minutes=1) for entry in entries)


def test_one_key_in_two_schemas_needs_the_schema(register: Register) -> None:
    register.receive(upload(), "identity", "ops")
    register.receive(upload(schema="second"), "identity", "ops")
    with pytest.raises(UnknownUpload, match="add --schema: api_usage, second"):
        register.find("a.csv-0123")
    assert register.find("a.csv-0123", "second").schema == "second"


def test_stale_windows_stay_until_they_are_computed(register: Register) -> None:
    hours = [NOW + timedelta(hours=n) for n in range(1200)]
    register.windows.mark("s", {"m": hours, "other": [NOW]})
    register.windows.mark("s", {"m": hours})
    assert register.windows.stale("s")["m"] == hours
    register.windows.clear("s", "m", hours[1:])
    assert register.windows.stale("s") == {"m": [NOW], "other": [NOW]}
    register.windows.clear("s", "m", None)
    assert register.windows.stale("s") == {"other": [NOW]}
    assert register.windows.stale("another schema") == {}


def _receive(url: str, number: int) -> str:
    register = Register(url)
    return register.receive(upload(f"{number}.csv-0123"), "one identity", "ops").outcome


def test_of_many_processes_with_the_same_bytes_one_makes_the_upload(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'register.sqlite'}"
    # Not multiprocessing.Pool: it waits for ever for a worker that dies or misses its end.
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        outcomes = list(pool.map(_receive, [url] * 8, range(8)))
    assert sorted(outcomes) == ["again"] * 7 + ["new"]
    assert len(Register(url).uploads()) == 1


class TestDecisions:
    def due(self, register: Register) -> list[tuple[str, bool]]:
        return [(one.upload.state, one.active) for one in register.decisions.due("api_usage")]

    def test_a_void_is_due_until_the_ledger_has_followed(self, register: Register) -> None:
        found = in_state(register, "ingested")
        assert self.due(register) == []
        register.decide(found, "void", "rita", "wrong", "v1")
        assert self.due(register) == [("voided", False)]
        followed(register, found)
        assert self.due(register) == []

    def test_what_comes_back_is_confirmed_until_its_rows_are_in(self, register: Register) -> None:
        found = register.decide(in_state(register, "voided"), "restore", "rita", "right", "v1")
        assert self.due(register) == [("confirmed", True)]
        assert followed(register, found).state == "ingested"

    def test_several_are_voided_together_or_not_at_all(self, register: Register) -> None:
        found = in_state(register, "ingested")
        other = register.receive(upload("b.csv-4567"), "other", "ops").upload
        with pytest.raises(WrongState, match="Cannot void"):
            register.decide_all([(found, "v1"), (other, "v1")], "void", "rita", "wrong")
        assert register.find(found.upload).state == "ingested"
        assert len(register.history(found)) == 4

    def test_a_newer_reading_that_passes_is_confirmed_and_the_old_one_counts_on(
        self, register: Register
    ) -> None:
        found = in_state(register, "ingested")
        now = register.judge(found, verdict(version="v2"), confirmed_by="automatic")
        assert (now.state, now.schema_version) == ("ingested", "v1")
        [decision] = register.decisions.due("api_usage")
        assert (decision.active, decision.schema_version) == (True, "v2")
        assert followed(register, now).schema_version == "v2"

    @pytest.mark.parametrize(
        ("passed", "version", "by"),
        [(False, "v2", "automatic"), (True, "v1", "automatic"), (True, "v2", None)],
    )
    def test_one_that_fails_is_the_same_or_waits_for_a_person_changes_nothing(
        self, register: Register, passed: bool, version: str, by: str | None
    ) -> None:
        found = in_state(register, "ingested")
        register.judge(found, verdict(passed=passed, version=version), confirmed_by=by)
        assert self.due(register) == []
        assert register.find(found.upload) == found

    def test_a_voided_upload_is_never_brought_back_by_a_check(self, register: Register) -> None:
        found = in_state(register, "voided")
        register.judge(found, verdict(version="v2"), confirmed_by="automatic")
        assert self.due(register) == []

    def test_what_was_decided_meanwhile_keeps_the_ledger_from_committing(
        self, register: Register
    ) -> None:
        found = in_state(register, "confirmed")
        assert found.decision is not None
        register.judge(found, verdict(passed=False, version="v2"))
        windows = {"m": [NOW]}
        assert not register.decisions.committing(
            found.upload, "api_usage", found.decision, 1, windows
        )
        assert register.windows.stale("api_usage") == {}

    def test_from_the_commit_on_no_check_takes_an_upload_back(self, register: Register) -> None:
        found = in_state(register, "confirmed")
        assert found.decision is not None
        assert register.decisions.committing(found.upload, "api_usage", found.decision, 1, {})
        assert register.judge(found, verdict(passed=False, version="v2")).state == "confirmed"

    def test_a_commit_that_was_overtaken_leaves_the_later_decision_due(
        self, register: Register
    ) -> None:
        found = in_state(register, "ingested")
        [first] = register.decisions.due("api_usage", [found.upload])
        register.decide(found, "void", "rita", "wrong", "v1")
        register.decisions.followed(
            found.upload, "api_usage", first.id, 1, "v1", active=True, counts=COUNTS
        )
        assert self.due(register) == [("voided", False)]

    @pytest.mark.parametrize(
        ("state", "step", "then"),
        [
            ("passed", "confirm", "failed"),
            ("voided", "restore", "voided"),
            ("ingested", "confirm", "ingested"),
        ],
    )
    def test_what_the_ledger_refuses_stays_as_it_was(
        self, register: Register, state: State, step: Action, then: State
    ) -> None:
        found = register.decide(in_state(register, state), step, "rita", "why", "v1")
        [decision] = register.decisions.due("api_usage")
        assert register.decisions.conflict(decision, "line 2", None).state == then
        assert self.due(register) == []
        assert register.history(found)[-1].action == "conflict"


def test_a_register_of_the_first_release_knows_what_the_ledger_followed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'register.sqlite'}"
    register = Register(url)
    found = in_state(register, "ingested")
    with sqlite3.connect(tmp_path / "register.sqlite") as old:
        for column in ("decision", "followed", "chosen", "fix_of"):
            old.execute(f"ALTER TABLE uploads DROP COLUMN {column}")
    old.close()
    assert Register(url).find(found.upload) == found


@pytest.mark.parametrize("wanted", [2, 501])
def test_uploads_are_found_by_their_keys_however_many(register: Register, wanted: int) -> None:
    for number in range(502):
        one = upload(f"u{number:03d}")
        register.receive(one, f"identity {number}", "ops")
    register.receive(upload("u001", "focus_usage"), "identity", "ops")
    keys = [f"u{number:03d}" for number in reversed(range(wanted))]
    found = register.uploads("api_usage", keys=keys)
    assert [one.upload for one in found] == sorted(keys)
    assert {one.schema for one in found} == {"api_usage"}
    assert register.uploads("api_usage", keys=[]) == []


def test_a_size_is_known_where_an_upload_of_the_schema_has_it(register: Register) -> None:
    register.receive(upload(), "identity", "ops")
    assert register.has_size("api_usage", 5)
    assert not register.has_size("api_usage", 6)
    assert not register.has_size("focus_usage", 5)


def test_the_first_uploads_are_found_without_all_others(register: Register) -> None:
    for number in range(5):
        came = NOW + timedelta(minutes=-number)
        one = replace(upload(f"u{number}"), received_at=came)
        register.receive(one, f"identity {number}", "ops")
    first = [one.upload for one in register.uploads("api_usage", most=2)]
    assert first == ["u4", "u3"]
    assert [one.upload for one in register.uploads("api_usage", keys=["u0", "u1"], most=1)] == [
        "u1"
    ]
    assert len(register.uploads("api_usage", most=9)) == 5


def test_a_register_that_nobody_uses_any_more_is_freed() -> None:
    with memory_folder() as folder:
        engine = weakref.ref(Register(f"sqlite:///{folder / 'register.sqlite'}")._engine)
        gc.collect()
        assert engine() is None
