"""Which series a chart has room for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from functools import reduce

from usage_pipeline.metering.chart.model import Chart, Others, Series

MOST = 8

Values = dict[datetime, Decimal]

#: No sum of values of a metric is rounded in it, and nothing in it fails.
WIDE = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


@dataclass(frozen=True, slots=True)
class Selection:
    """The series to show, the largest first. others: how many the last of them stands for.

    left_out: how many are not shown at all.
    """

    series: Sequence[tuple[str, Values]]
    others: int
    left_out: int


def select(chart: Chart) -> Selection:
    """The 8 largest series; the rest is added up to one more where adding means something.

    The size of a series is the sum of its values, without their signs, where they add up, and the
    largest of them where they do not. Of equal ones, the first in the chart comes first.
    """
    known = [(one.name, _known(one)) for one in chart.series]
    known.sort(key=lambda one: _size(one[1], chart.adds_up), reverse=True)
    shown, rest = known[:MOST], known[MOST:]
    others = chart.others or Others(0)
    count = len(rest) + others.count
    if not count or not chart.adds_up:
        return Selection(shown, 0, count)
    name = "1 other" if count == 1 else f"{count:,} others"
    beyond = _known(Series(name, others.values))
    return Selection([*shown, (name, total([*(one for _, one in rest), beyond]))], count, 0)


def total(series: Iterable[Values]) -> Values:
    """Per window the sum of the series that have a value there."""
    sums: Values = {}
    for values in series:
        for start, value in values.items():
            sums[start] = WIDE.add(sums[start], value) if start in sums else value
    return sums


def _known(series: Series) -> Values:
    return {
        start: value for start, value in series.values if value is not None and value.is_finite()
    }


def _size(values: Values, adds_up: bool) -> Decimal:
    sizes = (WIDE.abs(value) for value in values.values())
    return reduce(WIDE.add, sizes, Decimal(0)) if adds_up else max(sizes, default=Decimal(0))
