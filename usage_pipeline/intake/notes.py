"""What ops are told of a file they dropped: a few plain lines in `done/` or `failed/`."""

from __future__ import annotations

import hashlib
import os
from codecs import getincrementaldecoder
from collections.abc import Sequence
from pathlib import Path

from usage_pipeline.intake.archive import write_then_rename
from usage_pipeline.intake.drop_folder import DONE, FAILED
from usage_pipeline.printable import printable

_LONGEST_NAME = 255
_LONGEST_LINE = 400


def write_note(folder: Path, file_name: str, lines: Sequence[str], *, failed: bool) -> Path:
    """Write the note on `file_name` into a drop folder; it replaces the last one on that name.

    Raises:
        OSError: it cannot be written, or the place for it is no folder.
    """
    here, there = (FAILED, DONE) if failed else (DONE, FAILED)
    name = note_name(file_name)
    for place in (folder / here, folder / there):
        if place.is_symlink():
            raise NotADirectoryError(f"{place} is a symbolic link; remove it")
    text = "\n".join(one_line(line) for line in lines) + "\n"
    write_then_rename(folder / here / name, lambda path: _write(path, text))
    (folder / there / name).unlink(missing_ok=True)
    return folder / here / name


def note_name(file_name: str) -> str:
    """`<file name>.txt`, cut where the file system would not take a name that long."""
    return name_with_ending(file_name, ".txt")


def name_with_ending(file_name: str, ending: str) -> str:
    """A file's name with an ending, cut where the file system would not take a name that long.

    Names that differ still differ when they are cut.
    """
    raw = os.fsencode(file_name)
    if len(raw) + len(ending) <= _LONGEST_NAME:
        return file_name + ending
    mark = f"-{hashlib.sha256(raw).hexdigest()[:8]}{ending}"
    # Not final: a character that the cut would halve is left out.
    decoder = getincrementaldecoder("utf-8")("surrogateescape")
    return decoder.decode(raw[: _LONGEST_NAME - len(mark)]) + mark


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def one_line(line: str) -> str:
    """One line for any terminal: what a file says must not move the cursor or forge a line."""
    shown = printable(line)
    return shown if len(shown) <= _LONGEST_LINE else f"{shown[:_LONGEST_LINE]}…"
