"""Which uploads need a run: asked for once, asked again when it came to nothing, then given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.register import Register, Upload
from usage_pipeline.register.states import STATES, State
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.register import lives
from usage_pipeline_tests.register.lives import followed, verdict

NOW = datetime(2024, 10, 31, 12, tzinfo=UTC)


@pytest.fixture
def register() -> Iterator[Register]:
    with memory_folder() as folder:
        yield Register(f"sqlite:///{folder / 'register.sqlite'}")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for is due again at once."""
    for module in ("asks", "register"):
        monkeypatch.setattr(f"usage_pipeline.register.{module}.PATIENCE", timedelta(0))


def upload(content: str = "A", received: datetime = NOW) -> Upload:
    return Upload("s", f"{content}-key", f"{content}.csv", content, 5, "received", received)


def dropped(
    register: Register,
    content: str = "A",
    received: datetime = NOW,
    schema_version: str | None = None,
) -> Upload:
    return register.receive(
        upload(content, received),
        content,
        "the drop folder",
        look="1:2:3",
        schema_version=schema_version,
    ).upload


def brought_to(register: Register, state: State) -> Upload:
    return lives.brought_to(register, dropped(register), state)


def due(register: Register) -> list[tuple[str, int]]:
    """Uploads that are due, and how many of their runs came to nothing."""
    return [(one.upload, one.attempts) for one in register.asks.due("s")]


@pytest.mark.usefixtures("impatient")
class TestDue:
    @pytest.mark.parametrize("state", STATES)
    def test_what_is_received_or_confirmed_has_work_left(
        self, register: Register, state: State
    ) -> None:
        brought_to(register, state)
        assert bool(due(register)) == (state in ("received", "confirmed"))

    def test_it_comes_in_the_order_in_which_it_was_received(self, register: Register) -> None:
        dropped(register, "A", NOW + timedelta(seconds=2))
        dropped(register, "B", NOW)
        dropped(register, "C", NOW + timedelta(seconds=1))
        assert [key for key, _ in due(register)] == ["B-key", "C-key", "A-key"]

    def test_each_schema_has_its_own(self, register: Register) -> None:
        dropped(register)
        assert register.asks.due("other") == []

    def test_it_says_which_run_was_asked_for_last(self, register: Register) -> None:
        dropped(register)
        register.asks.asked("s", {"A-key": 0}, "first")
        register.asks.asked("s", {"A-key": 1}, "second")
        [one] = register.asks.due("s")
        assert (one.attempts, one.ask) == (1, "second")


class TestPatience:
    def test_a_dropped_file_is_due_at_once(self, register: Register) -> None:
        dropped(register)
        assert due(register) == [("A-key", 0)]

    def test_what_is_asked_for_is_not_due_until_its_run_must_have_shown_up(
        self, register: Register
    ) -> None:
        dropped(register)
        register.asks.asked("s", {"A-key": 0}, "ask")
        assert due(register) == []

    def test_then_it_is_due_again(
        self, register: Register, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dropped(register)
        monkeypatch.setattr("usage_pipeline.register.asks.PATIENCE", timedelta(seconds=-1))
        register.asks.asked("s", {"A-key": 1}, "ask")
        assert due(register) == [("A-key", 1)]

    def test_only_what_is_asked_for_waits(self, register: Register) -> None:
        dropped(register, "A")
        dropped(register, "B")
        register.asks.asked("s", {"A-key": 0}, "ask")
        assert due(register) == [("B-key", 0)]

    def test_what_a_command_brought_is_in_its_hands(self, register: Register) -> None:
        register.receive(upload(), "A", "usage-pipeline ingest")
        assert due(register) == []

    def test_what_a_person_confirms_is_in_their_hands_at_first(self, register: Register) -> None:
        brought_to(register, "confirmed")
        assert due(register) == []


class TestBeginningAnew:
    @pytest.fixture(autouse=True)
    def given_up(self, register: Register) -> None:
        """An upload for which no more runs are asked."""
        dropped(register)
        register.asks.asked("s", {"A-key": 3}, "ask")
        register.give_up("A-key", "s", "it kills its run")

    def test_what_is_given_up_is_not_due(self, register: Register) -> None:
        assert due(register) == []

    def test_dropping_it_again_begins_anew(self, register: Register) -> None:
        dropped(register)
        assert due(register) == [("A-key", 0)]
        assert register.asks.given_up("s", "A-key") is None

    def test_a_command_that_brings_it_again_begins_anew_in_its_own_hands(
        self, register: Register
    ) -> None:
        register.receive(upload(), "A", "usage-pipeline ingest")
        assert due(register) == []
        assert register.asks.given_up("s", "A-key") is None

    @pytest.mark.usefixtures("impatient")
    def test_confirming_begins_anew(self, register: Register) -> None:
        passed = register.judge(register.find("A-key", "s"), verdict())
        register.decide(passed, "confirm", "rita", None, "v1")
        assert due(register) == [("A-key", 0)]

    def test_a_verdict_says_that_it_is_given_up_no_more(self, register: Register) -> None:
        register.judge(register.find("A-key", "s"), verdict())
        assert register.asks.given_up("s", "A-key") is None


class TestGivingUp:
    def give_up(self, register: Register, found: Upload) -> Upload:
        register.asks.asked("s", {found.upload: 2}, "ask")
        return register.give_up(found.upload, "s", "it kills its run")

    def test_what_was_never_checked_becomes_failed(self, register: Register) -> None:
        assert self.give_up(register, brought_to(register, "received")).state == "failed"

    def test_what_is_confirmed_stays_confirmed(self, register: Register) -> None:
        assert self.give_up(register, brought_to(register, "confirmed")).state == "confirmed"

    @pytest.mark.usefixtures("impatient")
    def test_no_more_runs_are_asked_for_either(self, register: Register) -> None:
        self.give_up(register, brought_to(register, "confirmed"))
        assert due(register) == []

    def test_the_reason_is_kept(self, register: Register) -> None:
        found = self.give_up(register, brought_to(register, "received"))
        assert register.asks.given_up("s", found.upload) == "it kills its run"

    def test_the_reason_is_part_of_the_history(self, register: Register) -> None:
        entry = register.history(self.give_up(register, brought_to(register, "received")))[-1]
        assert (entry.action, entry.by, entry.note) == ("give_up", "pipeline", "it kills its run")

    def test_rows_that_come_in_after_all_leave_nothing_given_up(self, register: Register) -> None:
        found = self.give_up(register, brought_to(register, "confirmed"))
        followed(register, found)
        assert register.asks.given_up("s", found.upload) is None


class TestAnotherSchemaVersion:
    def test_what_passed_under_another_version_is_checked_again_when_dropped_again(
        self, register: Register
    ) -> None:
        brought_to(register, "passed")
        assert dropped(register, schema_version="v2").state == "received"
        assert due(register) == [("A-key", 0)]

    def test_what_passed_under_this_version_is_a_repeat(self, register: Register) -> None:
        brought_to(register, "passed")
        assert dropped(register, schema_version="v1").state == "passed"
        assert due(register) == []

    @pytest.mark.parametrize("state", ["confirmed", "ingested", "refused"])
    def test_what_was_decided_stays_decided(self, register: Register, state: State) -> None:
        brought_to(register, state)
        assert dropped(register, schema_version="v2").state == state
