"""The notes that ops read: in the right folder, and harmless whatever a file says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.intake.notes import name_with_ending, note_name, write_note
from usage_pipeline_tests.dropping import names_in


def noted(folder: Path, *lines: str) -> list[str]:
    """What stands in the note."""
    return write_note(folder, "a.csv", lines, failed=False).read_text().split("\n")[:-1]


class TestWhere:
    def test_what_went_well_is_in_done(self, tmp_path: Path) -> None:
        assert write_note(tmp_path, "a.csv", ["x"], failed=False) == (
            tmp_path / "done" / "a.csv.txt"
        )

    def test_what_went_wrong_is_in_failed(self, tmp_path: Path) -> None:
        assert write_note(tmp_path, "a.csv", ["x"], failed=True) == (
            tmp_path / "failed" / "a.csv.txt"
        )

    @pytest.mark.parametrize("failed", [True, False])
    def test_a_note_moves_when_the_outcome_changes(self, tmp_path: Path, failed: bool) -> None:
        before = write_note(tmp_path, "a.csv", ["before"], failed=not failed)
        after = write_note(tmp_path, "a.csv", ["after"], failed=failed)
        assert not before.exists()
        assert after.read_text() == "after\n"

    def test_a_note_replaces_the_last_one_on_that_name(self, tmp_path: Path) -> None:
        assert noted(tmp_path, "before") == ["before"]
        assert noted(tmp_path, "after") == ["after"]

    def test_no_half_note_lies_about(self, tmp_path: Path) -> None:
        noted(tmp_path, "x")
        assert names_in(tmp_path / "done") == ["a.csv.txt"]

    def test_everybody_may_read_it(self, tmp_path: Path) -> None:
        assert write_note(tmp_path, "a.csv", ["x"], failed=True).stat().st_mode & 0o777 == 0o644


class TestLinks:
    @pytest.mark.parametrize("place", ["done", "failed"])
    @pytest.mark.parametrize("failed", [True, False])
    def test_a_link_in_the_folders_place_is_refused(
        self, tmp_path: Path, place: str, failed: bool
    ) -> None:
        (theirs := tmp_path / "theirs").mkdir()
        (theirs / "a.csv.txt").write_text("theirs")
        (folder := tmp_path / "drop").mkdir()
        (folder / place).symlink_to(theirs)
        with pytest.raises(NotADirectoryError, match="is a symbolic link; remove it"):
            write_note(folder, "a.csv", ["x"], failed=failed)
        assert (theirs / "a.csv.txt").read_text() == "theirs"

    def test_a_link_in_the_notes_place_is_replaced_not_followed(self, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs.txt"
        theirs.write_text("theirs")
        (tmp_path / "done").mkdir()
        (tmp_path / "done" / "a.csv.txt").symlink_to(theirs)
        assert noted(tmp_path, "ours") == ["ours"]
        assert theirs.read_text() == "theirs"

    def test_a_file_in_the_folders_place_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "done").write_text("")
        with pytest.raises(OSError):
            noted(tmp_path, "x")


class TestNames:
    def test_a_note_is_named_for_its_file(self) -> None:
        assert note_name("october.csv") == "october.csv.txt"

    def test_the_longest_names_with_room_are_kept_whole(self) -> None:
        assert note_name("n" * 251) == "n" * 251 + ".txt"

    def test_longer_names_are_cut_and_stay_different(self) -> None:
        one, other = (note_name("n" * 252 + end) for end in ("1", "2"))
        assert one != other
        assert one.startswith("n" * 200)

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
    def test_no_name_is_too_long_for_a_file_system(self, name: str) -> None:
        assert len(note_name(name).encode()) <= 255
        assert note_name(name).endswith(".txt")

    @given(st.binary(min_size=1, max_size=255), st.sampled_from([".txt", ".parquet"]))
    def test_bytes_that_are_no_utf_8_make_no_name_too_long(self, raw: bytes, ending: str) -> None:
        name = os.fsdecode(raw)
        cut = os.fsencode(name_with_ending(name, ending))
        assert len(cut) <= 255
        assert cut.endswith(ending.encode())
        assert len(raw) + len(ending) > 255 or cut == raw + ending.encode()

    def test_no_character_is_halved(self) -> None:
        assert "\udcc3" not in name_with_ending("é" * 127, ".parquet")

    def test_a_note_on_a_name_of_the_greatest_length_can_be_written(self, tmp_path: Path) -> None:
        note = write_note(tmp_path, "é" * 127, ["x"], failed=True)
        assert note.read_text() == "x\n"


class TestText:
    def test_a_line_break_in_a_line_forges_no_line(self, tmp_path: Path) -> None:
        assert noted(tmp_path, "a\nb: ingested.\r\n") == ["a\\nb: ingested.\\r\\n"]

    @pytest.mark.parametrize(
        ("raw", "shown"),
        [
            ("\x1b[2J", "\\x1b[2J"),
            ("\x07", "\\x07"),
            ("\x9b1m", "\\x9b1m"),
            ("\u202e", "\\u202e"),
            ("\u2028", "\\u2028"),
            ("\ufeff", "\\ufeff"),
            ("\x00", "\\x00"),
            ("\udce9", "\\udce9"),
        ],
    )
    def test_what_could_move_the_cursor_is_shown_as_its_escape(
        self, tmp_path: Path, raw: str, shown: str
    ) -> None:
        assert noted(tmp_path, raw) == [shown]

    @pytest.mark.parametrize("text", ["Größe: 5 €", "日本", "🙂", "a\\b", "2 × empty-file"])
    def test_other_letters_stay_what_they_are(self, tmp_path: Path, text: str) -> None:
        assert noted(tmp_path, text) == [text]

    def test_a_long_line_is_cut(self, tmp_path: Path) -> None:
        assert noted(tmp_path, "x" * 401) == ["x" * 400 + "…"]

    @given(st.lists(st.text()))
    def test_a_note_has_the_lines_it_was_given(
        self, tmp_path_factory: pytest.TempPathFactory, lines: list[str]
    ) -> None:
        found = noted(tmp_path_factory.mktemp("note"), *lines)
        assert len(found) == max(len(lines), 1)
        assert all(line.isprintable() for line in found)
