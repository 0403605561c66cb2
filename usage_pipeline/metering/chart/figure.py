"""The chart, drawn. Only this module imports matplotlib, and only `picture.py` this module."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator

from usage_pipeline.metering.chart import marks
from usage_pipeline.metering.chart.calendar_labels import labels
from usage_pipeline.metering.chart.model import Chart
from usage_pipeline.metering.chart.selection import WIDE, Selection, Values, select, total
from usage_pipeline.metering.chart.shapes import Axis, Numbers
from usage_pipeline.metering.chart.wording import fitting, number, power_for, unit_for
from usage_pipeline.metering.windows import window_of

_INK, _FAINT = "#333333", "#DDDDDD"

_SETTINGS: dict[Any, Any] = {
    # What customers are called is no formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "usage_pipeline",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "hatch.linewidth": 0.7,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}

_NO_DATE: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def picture(chart: Chart, form: str) -> bytes:
    """The chart as SVG or PNG. Nobody else may draw at the same time."""
    with mpl.rc_context():
        # Not what somebody has in a file of settings for the charts of their own.
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        figure = _figure(chart)
        content = io.BytesIO()
        figure.savefig(content, format=form, dpi=150, metadata=_NO_DATE[form])
    return _rounded(content.getvalue()) if form == "svg" else content.getvalue()


def _figure(chart: Chart) -> Figure:
    figure = Figure(figsize=(10, 4.8), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3, color=_FAINT)
    axes.set_axisbelow(True)
    selection = select(chart)
    _write_title(figure, axes, chart, selection)
    legend = _Legend()
    starts = sorted({start for one in chart.series for start, _ in one.values})
    if starts:
        axis = _axis(chart, starts)
        _draw_time(axes, chart, axis)
        if any(values for _, values in selection.series):
            _draw_values(axes, chart, selection, starts, axis, legend)
    if not legend.names:
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center", size=12)
    if not starts:
        axes.set_xticks([])
    legend.put_beside(axes)
    return figure


class _Legend:
    def __init__(self) -> None:
        self.marks: list[Artist] = []
        self.names: list[str] = []

    def add(self, mark: Artist, name: str) -> None:
        self.marks.append(mark)
        self.names.append(name)

    def put_beside(self, axes: Axes) -> None:
        if not self.names:
            return
        # Given as labels, names that begin with an underscore would be left out.
        drawn = axes.legend(
            self.marks,
            ["" for _ in self.names],
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            borderaxespad=0,
            frameon=False,
        )
        for text, name in zip(drawn.get_texts(), self.names, strict=True):
            text.set_text(name)


def _write_title(figure: Figure, axes: Axes, chart: Chart, selection: Selection) -> None:
    title = figure.suptitle("", x=0.01, ha="left", weight="bold", size=11)
    for room in (80, 60, 40):
        title.set_text(fitting(chart.title, room))
        if title.get_window_extent().width <= 0.95 * figure.bbox.width:
            break
    if selection.left_out:
        shown = len(selection.series)
        every = shown + selection.left_out
        note = f"the {shown} largest of {every:,}; {selection.left_out:,} left out"
        axes.set_title(note, loc="left", size=9)


def _axis(chart: Chart, starts: list[datetime]) -> Axis:
    ends = [window_of(start, chart.window, chart.time_zone).end.timestamp() for start in starts]
    return Axis(np.array([start.timestamp() for start in starts]), np.array(ends))


def _draw_time(axes: Axes, chart: Chart, axis: Axis) -> None:
    first, end = (datetime.fromtimestamp(at, UTC) for at in (axis.first, axis.end))
    at, texts = [], []
    for instant, text in labels(first, end, chart.window, chart.time_zone):
        start, end_of_it = window_of(instant, chart.window, chart.time_zone)
        at.append((start.timestamp() + end_of_it.timestamp()) / 2)
        texts.append(text)
    axes.xaxis.set_major_locator(FixedLocator(at))
    axes.xaxis.set_major_formatter(FixedFormatter(texts))
    span = axis.end - axis.first
    # A lonely window is as wide as one of six.
    margin = max(0.01, (6 - axis.windows) / axis.windows / 2) * span
    axes.set_xlim(axis.first - margin, axis.end + margin)
    kind = "weeks from Monday" if chart.window == "week" else f"{chart.window}s"
    axes.set_xlabel(f"{kind} in {fitting(chart.time_zone, 40)}")


def _draw_values(
    axes: Axes,
    chart: Chart,
    selection: Selection,
    starts: list[datetime],
    axis: Axis,
    legend: _Legend,
) -> None:
    series = [values for _, values in selection.series]
    reach = [total(series)] if chart.adds_up else series
    power = power_for(max(value.copy_abs() for one in (*series, *reach) for value in one.values()))
    rows = np.array([_scaled(one, starts, power) for one in series])
    colours = marks.colours(len(series), selection.others > 0)
    draw = marks.stack if chart.adds_up else marks.lines
    drawn, ends = draw(axes, axis, rows, colours)
    named = [
        (mark, fitting(name, 32)) for mark, (name, _) in zip(drawn, selection.series, strict=True)
    ]
    # What lies on top is named on top.
    for mark, name in reversed(named) if chart.adds_up else named:
        legend.add(mark, name)
    if gap := marks.gap_bands(axes, axis, ~np.isnan(rows).all(axis=0)):
        legend.add(gap, "no value")
    if chart.open_from and (veil := marks.open_band(axes, axis, chart.open_from.timestamp())):
        legend.add(veil, "not finished yet")
    _draw_numbers(axes, float(np.nanmin(ends)), float(np.nanmax(ends)), _whole(rows))
    axes.set_ylabel(unit_for(fitting(chart.unit, 32), power))


def _scaled(values: Values, starts: list[datetime], power: int) -> list[float]:
    known = (values.get(start) for start in starts)
    return [np.nan if one is None else float(WIDE.scaleb(one, -power)) for one in known]


def _whole(rows: Numbers) -> bool:
    return bool((rows[~np.isnan(rows)] % 1 == 0).all())


def _draw_numbers(axes: Axes, smallest: float, largest: float, whole: bool) -> None:
    low, high = min(smallest, 0.0), max(largest, 0.0)
    margin = (high - low) * 0.05 or 1
    axes.set_ylim(low - margin if low < 0 else 0, high + margin if high > 0 or low == 0 else 0)
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.grid(axis="y", color=_FAINT, linewidth=0.6)
    if low < 0:
        axes.axhline(0, color=_INK, linewidth=0.8)


def _rounded(svg: bytes) -> bytes:
    """The same, its shapes cut to hundredths of a point: half the size. Texts have no raw `<`."""
    return _SHAPE.sub(lambda shape: _LONG_NUMBER.sub(rb"\1", shape[0]), svg)


_SHAPE = re.compile(rb'<path d="[^"]*"')
_LONG_NUMBER = re.compile(rb"(\d\.\d\d)\d+")
