"""Which windows have a label below the axis, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage_pipeline.metering.windows import windows_between
from usage_pipeline.schema import Window

MOST = 13

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_ORDER: list[Window] = ["hour", "day", "week", "month"]
#: Labels of long windows are months, this many days apart at least.
_LONG: dict[Window, float] = {"quarter": 91, "year": 365}


class _Rhythm(NamedTuple):
    """Labels at the windows of a kind for which `fits` holds, about every `days`."""

    kind: Window
    days: float
    fits: Callable[[datetime], bool]


def _every_hour(step: int) -> _Rhythm:
    return _Rhythm("hour", step / 24, lambda local: local.hour % step == 0)


def _every_day(step: int) -> _Rhythm:
    # Counted from the first of each month, and never the 31st just before the next first.
    return _Rhythm(
        "day", step, lambda local: (local.day - 1) % step == 0 and (step == 1 or local.day < 31)
    )


def _every_week(step: int) -> _Rhythm:
    return _Rhythm("week", 7 * step, lambda local: local.toordinal() // 7 % step == 0)


def _every_month(step: int) -> _Rhythm:
    return _Rhythm("month", 30.4 * step, lambda local: (local.month - 1) % step == 0)


def _every_year(step: int) -> _Rhythm:
    return _Rhythm("month", 365 * step, lambda local: local.month == 1 and local.year % step == 0)


_RHYTHMS = [
    *map(_every_hour, (1, 2, 3, 6, 12)),
    *map(_every_day, (1, 2, 5, 10, 15)),
    *map(_every_week, (1, 2, 4)),
    *map(_every_month, (1, 2, 3, 6)),
    *map(_every_year, (1, 2, 5, 10, 20, 50, 100, 1000)),
]


def labels(
    first: datetime, end: datetime, window: Window, time_zone: str
) -> Iterator[tuple[datetime, str]]:
    """(an instant in a labelled window, its label), at most about 13, in order.

    first, end: what the axis covers, from the begin of a window. A label has a second line where
    the day or the year, which the first line does not tell, is another than at the label before.
    """
    zone = ZoneInfo(time_zone)
    rhythm = _rhythm(first, end, window)
    yearly = rhythm.days >= 365
    before = ""
    for start, _ in windows_between(first, end, rhythm.kind, time_zone):
        local = start.astimezone(zone)
        if start < first or not rhythm.fits(local):
            continue
        text, rest = _words(local, rhythm.kind)
        if yearly:
            yield start, rest
        else:
            yield start, text if rest == before else f"{text}\n{rest}"
        before = rest


def _rhythm(first: datetime, end: datetime, window: Window) -> _Rhythm:
    days = (end - first) / timedelta(days=1)
    possible = [
        one
        for one in _RHYTHMS
        if _ORDER.index(one.kind) >= _ORDER.index("month" if window in _LONG else window)
        and one.days >= _LONG.get(window, 0)
        # Weeks are no part of how days and hours are counted.
        and (one.kind != "week" or window == "week")
    ]
    return next((one for one in possible if days / one.days <= MOST), possible[-1])


def _words(local: datetime, kind: Window) -> tuple[str, str]:
    month = _MONTHS[local.month - 1]
    if kind == "hour":
        return f"{local:%H:%M}", f"{local.day} {month} {local.year}"
    return (month if kind == "month" else f"{local.day} {month}"), str(local.year)
