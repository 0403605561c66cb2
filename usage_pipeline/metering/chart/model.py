"""What a chart shows, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.schema import Window


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one customer, or of one group of one. name: in words, as the legend has it.

    values: (begin of a window, its value), in any order. A window without a value, whether it is
    None or not there, is a gap and not zero; so are NaN and infinity.
    """

    name: str
    values: Sequence[tuple[datetime, Decimal | None]]


@dataclass(frozen=True, slots=True)
class Others:
    """Series that are not given one by one. values: their sum per window; none where values do not
    add up.
    """

    count: int
    values: Sequence[tuple[datetime, Decimal | None]] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """The values of one metric: at least its 8 largest series, and what is known of the others.

    unit: what is counted, such as `GB`; empty if it has no name. window, time_zone: the metric's.
    adds_up: whether the sum over customers means something, as it does for a sum or a count and
    does not for a percentile. open_from: the begin of the first window that is not finished; it and
    all later ones are shown as such.
    """

    title: str
    unit: str
    window: Window
    time_zone: str
    series: Sequence[Series]
    adds_up: bool
    open_from: datetime | None = None
    others: Others | None = None
