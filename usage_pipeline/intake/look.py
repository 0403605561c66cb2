"""What a file looks like from outside: two equal looks mean that nobody touched it between."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Look(NamedTuple):
    """A file's number in its file system, its size in bytes, and when it was modified."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Look:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)

    @classmethod
    def at(cls, path: Path) -> Look:
        """The look of the file itself, never of what a link points to."""
        return cls.of(path.lstat())

    def __str__(self) -> str:
        return ":".join(map(str, self))
