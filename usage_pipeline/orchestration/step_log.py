"""How far a step is, in its log: at sensible intervals, and never a line for a small file."""

from __future__ import annotations

import time
from collections.abc import Callable

from usage_pipeline.printable import printable
from usage_pipeline.reading import Advance

#: Work on one upload is told of after so many seconds, and then again and again.
FIRST_SECONDS = 10.0
EVERY_SECONDS = 30.0

#: The phases of a file of so many bytes are named when they begin.
LARGE_BYTES = 64 << 20


class StepLog:
    """Watches work and says how far it is.

    Args:
        say: takes one line of the log.
        first, every: seconds of reading after which an upload is told of at first, and then again.
    """

    def __init__(
        self, say: Callable[[str], None], first: float = FIRST_SECONDS, every: float = EVERY_SECONDS
    ) -> None:
        self._say = say
        self._first = first
        self._every = every
        self._what = ""
        self._began = 0.0
        self._due = first
        self._has_spoken = False

    def __call__(self, advance: Advance) -> None:
        if advance.phase == "reading":
            self._reads(advance)
        elif advance.total >= LARGE_BYTES or self._is_slow(advance):
            rows = f" {advance.counted}" if advance.rows else ""
            self._tell(f"{advance.what}: {advance.phase}{rows}")

    def _reads(self, advance: Advance) -> None:
        now = time.monotonic()
        if advance.what != self._what or not advance.done:
            self._what, self._began, self._due = advance.what, now, self._first
        seconds = now - self._began
        if not advance.done or seconds < self._due:
            return
        self._due = seconds + self._every
        share = 100 * advance.done // advance.total
        pace = f", {advance.rows / seconds:,.0f} rows/s" if seconds else ""
        self._tell(f"{advance.what}: {share} % read, {advance.counted}{pace}")

    def _is_slow(self, advance: Advance) -> bool:
        if advance.what == self._what:
            return time.monotonic() - self._began >= self._first
        # The metrics follow from all uploads of the step.
        return self._has_spoken

    def _tell(self, words: str) -> None:
        self._has_spoken = True
        self._say(printable(words))
