"""How far long work is, on a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from usage_pipeline.printable import printable
from usage_pipeline.reading import Advance, watched_by

#: More of a file's name leaves no room for the rest on a line of 80.
_LONGEST_NAME = 32


@contextmanager
def shown(words: str) -> Iterator[None]:
    """Show on the terminal how far the work begun in this block is; nothing when piped.

    Args:
        words: what is done, for as long as nothing more is known.
    """
    # Asked of the stream itself: FORCE_COLOR makes a terminal of a pipe in rich's eyes.
    if not sys.stderr.isatty():
        yield
        return
    with _own_terminal() as terminal:
        bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            _Elapsed(),
            console=Console(file=terminal),
            transient=True,
            # Standard output is for what was asked, also while this is shown.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bars, watched_by(_Shown(bars, words)):
            yield


@contextmanager
def _own_terminal() -> Iterator[TextIO]:
    """The terminal behind standard error: a run of Dagster turns the stream itself into a file."""
    with open(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal:  # noqa: PTH123
        yield terminal


class _Elapsed(ProgressColumn):
    """Time on one thing; goes on behind 100 %, while what was read is checked."""

    def render(self, task: Task) -> Text:
        return Text(str(timedelta(seconds=int(task.elapsed or 0))))


class _Shown:
    """One line: what is worked on, how far, and what is done with it."""

    def __init__(self, bars: Bars, words: str) -> None:
        self._bars = bars
        self._task = bars.add_task(words, total=None, words="")
        self._what: str | None = None
        self._phase = ""
        self._began = time.monotonic()

    def __call__(self, advance: Advance) -> None:
        is_new = advance.what != self._what
        if is_new:
            self._what, self._began = advance.what, time.monotonic()
        done, total, words = advance.done, advance.total or None, self._words(advance)
        if is_new:
            self._bars.remove_task(self._task)
            self._task = self._bars.add_task(
                _short(printable(advance.what)), completed=done, total=total, words=words
            )
        else:
            # A phase may be over before the line is drawn again by itself.
            refresh = advance.phase != self._phase
            self._bars.update(self._task, completed=done, total=total, words=words, refresh=refresh)
        self._phase = advance.phase

    def _words(self, advance: Advance) -> str:
        if advance.phase == "rebuilding":
            return f"{advance.done} of {advance.total} uploads rebuilt"
        if advance.phase != "reading":
            return f"{advance.counted}, {advance.phase}" if advance.rows else advance.phase
        pace = advance.rows / max(time.monotonic() - self._began, 0.001)
        return f"{advance.counted}, {pace:,.0f} rows/s"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
