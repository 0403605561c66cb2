"""What lies in a drop folder: files that are complete, in order, and what is left alone and why.

Every watcher takes half a file now and then when it goes by time alone. Where the system can tell
(Linux, local file systems) a file that some program still has open for writing is not complete,
however long that program rests.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from usage_pipeline.intake.identity import shown_name
from usage_pipeline.intake.look import Look

#: Between the two looks.
PAUSE_SECONDS = 0.5
#: A file rests at least this long before it is taken.
REST_SECONDS = 2.0
#: One that ends within a line may be cut, or its last line may just be written so.
CUT_REST_SECONDS = 10.0

DONE, FAILED, TAKING = "done", "failed", ".taking"
#: What a folder is told that belongs to no schema.
NOT_TAKEN = "NOT-TAKEN.txt"
_OURS = {DONE, FAILED, TAKING, NOT_TAKEN, ".gitkeep"}

_UNFINISHED = re.compile(
    r"(?i)^[.~#]|[~#]$|\.(tmp|temp|part|partial|filepart|crdownload|download|swp|lock|"
    r"writing|uploading|inprogress|incomplete)$"
)
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A complete file in a drop folder."""

    path: Path
    look: Look


@dataclass(slots=True)
class Contents:
    """What lies in a drop folder.

    complete: by (modification time, name). left_alone: {name: why}.
    waiting: how many more there are behind, not looked at closely.
    """

    complete: list[DroppedFile] = field(default_factory=list)
    left_alone: dict[str, str] = field(default_factory=dict)
    waiting: int = 0


def look_into(folder: Path, most: float = inf) -> Contents:
    """Look twice at what lies in `folder`, never below it, until `most` files are complete.

    Raises:
        OSError: the folder cannot be read.
    """
    contents = Contents()
    first: list[tuple[Path, Look]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in _OURS:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # whoever put it there took it away again
            odd = _odd(entry.name, status.st_mode)
            if odd:
                contents.left_alone[shown_name(entry.name)] = odd
            else:
                first.append((Path(entry.path), Look.of(status)))
    first.sort(key=lambda found: (found[1].modified_ns, os.fsencode(found[0].name)))
    if first:
        time.sleep(_pause(first))
    for number, (path, look) in enumerate(first):
        if len(contents.complete) >= most:
            contents.waiting = len(first) - number
            break
        try:
            unfinished = _unfinished(path, look)
        except FileNotFoundError:
            continue
        except OSError as error:
            unfinished = f"it cannot be read: {error.strerror}"
        if unfinished:
            contents.left_alone[shown_name(path.name)] = unfinished
        else:
            contents.complete.append(DroppedFile(path, look))
    return contents


def _odd(name: str, mode: int) -> str | None:
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind:
        return f"it is {kind}"
    if _UNFINISHED.search(name):
        return "its name is hidden or temporary"
    return None


def _pause(files: list[tuple[Path, Look]]) -> float:
    # A clock that is ahead of ours vouches for nothing: rest is then what we see ourselves.
    ahead = any(_age(look) < 0 for _, look in files)
    return REST_SECONDS if ahead else PAUSE_SECONDS


def _age(look: Look) -> float:
    return time.time() - look.modified_ns / 1e9


def _unfinished(path: Path, first: Look) -> str | None:
    """Why a file is not complete; None where it is."""
    with _opened(path) as handle:
        if Look.of(os.fstat(handle)) != first:
            return "it is being written"
        age = _age(first)
        if 0 <= age < REST_SECONDS:
            return "it was written a moment ago"
        if _is_open_for_writing(handle):
            return "a program still has it open for writing"
        if 0 <= age < CUT_REST_SECONDS and not _ends_a_line(handle, first.size):
            return f"it ends within a line; taken when it has rested for {CUT_REST_SECONDS:g} s"
    return None


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Neither following a link nor waiting for a pipe that took the file's place meanwhile.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _ends_a_line(handle: int, size: int) -> bool:
    last = os.pread(handle, 2, max(0, size - 2))
    return last[-1:] in (b"\n", b"\r") or last in (b"\n\0", b"\r\0")  # the latter in UTF-16


def _is_open_for_writing(handle: int) -> bool:
    """Whether any program on this machine has the file open for writing, where that is known."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        # A read lease is granted only while nobody writes. Should somebody open the file in the
        # instant that we hold it, we are told by a signal: one that is ignored, not SIGIO.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
