"""What the register knows of dropped files, and of what ops have been told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from usage_pipeline.register import Register, Upload
from usage_pipeline.register.states import STATES, Action, State
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.register.lives import brought_to, followed, verdict

NOW = datetime(2024, 10, 31, 12, tzinfo=UTC)


@pytest.fixture
def register() -> Iterator[Register]:
    with memory_folder() as folder:
        yield Register(f"sqlite:///{folder / 'register.sqlite'}")


def dropped(
    register: Register, name: str = "a.csv", content: str = "A", schema: str = "s"
) -> Upload:
    """The upload of a file with that name and content, dropped."""
    upload = Upload(schema, f"{content}-key", name, content, 5, "received", NOW)
    return register.receive(upload, content, "the drop folder", look=f"1:2:{content}").upload


def handed_in(register: Register, name: str = "a.csv", content: str = "A") -> Upload:
    """The upload of a file that came by a command."""
    upload = Upload("s", f"{content}-key", name, content, 5, "received", NOW)
    return register.receive(upload, content, "usage-pipeline ingest").upload


def settle(register: Register, upload: Upload, state: State = "ingested") -> Upload:
    """Have an upload come to a state."""
    return brought_to(register, upload, state)


def untold(register: Register) -> list[str]:
    return register.drops.untold("s", 100)


def tell(register: Register, name: str = "a.csv") -> None:
    register.drops.told(register.drops.named("s", name, 100))


class TestLyingThere:
    def test_a_dropped_file_may_lie_there_until_it_is_gone(self, register: Register) -> None:
        dropped(register)
        [drop] = register.drops.may_lie_there("s")
        assert (drop.file_name, drop.look) == ("a.csv", "1:2:A")
        register.drops.gone([drop.id])
        assert register.drops.may_lie_there("s") == []

    def test_one_that_is_gone_leaves_the_others(self, register: Register) -> None:
        dropped(register, "a.csv", "A")
        dropped(register, "b.csv", "B")
        register.drops.gone([register.drops.may_lie_there("s")[0].id])
        assert [drop.file_name for drop in register.drops.may_lie_there("s")] == ["b.csv"]

    def test_what_a_command_brought_lies_nowhere(self, register: Register) -> None:
        handed_in(register)
        assert register.drops.may_lie_there("s") == []

    def test_schemas_have_folders_of_their_own(self, register: Register) -> None:
        dropped(register, schema="other")
        assert register.drops.may_lie_there("s") == []


class TestNamed:
    def test_the_newest_comes_first(self, register: Register) -> None:
        for content in "ABC":
            dropped(register, "a.csv", content)
        assert [drop.upload for drop in register.drops.named("s", "a.csv", 2)] == [
            "C-key",
            "B-key",
        ]

    def test_it_says_what_each_drop_was(self, register: Register) -> None:
        settle(register, dropped(register), "refused")
        dropped(register)
        assert [drop.outcome for drop in register.drops.named("s", "a.csv", 9)] == [
            "answered",
            "new",
        ]


class TestUntold:
    @pytest.mark.parametrize("state", STATES)
    def test_an_outcome_is_to_be_told_once_nothing_more_happens_by_itself(
        self, register: Register, state: State
    ) -> None:
        settle(register, dropped(register), state)
        settled = state in ("failed", "passed", "ingested", "refused", "voided")
        assert untold(register) == (["a.csv"] if settled else [])

    def test_what_is_told_is_told_once(self, register: Register) -> None:
        settle(register, dropped(register))
        tell(register)
        assert untold(register) == []

    def test_a_confirmed_upload_that_was_given_up_is_to_be_told(self, register: Register) -> None:
        upload = settle(register, dropped(register), "confirmed")
        register.asks.asked("s", {upload.upload: 2}, "ask")
        register.give_up(upload.upload, "s", "it kills its run")
        assert untold(register) == ["a.csv"]

    def test_what_a_command_brought_is_not_told(self, register: Register) -> None:
        settle(register, handed_in(register))
        assert untold(register) == []

    def test_a_repeat_is_told_at_once(self, register: Register) -> None:
        settle(register, dropped(register))
        tell(register)
        dropped(register, "b.csv")
        assert "b.csv" in untold(register)

    def test_a_name_that_came_again_waits_for_the_last_file(self, register: Register) -> None:
        settle(register, dropped(register, "a.csv", "A"))
        last = dropped(register, "a.csv", "B")
        assert untold(register) == []
        settle(register, last, "failed")
        assert untold(register) == ["a.csv"]

    def test_a_name_is_told_once_however_often_it_was_dropped(self, register: Register) -> None:
        for content in "ABC":
            settle(register, dropped(register, "a.csv", content))
        assert untold(register) == ["a.csv"]

    def test_names_come_in_order_and_no_more_than_asked_for(self, register: Register) -> None:
        for name in ("c.csv", "a.csv", "b.csv"):
            settle(register, dropped(register, name, name))
        assert register.drops.untold("s", 2) == ["a.csv", "b.csv"]

    def test_schemas_are_told_apart(self, register: Register) -> None:
        settle(register, dropped(register, schema="other"))
        assert untold(register) == []


class TestNews:
    @pytest.mark.parametrize(
        ("state", "action"),
        [("passed", "confirm"), ("passed", "refuse"), ("refused", "reopen")],
    )
    def test_every_decision_is_news(self, register: Register, state: State, action: Action) -> None:
        upload = settle(register, dropped(register), state)
        tell(register)
        upload = register.decide(upload, action, "rita", "why", "v1")
        if action == "confirm":
            followed(register, upload)
        assert untold(register) == ["a.csv"]

    def test_a_new_check_is_news(self, register: Register) -> None:
        upload = settle(register, dropped(register))
        tell(register)
        register.judge(upload, verdict())
        assert untold(register) == ["a.csv"]

    def test_being_given_up_is_news(self, register: Register) -> None:
        upload = dropped(register)
        register.give_up(upload.upload, "s", "it kills its run")
        assert untold(register) == ["a.csv"]

    def test_the_same_bytes_again_are_news_for_every_name_they_had(
        self, register: Register
    ) -> None:
        settle(register, dropped(register, "a.csv"))
        tell(register, "a.csv")
        dropped(register, "b.csv")
        assert untold(register) == ["a.csv", "b.csv"]

    def test_saying_twice_that_rows_are_in_is_no_news(self, register: Register) -> None:
        upload = settle(register, dropped(register))
        tell(register)
        followed(register, upload)
        assert untold(register) == []

    def test_what_changes_between_reading_and_telling_is_told_again(
        self, register: Register
    ) -> None:
        upload = settle(register, dropped(register), "passed")
        read = register.drops.named("s", "a.csv", 9)
        register.decide(upload, "refuse", "rita", "no", "v1")
        register.drops.told(read)
        assert untold(register) == ["a.csv"]
