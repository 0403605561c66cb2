"""Folders that nobody watches are told so, where the person who made them looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from usage_pipeline.intake.unknown_folders import tell_unknown_folders
from usage_pipeline_tests.dropping import names_in

BESIDE = "it lies beside the schemas' folders; drop it into one of them"
UNKNOWN = "there is no event schema of that name"


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """A drop folder with the folder of a schema."""
    (folder := tmp_path / "drop").mkdir()
    (folder / "known").mkdir()
    return folder


def tell(drop: Path) -> dict[str, str]:
    return tell_unknown_folders(drop, lambda name: name == "known")


def test_the_folder_of_a_schema_is_no_news(drop: Path) -> None:
    assert tell(drop) == {}
    assert names_in(drop / "known") == []


def test_an_unknown_folder_is_named(drop: Path) -> None:
    (drop / "unknown").mkdir()
    assert tell(drop) == {"drop/unknown": UNKNOWN}


def test_an_unknown_folder_holds_a_word_for_whoever_dropped_there(drop: Path) -> None:
    (drop / "unknown").mkdir()
    tell(drop)
    words = (drop / "unknown" / "NOT-TAKEN.txt").read_text()
    assert "there is no event schema 'unknown'" in words
    assert "Move the files into the folder of their schema" in words


def test_the_word_is_left_once(drop: Path) -> None:
    (drop / "unknown").mkdir()
    tell(drop)
    note = drop / "unknown" / "NOT-TAKEN.txt"
    os.utime(note, (0, 0))
    tell(drop)
    assert note.stat().st_mtime == 0


def test_files_in_an_unknown_folder_stay_where_they_are(drop: Path) -> None:
    (drop / "unknown").mkdir()
    (drop / "unknown" / "a.csv").write_text("a\n")
    tell(drop)
    assert (drop / "unknown" / "a.csv").read_text() == "a\n"


def test_a_file_beside_the_schemas_folders_is_named(drop: Path) -> None:
    (drop / "a.csv").write_text("a\n")
    assert tell(drop) == {"drop/a.csv": BESIDE}


def test_a_file_with_the_name_of_a_schema_is_named(drop: Path) -> None:
    (drop / "known").rmdir()
    (drop / "known").write_text("a\n")
    assert tell(drop) == {"drop/known": BESIDE}


def test_hidden_names_are_no_news(drop: Path) -> None:
    (drop / ".gitkeep").write_text("")
    (drop / ".git").mkdir()
    assert tell(drop) == {}


def test_names_come_in_order(drop: Path) -> None:
    for name in ("c", "a", "b"):
        (drop / name).mkdir()
    assert list(tell(drop)) == ["drop/a", "drop/b", "drop/c"]


def test_a_name_that_is_not_utf8_is_told_as_text(drop: Path) -> None:
    folder = drop / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    assert list(tell(drop)) == ["drop/caf\\xe9"]
    assert "caf\\xe9" in (folder / "NOT-TAKEN.txt").read_text()


def test_a_link_to_a_folder_is_not_followed(drop: Path, tmp_path: Path) -> None:
    (theirs := tmp_path / "theirs").mkdir()
    (drop / "unknown").symlink_to(theirs)
    assert tell(drop) == {"drop/unknown": BESIDE}
    assert names_in(theirs) == []


def test_a_link_in_the_words_place_is_not_written_through(drop: Path, tmp_path: Path) -> None:
    (drop / "unknown").mkdir()
    (drop / "unknown" / "NOT-TAKEN.txt").symlink_to(tmp_path / "theirs.txt")
    tell(drop)
    assert not (tmp_path / "theirs.txt").exists()


def test_a_missing_drop_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tell(tmp_path / "missing")
