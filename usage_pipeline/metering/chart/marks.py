"""What stands between the axes: bars, areas, lines, and bands behind or before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from usage_pipeline.metering.chart import shapes
from usage_pipeline.metering.chart.shapes import Axis, Numbers

#: More windows than this are too thin to be bars.
MOST_BARS = 400
#: Up to so many, bars stand apart and lines have a dot per window.
_FEW = 62

#: Paul Tol's muted colours: told apart by the colour-blind, and on white next to any page.
_COLOURS = ["#332288", "#88CCEE", "#117733", "#DDCC77", "#CC6677", "#44AA99", "#882255", "#999933"]
_OTHERS = "#BBBBBB"
_GAP = "#F0F0F0"
_VEIL: dict[str, Any] = {
    "facecolor": (1, 1, 1, 0.5),
    "edgecolor": (0.4, 0.4, 0.4, 0.7),
    "hatch": "////",
    "linewidth": 0,
}


def colours(series: int, others: bool) -> list[str]:
    """One for each series; the last is grey if it stands for others."""
    return [*_COLOURS[: series - 1], _OTHERS] if others else _COLOURS[:series]


def stack(
    axes: Axes, axis: Axis, rows: Numbers, colours: Sequence[str]
) -> tuple[list[Artist], Numbers]:
    """Draw the rows on each other, what is below zero downwards; the first lies at zero.

    rows: (series, windows), NaN for no value. Returns (a mark for each, the edges of all).
    """
    known = ~np.isnan(rows).all(axis=0)
    above = np.cumsum(np.fmax(rows, 0), axis=0)
    below = np.cumsum(np.fmin(rows, 0), axis=0)
    ends = np.where(known, [above[-1], below[-1]], np.nan)
    if axis.windows <= MOST_BARS:
        _bars(axes, axis, above, colours)
        _bars(axes, axis, below, colours)
    else:
        # From the outermost inwards: each covers what the one before has too much. The line around
        # it is what can be seen of one hour alone among years.
        for edge in (above, below):
            for row, colour in reversed(list(zip(edge, colours, strict=True))):
                if row.any():
                    corners = shapes.area(axis, np.where(known, row, np.nan))
                    _fill(axes, corners, color=colour, linewidth=0.5)
    return [Patch(facecolor=colour) for colour in colours], ends


def _bars(axes: Axes, axis: Axis, edges: Numbers, colours: Sequence[str]) -> None:
    few = axis.windows <= _FEW
    inner = np.zeros(edges.shape[1])
    for outer, colour in zip(edges, colours, strict=True):
        corners = shapes.bars(axis, np.fmin(inner, outer), np.fmax(inner, outer), 0.8 if few else 1)
        _fill(axes, corners, facecolor=colour, edgecolor="white", linewidth=0.5 if few else 0)
        inner = outer


def lines(
    axes: Axes, axis: Axis, rows: Numbers, colours: Sequence[str]
) -> tuple[list[Artist], Numbers]:
    """Draw each row as a line, the last on top; (a mark for each, the values)."""
    few, crowded = axis.windows <= _FEW, axis.windows > MOST_BARS
    marks: list[Artist] = []
    for row, colour in zip(rows, colours, strict=True):
        x, y = shapes.line(axis, row).T
        mark = Line2D(x, y, color=colour, linewidth=1 if crowded else 1.6)
        axes.add_artist(mark)
        if few:
            dots = Line2D(axis.centres, row, color=colour, linestyle="", marker="o", markersize=3.5)
            axes.add_artist(dots)
        marks.append(Line2D([], [], color=colour, linewidth=2.5))
    return marks, rows


def gap_bands(axes: Axes, axis: Axis, known: NDArray[np.bool_]) -> Artist | None:
    """Shade the windows without any value; a mark for them, if there are any."""
    corners = shapes.gaps(axis, known)
    if not len(corners):
        return None
    _fill(axes, corners, upright=True, facecolor=_GAP, linewidth=0, zorder=0)
    return Patch(facecolor=_GAP)


def open_band(axes: Axes, axis: Axis, start: float) -> Artist | None:
    """Veil what begins at `start` or later; a mark for it, if that is on the axis at all."""
    if start >= axis.end:
        return None
    left = max(axis.first, start)
    # One of a thousand windows is too thin to be seen.
    right = max(axis.end, left + (axis.end - axis.first) / 150)
    corners = np.array([[left, 0], [left, 1], [right, 1], [right, 0]])
    _fill(axes, corners, upright=True, zorder=3, **_VEIL)
    return Patch(**_VEIL)


def _fill(axes: Axes, corners: Numbers, *, upright: bool = False, **look: Any) -> None:
    """upright: from the bottom, 0, to the top, 1, whatever the values are."""
    if len(corners):
        transform = axes.get_xaxis_transform() if upright else axes.transData
        axes.add_artist(PathPatch(Path(corners), transform=transform, **look))
