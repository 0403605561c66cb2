"""What ops are told of a file they dropped: a few plain lines in `done/` or `failed/`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from usage_pipeline.intake.archive import write_then_rename
from usage_pipeline.intake.drop_folder import DONE, FAILED

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
    name = f"{file_name}.txt"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    mark = hashlib.sha256(file_name.encode()).hexdigest()[:8]
    kept = file_name.encode()[: _LONGEST_NAME - len(mark) - 5].decode("utf-8", "ignore")
    return f"{kept}-{mark}.txt"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def one_line(line: str) -> str:
    """One line for any terminal: what a file says must not move the cursor or forge a line."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
    return shown if len(shown) <= _LONGEST_LINE else f"{shown[:_LONGEST_LINE]}…"
