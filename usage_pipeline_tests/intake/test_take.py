"""From the drop folder into the archive: whatever happens meanwhile, nothing is lost or doubled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from itertools import count
from pathlib import Path
from threading import Timer

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from usage_pipeline.intake.archive import STAGED_SECONDS
from usage_pipeline.intake.take import TakenElsewhere
from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.dropping import (
    append,
    archived,
    at_that_instant,
    drop,
    drop_place,
    drops_of,
    look_fast,
    names_in,
    rename_over,
    rest,
    take,
)
from usage_pipeline_tests.killing import killed_at
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.workplace import Workplace

RECEIVE_FILE = "usage_pipeline.intake.take.receive_file"
LET_GO = "usage_pipeline.intake.take._let_go"
REMOVE = "usage_pipeline.intake.take._remove"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    with memory_folder() as folder:
        yield workplace(folder, monkeypatch)


@pytest.fixture(autouse=True)
def _look_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    look_fast(monkeypatch)


def states(work: Workplace) -> list[tuple[str, str]]:
    return [(upload.file_name, upload.state) for upload in work.register.uploads()]


def received(work: Workplace) -> list[str]:
    """The contents that the register knows of."""
    archive = work.flow().archive
    found = work.register.uploads()
    return sorted(archive.original(one.schema, one.upload).read_text() for one in found)


def outcomes(work: Workplace) -> list[tuple[str, str]]:
    """Every drop by file name, and what it was."""
    names = {upload.file_name for upload in work.register.uploads()}
    return [(name, outcome) for name in sorted(names) for outcome in drops_of(work, name)]


def steps_until_the_end(
    monkeypatch: pytest.MonkeyPatch, crash: Callable[[Workplace, int], bool]
) -> int:
    """`crash` at step 0, 1, 2 and so on, each in a place of its own, until nothing is killed."""
    for step in count():
        with memory_folder() as folder:
            if not crash(workplace(folder, monkeypatch), step):
                return step
    raise AssertionError


class TestTaking:
    def test_a_file_leaves_the_folder_for_the_archive(self, work: Workplace) -> None:
        drop(work, "a.csv", "a\n")
        take(work)
        assert names_in(drop_place(work)) == []
        assert archived(work) == ["a\n"]
        assert states(work) == [("a.csv", "received")]

    def test_files_are_received_in_the_order_in_which_they_were_written(
        self, work: Workplace
    ) -> None:
        for name, rested in (("a.csv", 20), ("b.csv", 40), ("c.csv", 30)):
            drop(work, name, name, rested=rested)
        receipts = take(work).receipts
        assert [receipt.upload.file_name for receipt in receipts] == ["b.csv", "c.csv", "a.csv"]
        assert [upload.file_name for upload in work.register.uploads()] == [
            "b.csv",
            "c.csv",
            "a.csv",
        ]

    def test_what_is_left_alone_is_named(self, work: Workplace) -> None:
        drop(work, "a.csv.part", "a\n")
        drop(work, "b.csv", "b\n")
        assert take(work).left_alone == {"a.csv.part": "its name is hidden or temporary"}
        assert names_in(drop_place(work)) == ["a.csv.part"]

    def test_the_register_hears_of_a_file_only_when_its_bytes_are_archived(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[tuple[list[str], list[str]]] = []
        from usage_pipeline.register import Register

        receive = Register.receive

        def look_then_receive(*args: object, **kwargs: object) -> object:
            seen.append((archived(work), names_in(drop_place(work))))
            return receive(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(Register, "receive", look_then_receive)
        drop(work, "a.csv", "a\n")
        take(work)
        assert seen == [(["a\n"], ["a.csv"])]

    def test_a_file_leaves_only_when_the_register_has_it(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there: list[list[str]] = []
        at_that_instant(
            monkeypatch, RECEIVE_FILE, after=lambda: there.append(names_in(drop_place(work)))
        )
        drop(work, "a.csv", "a\n")
        take(work)
        assert there == [["a.csv"]]

    def test_the_same_bytes_under_another_name_are_a_repeat_that_leaves_too(
        self, work: Workplace
    ) -> None:
        drop(work, "a.csv", "a\n")
        take(work)
        drop(work, "b.csv", "a\n")
        take(work)
        assert names_in(drop_place(work)) == []
        assert archived(work) == ["a\n"]
        assert len(work.register.uploads()) == 1
        assert drops_of(work, "b.csv") == ["again"]

    def test_one_file_under_two_names_is_dropped_twice_and_archived_once(
        self, work: Workplace
    ) -> None:
        (drop_place(work) / "b.csv").hardlink_to(drop(work, "a.csv", "a\n"))
        take(work)
        assert names_in(drop_place(work)) == []
        assert archived(work) == ["a\n"]
        assert (drops_of(work, "a.csv"), drops_of(work, "b.csv")) == (["new"], ["again"])

    def test_a_file_that_has_a_name_elsewhere_too_keeps_that_one(self, work: Workplace) -> None:
        kept = work.files / "kept.csv"
        kept.hardlink_to(drop(work, "a.csv", "a\n"))
        take(work)
        assert kept.read_text() == "a\n"

    @pytest.mark.parametrize(
        "name", [b"caf\xe9.csv", b"two\nlines.csv", b"\x1b[2J.csv", b"a" * 255, b"$(rm -r .).csv"]
    )
    def test_any_name_is_taken(self, work: Workplace, name: bytes) -> None:
        drop(work, os.fsdecode(name), "a\n")
        take(work)
        assert names_in(drop_place(work)) == []
        assert archived(work) == ["a\n"]

    def test_a_folder_that_is_missing_is_an_error(self, work: Workplace) -> None:
        with pytest.raises(FileNotFoundError):
            take(work)

    def test_copies_that_a_killed_process_left_are_swept_when_nobody_can_be_at_them(
        self, work: Workplace
    ) -> None:
        drop(work, "a.csv", "a\n")
        staging = work.folder.uploads / ".staging"
        staging.mkdir(parents=True)
        for name, rested in (("old", STAGED_SECONDS + 60), ("at work", STAGED_SECONDS - 60)):
            (staging / name).touch()
            rest(staging / name, rested)
        take(work)
        assert names_in(staging) == ["at work"]

    def test_a_copy_that_another_schema_has_done_with_meanwhile_is_no_trouble(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(work, "a.csv", "a\n")
        staging = work.folder.uploads / ".staging"
        staging.mkdir(parents=True)
        (staging / "theirs").touch()
        scandir = os.scandir

        def listed_then_gone(path: Path) -> AbstractContextManager[Iterable[os.DirEntry[str]]]:
            with scandir(path) as found:
                entries = list(found)
            (staging / "theirs").unlink(missing_ok=True)
            return nullcontext(entries)

        monkeypatch.setattr("usage_pipeline.intake.archive.os.scandir", listed_then_gone)
        take(work)
        assert archived(work) == ["a\n"]


class TestOtherProgramsMeanwhile:
    def test_a_file_that_grows_before_it_is_copied_stays_and_is_taken_whole_the_next_time(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(work, "a.csv", "a\n")
        at_that_instant(monkeypatch, RECEIVE_FILE, before=lambda: append(path, "b\n"))
        assert "changed while it was read" in take(work).left_alone["a.csv"]
        assert archived(work) == []
        rest(path)
        take(work)
        assert archived(work) == ["a\nb\n"]
        assert drops_of(work, "a.csv") == ["new"]

    def test_a_file_that_grows_while_it_is_copied_stays_and_is_taken_whole_the_next_time(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(work, "a.csv", "a\n")
        at_that_instant(
            monkeypatch,
            "usage_pipeline.intake.archive._blocks_of",
            before=lambda: append(path, "b\n"),
        )
        take(work)
        assert archived(work) == []
        rest(path)
        take(work)
        assert archived(work) == ["a\nb\n"]

    def test_a_file_that_grows_after_the_register_has_it_stays_and_is_taken_whole_too(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(work, "a.csv", "a\n")
        at_that_instant(monkeypatch, RECEIVE_FILE, after=lambda: append(path, "b\n"))
        take(work)
        assert path.read_text() == "a\nb\n"
        rest(path)
        take(work)
        assert archived(work) == ["a\n", "a\nb\n"]
        assert names_in(drop_place(work)) == []

    def test_a_file_renamed_over_the_name_before_it_leaves_is_not_lost(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(work, "a.csv", "old\n")
        at_that_instant(
            monkeypatch, RECEIVE_FILE, after=lambda: rename_over(work, "a.csv", "new\n")
        )
        take(work)
        take(work)
        assert archived(work) == ["new\n", "old\n"]

    def test_a_file_renamed_over_the_name_at_the_last_moment_is_not_lost(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(work, "a.csv", "old\n")
        at_that_instant(monkeypatch, REMOVE, before=lambda: rename_over(work, "a.csv", "new\n"))
        take(work)
        assert (drop_place(work) / "a.csv").read_text() == "new\n"
        take(work)
        assert archived(work) == ["new\n", "old\n"]
        assert drops_of(work, "a.csv") == ["new", "new"]

    def test_nor_is_a_third_one_that_takes_the_name_while_the_second_is_put_back(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(work, "a.csv", "first\n")
        at_that_instant(monkeypatch, REMOVE, before=lambda: rename_over(work, "a.csv", "second\n"))
        at_that_instant(
            monkeypatch,
            "usage_pipeline.intake.take._put_back",
            before=lambda: rename_over(work, "a.csv", "third\n"),
        )
        take(work)
        assert len(names_in(drop_place(work))) == 2
        take(work)
        assert archived(work) == ["first\n", "second\n", "third\n"]

    def test_a_file_that_is_taken_away_before_it_is_copied_is_said_to_be_gone(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(work, "a.csv", "a\n")
        at_that_instant(monkeypatch, RECEIVE_FILE, before=path.unlink)
        assert "There is no file" in take(work).left_alone["a.csv"]

    def test_a_file_that_is_taken_away_at_the_last_moment_is_no_trouble(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(work, "a.csv", "a\n")
        at_that_instant(monkeypatch, REMOVE, before=path.unlink)
        take(work)
        assert archived(work) == ["a\n"]
        assert work.register.drops.may_lie_there("api_usage") == []

    def test_a_file_that_becomes_a_link_before_it_is_copied_is_not_read(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(work, "a.csv", "a\n")
        at_that_instant(
            monkeypatch,
            RECEIVE_FILE,
            before=lambda: path.symlink_to(path.rename(work.files / "secret.csv")),
        )
        assert "symbolic link" in take(work).left_alone["a.csv"]
        assert archived(work) == []

    def test_what_is_left_alone_can_be_shown_whatever_its_name_is(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(work, os.fsdecode(b"caf\xe9.csv"), "a\n")
        at_that_instant(monkeypatch, RECEIVE_FILE, before=lambda: append(path, "b\n"))
        [(name, why)] = take(work).left_alone.items()
        assert name == "caf\\xe9.csv"
        assert why.encode("utf-8")


class TestTwoAtOnce:
    def test_the_second_is_told_that_another_is_at_it(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []

        def take_too() -> None:
            with pytest.raises(TakenElsewhere) as error:
                take(work)
            told.append(str(error.value))

        drop(work, "a.csv", "a\n")
        at_that_instant(monkeypatch, RECEIVE_FILE, before=take_too)
        take(work)
        assert told == ["files for api_usage are being taken by another run"]
        assert drops_of(work, "a.csv") == ["new"]

    def test_one_that_may_wait_takes_its_turn(self, work: Workplace) -> None:
        drop(work, "a.csv", "a\n")
        work.folder.warehouse.parent.mkdir(exist_ok=True)
        held = FileLock(work.folder.warehouse.parent / "drop-api_usage.lock", thread_local=False)
        held.acquire()
        Timer(0.3, held.release).start()
        taken = work.flow().take_dropped(most=200, seconds=60, large="take", wait=30)
        assert [receipt.outcome for receipt in taken.receipts] == ["new"]

    def test_so_is_another_process(self, work: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
        ended: list[bool] = []

        def take_too() -> None:
            with pytest.raises(TakenElsewhere):
                take(work)

        drop(work, "a.csv", "a\n")
        at_that_instant(
            monkeypatch,
            RECEIVE_FILE,
            before=lambda: ended.append(not killed_at(1000, work.data, take_too)),
        )
        take(work)
        assert ended == [True]

    def test_schemas_do_not_wait_for_each_other(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(work, "a.csv", "a\n")
        other = work.flow("storage_summary")
        other.drop_folder.mkdir()
        at_that_instant(
            monkeypatch,
            RECEIVE_FILE,
            before=lambda: other.take_dropped(most=1, seconds=1, large="take"),
        )
        take(work)
        assert archived(work) == ["a\n"]


class TestALinkInOurPlace:
    def test_it_is_refused(self, work: Workplace) -> None:
        drop(work, "a.csv", "a\n")
        (drop_place(work) / ".taking").symlink_to(work.files)
        with pytest.raises(OSError, match="is a symbolic link; remove it"):
            take(work)

    def test_nothing_behind_it_is_touched(self, work: Workplace) -> None:
        drop(work, "a.csv", "a\n")
        (theirs := work.files / "theirs").mkdir()
        (theirs / "a.csv").write_text("theirs\n")
        (drop_place(work) / ".taking").symlink_to(theirs)
        with suppress(OSError):
            take(work)
        assert (theirs / "a.csv").read_text() == "theirs\n"
        assert (drop_place(work) / "a.csv").read_text() == "a\n"

    def test_nor_when_it_is_made_at_the_last_moment(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(work, "a.csv", "a\n")
        (theirs := work.files / "theirs").mkdir()
        at_that_instant(
            monkeypatch,
            RECEIVE_FILE,
            after=lambda: (drop_place(work) / ".taking").symlink_to(theirs),
        )
        with pytest.raises(OSError, match="is a symbolic link; remove it"):
            take(work)
        assert names_in(theirs) == []

    def test_when_it_is_mended_nothing_is_taken_twice(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(work, "a.csv", "a\n")
        link = drop_place(work) / ".taking"
        at_that_instant(monkeypatch, RECEIVE_FILE, after=lambda: link.symlink_to(work.files))
        with suppress(OSError):
            take(work)
        link.unlink()
        take(work)
        assert drops_of(work, "a.csv") == ["new"]
        assert names_in(drop_place(work)) == []


class TestHowMuchAtATime:
    def test_the_rest_waits_for_the_next_time(self, work: Workplace) -> None:
        for name in "abcde":
            drop(work, name, name + "\n")
        first = take(work, most=2)
        assert (len(first.receipts), first.waiting) == (2, 3)
        assert names_in(drop_place(work)) == ["c", "d", "e"]
        second = take(work, most=200)
        assert (len(second.receipts), second.waiting) == (3, 0)

    def test_time_that_is_up_ends_it_after_one_file_at_least(self, work: Workplace) -> None:
        for name in "abc":
            drop(work, name, name + "\n")
        taken = take(work, seconds=0)
        assert (len(taken.receipts), taken.waiting) == (1, 2)


class TestLargeFiles:
    @pytest.fixture(autouse=True)
    def files(self, work: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
        """Small, large, small, in this order."""
        monkeypatch.setattr("usage_pipeline.intake.take.LARGE", 10)
        drop(work, "1.csv", "a\n", rested=40)
        drop(work, "2.csv", "eleven by\n\n", rested=30)
        drop(work, "3.csv", "b\n", rested=20)

    def test_waiting_takes_none_that_came_behind_a_large_one(self, work: Workplace) -> None:
        taken = take(work, large="wait")
        assert (taken.large, taken.waiting) == (["2.csv"], 2)
        assert names_in(drop_place(work)) == ["2.csv", "3.csv"]

    def test_passing_over_takes_the_others(self, work: Workplace) -> None:
        taken = take(work, large="pass over")
        assert taken.large == ["2.csv"]
        assert names_in(drop_place(work)) == ["2.csv"]

    def test_taking_takes_them_in_their_order(self, work: Workplace) -> None:
        taken = take(work, large="take")
        assert [one.upload.file_name for one in taken.receipts] == ["1.csv", "2.csv", "3.csv"]
        assert taken.large == []

    def test_a_file_of_just_that_size_is_not_large(self, work: Workplace) -> None:
        drop(work, "2.csv", "ten bytes\n", rested=30)
        assert take(work, large="wait").large == []


class TestCrashes:
    def test_at_any_step_the_next_time_ends_where_it_would_have_ended(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash_and_take_again(work: Workplace, step: int) -> bool:
            drop(work, "a.csv", "a\n")
            drop(work, "b.csv", "b\n")
            killed = killed_at(step, work.data, lambda: take(work))
            take(work)
            assert archived(work) == ["a\n", "b\n"]
            assert outcomes(work) == [("a.csv", "new"), ("b.csv", "new")]
            assert names_in(drop_place(work)) == []
            return killed

        assert steps_until_the_end(monkeypatch, crash_and_take_again) > 20

    def test_an_archive_that_cannot_be_written_leaves_the_file_where_it_is(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full_disk(_: int) -> None:
            raise OSError(28, "No space left on device")

        drop(work, "a.csv", "a\n")
        with monkeypatch.context() as broken:
            broken.setattr("usage_pipeline.intake.archive.os.fsync", full_disk)
            with pytest.raises(OSError, match="No space left"):
                take(work)
        assert names_in(drop_place(work)) == ["a.csv"]
        assert work.register.uploads() == []
        take(work)
        assert drops_of(work, "a.csv") == ["new"]


class DropFolderMachine(RuleBasedStateMachine):
    """Drops, replacements, writes, takes and crashes in any order."""

    names = st.sampled_from(["a.csv", "b.csv", "c.csv"])

    @initialize()
    def begin(self) -> None:
        self.room = ExitStack()
        self.patch = self.room.enter_context(pytest.MonkeyPatch.context())
        self.work = workplace(self.room.enter_context(memory_folder()), self.patch)
        look_fast(self.patch)
        drop_place(self.work)
        self.number = 0
        #: What lies in the folder, as the other programs know it: {name: content}.
        self.last: dict[str, str] = {}
        #: What another program has overwritten or added to, so that it may have come or not.
        self.changed: set[str] = set()

    def _put(self, name: str, content: str) -> None:
        if name in self.last:
            self.changed.add(self.last[name])
        self.last[name] = content
        rename_over(self.work, name, content)

    @rule(name=names)
    def rename_over(self, name: str) -> None:
        self.number += 1
        self._put(name, f"{self.number}\n")

    @rule(name=names)
    def add_a_line(self, name: str) -> None:
        path = drop_place(self.work) / name
        if path.exists():
            self.changed.add(self.last[name])
            self.number += 1
            self.last[name] = path.read_text() + f"{self.number}\n"
            append(path, f"{self.number}\n")
            rest(path)

    @rule(most=st.integers(1, 3))
    def take(self, most: int) -> None:
        take(self.work, most=most)

    @rule(step=st.integers(0, 60))
    def take_and_crash(self, step: int) -> None:
        killed_at(step, self.work.data, lambda: take(self.work))

    def teardown(self) -> None:
        if not hasattr(self, "room"):
            return
        with self.room:
            take(self.work)
            take(self.work)
            kept = archived(self.work)
            assert set(self.last.values()) <= set(received(self.work))
            assert set(kept) <= self.changed | set(self.last.values())
            came = len(received(self.work))
            assert [outcome for _, outcome in outcomes(self.work)] == ["new"] * came
            assert len(kept) == len(set(kept))
            assert names_in(drop_place(self.work)) == []


def test_nothing_is_lost_or_doubled_in_whatever_order_things_happen() -> None:
    run_state_machine_as_test(
        DropFolderMachine,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


class TestTooLarge:
    """A file that is larger than `csv.max_file_size` may not be taken at all."""

    @pytest.fixture(autouse=True)
    def _small(self, work: Workplace) -> None:
        at_most(work, "10")

    def test_it_is_moved_to_failed_with_its_reason(self, work: Workplace) -> None:
        drop(work, "big.csv", "0123456789\n")
        left = take(work).left_alone
        assert left["big.csv"].startswith("moved to failed/: The file has 11 bytes; at most 10")
        assert names_in(drop_place(work)) == ["failed"]
        assert names_in(drop_place(work) / "failed") == ["big.csv", "big.csv.txt"]
        assert (drop_place(work) / "failed" / "big.csv").read_text() == "0123456789\n"
        note = (drop_place(work) / "failed" / "big.csv.txt").read_text()
        assert "csv.max_file_size" in note
        assert "What to do" in note

    def test_nothing_of_it_is_archived_or_registered(self, work: Workplace) -> None:
        drop(work, "big.csv", "0123456789\n")
        take(work)
        assert archived(work) == []
        assert states(work) == []

    def test_it_stops_no_other_file(self, work: Workplace) -> None:
        drop(work, "big.csv", "0123456789\n", rested=40)
        drop(work, "small.csv", "a\n", rested=30)
        take(work)
        assert archived(work) == ["a\n"]

    def test_another_one_of_its_name_does_not_replace_it(self, work: Workplace) -> None:
        for content in ("first, too large\n", "second, too large\n"):
            drop(work, "big.csv", content)
            take(work)
        kept = [path for path in (drop_place(work) / "failed").iterdir() if path.suffix != ".txt"]
        assert sorted(path.read_text() for path in kept) == [
            "first, too large\n",
            "second, too large\n",
        ]

    def test_the_note_on_another_file_never_replaces_it(self, work: Workplace) -> None:
        drop(work, "a.csv.txt", "too large, and called as a note\n")
        take(work)
        drop(work, "a.csv", "also too large\n")
        take(work)
        kept = [path for path in (drop_place(work) / "failed").iterdir() if path.suffix == ".kept"]
        assert [path.read_text() for path in kept] == ["too large, and called as a note\n"]

    def test_it_is_taken_when_the_limit_is_raised_and_it_is_dropped_again(
        self, work: Workplace
    ) -> None:
        drop(work, "big.csv", "0123456789\n")
        take(work)
        at_most(work, "1MB")
        kept = drop_place(work) / "failed" / "big.csv"
        kept.rename(drop_place(work) / "big.csv")
        take(work)
        assert archived(work) == ["0123456789\n"]

    def test_a_file_system_without_links_keeps_it_too(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError("no links here")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        drop(work, "big.csv", "0123456789\n")
        take(work)
        [kept] = (drop_place(work) / "failed").glob("*.kept")
        assert kept.read_text() == "0123456789\n"
        assert names_in(drop_place(work)) == ["failed"]

    def test_a_crash_at_any_step_loses_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(work: Workplace, step: int) -> bool:
            at_most(work, "10")
            drop(work, "big.csv", "0123456789\n")
            killed = killed_at(step, work.data, lambda: take(work))
            take(work)
            failed = drop_place(work) / "failed"
            assert "0123456789\n" in {path.read_text() for path in failed.glob("big.csv*")}
            assert (failed / "big.csv.txt").exists()
            assert names_in(drop_place(work)) == ["failed"]
            return killed

        assert steps_until_the_end(monkeypatch, crash) > 5


def at_most(work: Workplace, size: str) -> None:
    """Describe `api_usage` with a limit on the size of its files."""
    shipped = work.defs / "api_usage" / "defs.yaml"
    kept = [line for line in shipped.read_text().splitlines() if not line.startswith("  csv:")]
    kept.insert(kept.index("  metrics:"), f"  csv: {{max_file_size: {size}}}")
    work.describe("api_usage", "\n".join(kept) + "\n")
