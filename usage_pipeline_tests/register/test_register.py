"""The register: which step follows which, and who took it."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from usage_pipeline.register import Register, State, UnknownUpload, Upload, Verdict, WrongState
from usage_pipeline.register.states import STATES, STEPS, Action

NOW = datetime(2024, 10, 31, 12, tzinfo=UTC)


def upload(key: str = "a.csv-0123", schema: str = "api_usage") -> Upload:
    return Upload(schema, key, "a.csv", "0123", 5, "received", NOW)


def verdict(*, passed: bool = True, version: str = "v1") -> Verdict:
    return Verdict(
        version, passed, 3, 3 if passed else 2, 0 if passed else 1, 0 if passed else 1, 0, 0
    )


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(f"sqlite:///{tmp_path / 'register.sqlite'}")


def in_state(register: Register, state: State) -> Upload:
    """An upload that has come to be in that state."""
    found = register.receive(upload(), "identity", "ops").upload
    if state == "received":
        return found
    found = register.judge(found, verdict(passed=state != "failed"))
    if state in ("failed", "passed"):
        return found
    if state == "refused":
        return register.decide(found, "refuse", "rita", "no", "v1")[0]
    found, _ = register.decide(found, "confirm", "rita", None, "v1")
    if state == "confirmed":
        return found
    return register.ingested(found, 1, {"ingested": 3, "duplicates": 0, "superseded": 0})


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ["confirm", "refuse", "reopen"])
def test_a_person_can_only_take_steps_that_follow(
    register: Register, state: State, action: Action
) -> None:
    found = in_state(register, state)
    if state in STEPS[action][0]:
        assert register.decide(found, action, "rita", "why", "v1")[0].state == STEPS[action][1]
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
    ],
)
def test_what_the_same_bytes_again_mean_depends_on_the_state(
    register: Register, state: State, outcome: str, then: State
) -> None:
    in_state(register, state)
    receipt = register.receive(upload(), "identity", "ops")
    assert (receipt.outcome, receipt.upload.state) == (outcome, then)


@pytest.mark.parametrize("state", ["ingested", "refused"])
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
    entry = register.confirmation(found)
    assert entry is not None
    assert (entry.by, entry.schema_version) == ("automatic", "v1")


def test_nothing_is_confirmed_that_failed(register: Register) -> None:
    found = register.receive(upload(), "identity", "ops").upload
    assert register.judge(found, verdict(passed=False), confirmed_by="automatic").state == "failed"
    assert register.confirmation(found) is None


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
    register.mark_stale("s", {"m": hours, "other": [NOW]})
    register.mark_stale("s", {"m": hours})
    assert register.stale("s")["m"] == hours
    register.clear_stale("s", "m", hours[1:])
    assert register.stale("s") == {"m": [NOW], "other": [NOW]}
    register.clear_stale("s", "m", None)
    assert register.stale("s") == {"other": [NOW]}
    assert register.stale("another schema") == {}


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
