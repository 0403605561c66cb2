"""What ops read of the files they dropped: what became of each, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from usage_pipeline.outcomes import EARLIER_DROPS, tell_outcome, tell_outcomes
from usage_pipeline.register import Upload
from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.dropping import (
    at_that_instant,
    drop,
    drop_place,
    faulty_usage,
    look_fast,
    names_in,
    take,
    usage,
    work_off,
)
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.workplace import HEADER, Workplace


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    look_fast(monkeypatch)
    with memory_folder() as folder:
        yield workplace(folder, monkeypatch)


def confirm_by_hand(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("confirm: automatic", "confirm: manual"))


def dropped(work: Workplace, name: str, text: str) -> Upload:
    """The upload of a file that was dropped and taken."""
    drop(work, name, text)
    return take(work).receipts[-1].upload


def tell(work: Workplace) -> None:
    tell_outcomes(work.flow(), seconds=60)


def done(work: Workplace, name: str) -> list[str]:
    """The lines of the note in done/."""
    return (drop_place(work) / "done" / f"{name}.txt").read_text().splitlines()


def failed(work: Workplace, name: str) -> list[str]:
    """The lines of the note in failed/."""
    return (drop_place(work) / "failed" / f"{name}.txt").read_text().splitlines()


def notes(work: Workplace) -> list[str]:
    place = drop_place(work)
    return [f"{folder}/{name}" for folder in names_in(place) for name in names_in(place / folder)]


class TestIngested:
    @pytest.fixture
    def note(self, work: Workplace) -> list[str]:
        self.upload = dropped(work, "a.csv", usage("e1") + usage("e1").splitlines()[1] + "\n")
        work_off(work.flow())
        tell(work)
        return done(work, "a.csv")

    def test_the_first_line_says_it(self, note: list[str]) -> None:
        assert note[0] == "a.csv: ingested. Its events count."

    def test_lines_and_events_are_counted(self, note: list[str]) -> None:
        assert note[1] == "Lines: 2, of which 2 valid and 0 invalid."
        assert note[2].startswith("Events: 1 ingested; 1 were in already (duplicates); 0 replaced")

    def test_warnings_are_named(self, note: list[str]) -> None:
        assert any(line.startswith("  1 × duplicate-in-file (warning, ") for line in note)

    def test_the_last_line_leads_to_the_upload(self, note: list[str]) -> None:
        assert note[-1].startswith("Dropped 20")
        assert note[-1].endswith(f" UTC. Upload: {self.upload.upload}")

    def test_there_is_nothing_to_do(self, note: list[str]) -> None:
        assert not any(line.startswith("What to do") for line in note)


class TestFailed:
    @pytest.fixture
    def note(self, work: Workplace) -> list[str]:
        self.upload = dropped(work, "a.csv", faulty_usage("e1"))
        work_off(work.flow())
        tell(work)
        assert notes(work) == ["failed/a.csv.txt"]
        return failed(work, "a.csv")

    def test_the_first_line_says_it(self, note: list[str]) -> None:
        assert note[0] == "a.csv: failed. Nothing of it counts."

    def test_each_kind_of_error_is_counted_and_comes_with_advice(self, note: list[str]) -> None:
        [told] = [line for line in note if "timestamp-format" in line]
        assert told.startswith("  1 × timestamp-format (")
        assert len(told) > len("  1 × timestamp-format ().") + 20

    def test_the_errors_are_located_by_line_and_column(self, note: list[str]) -> None:
        first = note.index("The errors:")
        assert [line.split(":")[0] for line in note[first + 1 : first + 3]] == [
            "  line 2, column When",
            "  line 2, column API Calls",
        ]

    def test_it_says_what_to_do(self, note: list[str]) -> None:
        [advice] = [line for line in note if line.startswith("What to do: ")]
        assert f"`usage-pipeline errors {self.upload.upload}`" in advice
        assert advice.endswith("correct the file and send it again.")

    def test_of_many_errors_the_first_are_shown(self, work: Workplace) -> None:
        wrong = [f"e{n},acme,nonsense,1,1,us-east" for n in range(9)]
        dropped(work, "many.csv", "\n".join([HEADER, *wrong]) + "\n")
        work_off(work.flow())
        tell(work)
        note = failed(work, "many.csv")
        first = note.index("The first errors:")
        assert [line.split(",")[0] for line in note[first + 1 : first + 6]] == [
            f"  line {n}" for n in range(2, 7)
        ]
        assert note[first + 6].startswith("What to do")

    def test_a_file_that_cannot_be_read_at_all_says_why(self, work: Workplace) -> None:
        dropped(work, "empty.csv", "")
        work_off(work.flow())
        tell(work)
        assert any("empty-file" in line for line in failed(work, "empty.csv"))


class TestWaitingForAPerson:
    @pytest.fixture
    def upload(self, work: Workplace) -> Upload:
        confirm_by_hand(work)
        upload = dropped(work, "a.csv", usage("e1"))
        work_off(work.flow())
        tell(work)
        return work.upload(upload.upload)

    def test_the_note_says_what_the_person_does(self, work: Workplace, upload: Upload) -> None:
        note = done(work, "a.csv")
        assert note[0] == "a.csv: passed its checks, and waits for a person."
        [advice] = [line for line in note if line.startswith("What to do: ")]
        assert "launch the job api_usage_confirm_upload on its partition" in advice
        assert f"`usage-pipeline confirm {upload.upload} --by NAME`" in advice

    def test_a_refusal_names_the_person_and_the_reason(
        self, work: Workplace, upload: Upload
    ) -> None:
        work.register.decide(upload, "refuse", "rita", "wrong month", upload.schema_version)
        tell(work)
        note = failed(work, "a.csv")
        assert note[0] == "a.csv: refused by a person. Nothing of it counts."
        assert "Refused by rita: wrong month" in note
        assert any("usage-pipeline reopen" in line for line in note)

    def test_the_note_moves_to_failed_and_back_to_done(
        self, work: Workplace, upload: Upload
    ) -> None:
        register = work.register
        refused = register.decide(upload, "refuse", "rita", "no", upload.schema_version)
        tell(work)
        assert notes(work) == ["failed/a.csv.txt"]
        register.decide(refused, "reopen", "rita", "yes", upload.schema_version)
        tell(work)
        assert notes(work) == ["done/a.csv.txt"]

    def test_confirming_it_makes_a_new_note_once_it_is_in(
        self, work: Workplace, upload: Upload
    ) -> None:
        work.flow().confirm(upload.upload, "rita", None)
        tell(work)
        assert "waits for a person" in done(work, "a.csv")[0]
        work_off(work.flow())
        tell(work)
        assert done(work, "a.csv")[0] == "a.csv: ingested. Its events count."

    def test_what_a_person_types_forges_no_line(self, work: Workplace, upload: Upload) -> None:
        reason = "no\na.csv: ingested."
        work.register.decide(upload, "refuse", "rita", reason, upload.schema_version)
        tell(work)
        assert "Refused by rita: no\\na.csv: ingested." in failed(work, "a.csv")


class TestRepeats:
    def test_the_same_bytes_again_say_when_they_came_first(self, work: Workplace) -> None:
        first = dropped(work, "first.csv", usage("e1"))
        work_off(work.flow())
        dropped(work, "again.csv", usage("e1"))
        tell(work)
        note = done(work, "again.csv")
        assert note[0] == "again.csv: ingested. Its events count."
        when = work.upload(first.upload).received_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        assert f"The same bytes came before, as first.csv on {when}: nothing counts twice." in note

    def test_the_first_file_is_not_called_a_repeat(self, work: Workplace) -> None:
        dropped(work, "first.csv", usage("e1"))
        work_off(work.flow())
        dropped(work, "again.csv", usage("e1"))
        tell(work)
        assert not any("came before" in line for line in done(work, "first.csv"))

    def test_a_failed_file_again_is_checked_afresh(self, work: Workplace) -> None:
        for name in ("first.csv", "again.csv"):
            dropped(work, name, faulty_usage("e1"))
            work_off(work.flow())
        tell(work)
        assert not any("came before" in line for line in failed(work, "again.csv"))

    def test_a_refused_file_again_is_answered(self, work: Workplace) -> None:
        confirm_by_hand(work)
        upload = dropped(work, "a.csv", usage("e1"))
        work_off(work.flow())
        passed = work.upload(upload.upload)
        work.register.decide(passed, "refuse", "rita", "no", passed.schema_version)
        dropped(work, "a.csv", usage("e1"))
        tell(work)
        note = failed(work, "a.csv")
        assert "Refused by rita: no" in note
        assert any(line.startswith("The same bytes came before, as a.csv on ") for line in note)


class TestGivenUp:
    @pytest.fixture
    def upload(self, work: Workplace) -> Upload:
        return dropped(work, "a.csv", usage("e1"))

    def give_up(self, work: Workplace, upload: Upload) -> None:
        work.register.asks.asked("api_usage", {upload.upload: 2}, "ask")
        work.register.give_up(upload.upload, "api_usage", "3 runs ended; the last: out of memory")

    def test_the_note_says_why_and_what_to_do(self, work: Workplace, upload: Upload) -> None:
        self.give_up(work, upload)
        tell(work)
        assert failed(work, "a.csv")[:3] == [
            "a.csv: not done.",
            "3 runs ended; the last: out of memory",
            "What to do: when the cause is mended, drop the file again.",
        ]

    def test_dropped_again_and_ingested_it_is_done(self, work: Workplace, upload: Upload) -> None:
        self.give_up(work, upload)
        tell(work)
        dropped(work, "a.csv", usage("e1"))
        work_off(work.flow())
        tell(work)
        assert notes(work) == ["done/a.csv.txt"]

    def test_a_confirmed_one_that_another_run_ingests_after_all_is_done(
        self, work: Workplace, upload: Upload
    ) -> None:
        flow = work.flow()
        flow.open_ledger()
        list(flow.check([upload]))
        self.give_up(work, upload)
        tell(work)
        assert notes(work) == ["failed/a.csv.txt"]
        work_off(work.flow())
        assert work.upload(upload.upload).state == "ingested"
        tell(work)
        assert notes(work) == ["done/a.csv.txt"]


class TestOneName:
    def test_earlier_files_of_the_name_are_listed_with_what_became_of_them(
        self, work: Workplace
    ) -> None:
        first = dropped(work, "a.csv", faulty_usage("e1"))
        work_off(work.flow())
        second = dropped(work, "a.csv", usage("e2"))
        work_off(work.flow())
        dropped(work, "a.csv", usage("e3"))
        work_off(work.flow())
        tell(work)
        note = done(work, "a.csv")
        earlier = note[note.index("Earlier files of this name:") + 1 :]
        assert [line.split()[-2:] for line in earlier] == [
            ["ingested", second.upload],
            ["failed", first.upload],
        ]

    def test_the_note_is_about_the_last_one(self, work: Workplace) -> None:
        dropped(work, "a.csv", usage("e1"))
        dropped(work, "a.csv", faulty_usage("e2"))
        work_off(work.flow())
        tell(work)
        assert notes(work) == ["failed/a.csv.txt"]

    def test_however_often_a_name_was_dropped_there_is_an_end_to_telling(
        self, work: Workplace
    ) -> None:
        for number in range(EARLIER_DROPS + 3):
            dropped(work, "a.csv", usage(f"e{number}"))
        work_off(work.flow())
        tell(work)
        assert work.register.drops.untold("api_usage", 10) == []


class TestOneUploadOfManyNames:
    def test_each_name_has_its_note(self, work: Workplace) -> None:
        dropped(work, "a.csv", usage("e1"))
        dropped(work, "b.csv", usage("e1"))
        work_off(work.flow())
        tell(work)
        assert notes(work) == ["done/a.csv.txt", "done/b.csv.txt"]


class TestOddNames:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [("two\nlines.csv", "two\\nlines.csv"), ("\x1b[2J.csv", "\\x1b[2J.csv")],
    )
    def test_a_name_is_shown_in_one_harmless_line(
        self, work: Workplace, name: str, shown: str
    ) -> None:
        dropped(work, name, usage("e1"))
        work_off(work.flow())
        tell(work)
        assert done(work, name)[0] == f"{shown}: ingested. Its events count."

    def test_the_longest_name_has_its_note(self, work: Workplace) -> None:
        dropped(work, "n" * 255, usage("e1"))
        work_off(work.flow())
        tell(work)
        [note] = (drop_place(work) / "done").iterdir()
        assert note.read_text().startswith("n" * 255)

    def test_what_a_cell_holds_moves_no_cursor(self, work: Workplace) -> None:
        dropped(work, "a.csv", usage("e1").replace("acme,2024", "acme,\x1b[2J2024"))
        work_off(work.flow())
        tell(work)
        text = "\n".join(failed(work, "a.csv"))
        assert "\x1b" not in text
        assert "\\x1b[2J2024" in text


class TestTelling:
    def test_what_is_told_is_not_written_again(self, work: Workplace) -> None:
        dropped(work, "a.csv", usage("e1"))
        work_off(work.flow())
        tell(work)
        (drop_place(work) / "done" / "a.csv.txt").unlink()
        tell(work)
        assert notes(work) == []

    def test_nothing_is_told_of_a_file_that_is_on_its_way(self, work: Workplace) -> None:
        dropped(work, "a.csv", usage("e1"))
        tell(work)
        assert names_in(drop_place(work)) == []

    def test_a_state_that_changes_while_it_is_told_is_told_again(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        confirm_by_hand(work)
        upload = dropped(work, "a.csv", usage("e1"))
        work_off(work.flow())
        passed = work.upload(upload.upload)
        at_that_instant(
            monkeypatch,
            "usage_pipeline.outcomes.write_note",
            before=lambda: work.register.decide(
                passed, "refuse", "rita", "no", passed.schema_version
            ),
        )
        tell(work)
        assert notes(work) == ["done/a.csv.txt"]
        tell(work)
        assert notes(work) == ["failed/a.csv.txt"]

    def test_time_that_is_up_leaves_the_others_for_the_next_time(self, work: Workplace) -> None:
        for name in ("a.csv", "b.csv"):
            dropped(work, name, usage(name))
        work_off(work.flow())
        tell_outcomes(work.flow(), seconds=0)
        assert notes(work) == ["done/a.csv.txt"]
        tell_outcomes(work.flow(), seconds=0)
        assert notes(work) == ["done/a.csv.txt", "done/b.csv.txt"]

    def test_a_note_that_cannot_be_written_stays_to_be_told(self, work: Workplace) -> None:
        dropped(work, "a.csv", usage("e1"))
        work_off(work.flow())
        link = drop_place(work) / "done"
        link.symlink_to(work.files)
        with pytest.raises(OSError, match="is a symbolic link"):
            tell(work)
        link.unlink()
        tell(work)
        assert notes(work) == ["done/a.csv.txt"]

    def test_a_note_that_cannot_be_written_keeps_none_of_the_others_back(
        self, work: Workplace
    ) -> None:
        for name in ("a.csv", "b.csv"):
            dropped(work, name, usage(name))
        work_off(work.flow())
        (drop_place(work) / "done" / "a.csv.txt").mkdir(parents=True)
        with suppress(OSError):
            tell(work)
        assert done(work, "b.csv")[0] == "b.csv: ingested. Its events count."

    def test_an_error_file_that_is_gone_is_trouble_of_its_own_note_only(
        self, work: Workplace
    ) -> None:
        upload = dropped(work, "a.csv", faulty_usage("e1"))
        dropped(work, "b.csv", usage("e2"))
        work_off(work.flow())
        flow = work.flow()
        flow.archive.errors("api_usage", upload.upload, flow.version).write_bytes(b"torn")
        with suppress(OSError):
            tell(work)
        assert done(work, "b.csv")[0] == "b.csv: ingested. Its events count."


def test_the_drops_a_note_tells_of_are_handed_back_newest_first(work: Workplace) -> None:
    first = dropped(work, "a.csv", usage("e1"))
    second = dropped(work, "a.csv", usage("e2"))
    work_off(work.flow())
    told = tell_outcome(work.flow(), "a.csv")
    assert [drop.upload for drop in told] == [second.upload, first.upload]


class TestVoided:
    @pytest.fixture
    def upload(self, work: Workplace) -> Upload:
        upload = dropped(work, "a.csv", usage("e1"))
        work_off(work.flow())
        work.flow().void([work.upload(upload.upload)], "maria", "wrong month")
        work_off(work.flow())
        tell(work)
        return work.upload(upload.upload)

    def test_the_note_says_who_took_it_out_why_and_how_it_comes_back(
        self, work: Workplace, upload: Upload
    ) -> None:
        note = failed(work, "a.csv")
        assert note[0] == "a.csv: voided: taken back out by a person. Nothing of it counts."
        assert "Voided by maria: wrong month" in note
        [advice] = [line for line in note if line.startswith("What to do: ")]
        assert f"`usage-pipeline restore {upload.upload} --by NAME --reason WHY`" in advice

    def test_dropping_it_again_restores_nothing_and_says_so(
        self, work: Workplace, upload: Upload
    ) -> None:
        dropped(work, "again.csv", usage("e1"))
        work_off(work.flow())
        tell(work)
        assert work.upload(upload.upload).state == "voided"
        note = failed(work, "again.csv")
        assert any(line.startswith("What to do: it was voided; ") for line in note)
        assert any("nothing counts twice" in line for line in note)

    def test_the_note_is_done_again_once_it_is_restored(
        self, work: Workplace, upload: Upload
    ) -> None:
        work.flow().restore([upload], "maria", "right month")
        work_off(work.flow())
        tell(work)
        assert notes(work) == ["done/a.csv.txt"]
