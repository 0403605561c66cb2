"""How far long work is, for whoever watches: a bar on a terminal, the log of a step, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Phase = Literal[
    "reading",
    "checking",
    "comparing with what is there",
    "ingesting",
    "computing metrics",
    "rebuilding",
]


@dataclass(frozen=True, slots=True)
class Advance:
    """So far a phase has come with one thing.

    what: a file, an upload or a schema.
    done, total: bytes of the file as it lies there, compressed or not; while `rebuilding`, uploads.
    rows: data records read so far.
    """

    what: str
    phase: Phase
    done: int = 0
    total: int = 0
    rows: int = 0

    @property
    def counted(self) -> str:
        """The rows, in words."""
        return "1 row" if self.rows == 1 else f"{self.rows:,} rows"


#: Called for a block of records or the beginning of a phase, never for a row; also from threads of
#: the engine. It must not raise.
Progress = Callable[[Advance], None]


def nobody(advance: Advance) -> None:
    """Nobody watches."""


_watcher: ContextVar[Progress] = ContextVar("watcher", default=nobody)


def watcher() -> Progress:
    """Who watches the work that this thread begins."""
    return _watcher.get()


def both(one: Progress, other: Progress) -> Progress:
    """Two watch the same work."""

    def tell(advance: Advance) -> None:
        one(advance)
        other(advance)

    return tell


@contextmanager
def watched_by(progress: Progress) -> Iterator[None]:
    """Have `progress` watch all work begun in the block, runs of Dagster in this thread too."""
    token = _watcher.set(progress)
    try:
        yield
    finally:
        _watcher.reset(token)
