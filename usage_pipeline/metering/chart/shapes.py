"""The corners of what is drawn, from values: bars, areas, lines and bands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: Beyond twice as many windows, only the extremes of each of so many columns can be seen.
COLUMNS = 600

#: What ends the corners of a part: a shape is one list of corners, with these rows in between.
_APART = np.full((1, 2), np.nan)


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the windows begin and end, in seconds; in order."""

    starts: Numbers
    ends: Numbers

    @property
    def centres(self) -> Numbers:
        return (self.starts + self.ends) / 2

    @property
    def first(self) -> float:
        return float(self.starts[0])

    @property
    def end(self) -> float:
        return float(self.ends[-1])

    @property
    def windows(self) -> int:
        """How many windows there is room for, gaps included; about, as months differ."""
        return round((self.end - self.first) / float(np.median(self.ends - self.starts)))

    @property
    def crowded(self) -> bool:
        return self.windows > 2 * COLUMNS

    def columns(self, at: NDArray[np.intp]) -> NDArray[np.intp]:
        share = (self.centres[at] - self.first) / (self.end - self.first)
        return np.minimum((share * COLUMNS).astype(np.intp), COLUMNS - 1)


def bars(axis: Axis, low: Numbers, high: Numbers, width: float) -> Numbers:
    """A rectangle for each window from low to high, where they differ.

    width: share of the window that the bar takes.
    """
    at = np.flatnonzero(low < high)
    margin = (axis.ends[at] - axis.starts[at]) * (1 - width) / 2
    left, right = axis.starts[at] + margin, axis.ends[at] - margin
    return _rectangles(left, right, low[at], high[at])


def area(axis: Axis, values: Numbers) -> Numbers:
    """What lies between zero and the values, with a gap where they are NaN."""
    parts = []
    for run in _runs(axis, values):
        first, last = run[0], run[-1]
        left = np.array([[axis.starts[first], 0], [axis.starts[first], values[first]]])
        right = np.array([[axis.ends[last], values[last]], [axis.ends[last], 0]])
        parts += [left, np.column_stack((axis.centres[run], values[run])), right, _APART]
    return _together(parts)


def line(axis: Axis, values: Numbers) -> Numbers:
    """Through the values in the middle of their windows, with a gap where they are NaN.

    A value alone between gaps is a dash as long as its window.
    """
    parts = []
    for run in _runs(axis, values):
        x, y = axis.centres[run], values[run]
        if len(run) == 1:
            x, y = np.array([axis.starts[run[0]], axis.ends[run[0]]]), np.repeat(y, 2)
        parts += [np.column_stack((x, y)), _APART]
    return _together(parts)


def gaps(axis: Axis, known: NDArray[np.bool_]) -> Numbers:
    """A band, from 0 to 1, over windows without any value; none is narrower than can be seen."""
    at = np.flatnonzero(known)
    left = np.concatenate(([axis.first], axis.ends[at]))
    right = np.concatenate((axis.starts[at], [axis.end]))
    wide = right - left > ((axis.end - axis.first) / COLUMNS if axis.crowded else 0)
    left, right = left[wide], right[wide]
    return _rectangles(left, right, np.zeros(len(left)), np.ones(len(left)))


def _runs(axis: Axis, values: Numbers) -> Iterator[NDArray[np.intp]]:
    """The windows that have values, cut where some in between have none."""
    at = np.flatnonzero(~np.isnan(values))
    if axis.crowded:
        at = _extremes(axis, values, at)
        apart = np.diff(axis.columns(at)) > 1
    else:
        apart = axis.ends[at[:-1]] != axis.starts[at[1:]]
    yield from (run for run in np.split(at, np.flatnonzero(apart) + 1) if len(run))


def _extremes(axis: Axis, values: Numbers, at: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of each column the windows with the smallest and the largest value."""
    columns = axis.columns(at)
    order = np.lexsort((values[at], columns))
    ordered = columns[order]
    change = ordered[1:] != ordered[:-1]
    smallest = order[np.concatenate(([True], change))] if len(at) else order
    largest = order[np.concatenate((change, [True]))] if len(at) else order
    return at[np.union1d(smallest, largest)]


def _rectangles(left: Numbers, right: Numbers, low: Numbers, high: Numbers) -> Numbers:
    apart = np.full(len(left), np.nan)
    x = np.column_stack((left, left, right, right, apart))
    y = np.column_stack((low, high, high, low, apart))
    return np.column_stack((x.ravel(), y.ravel()))


def _together(parts: list[Numbers]) -> Numbers:
    return np.concatenate(parts) if parts else np.empty((0, 2))
