"""Hours, days, weeks, months, quarters and years of a time zone, as pairs of instants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage_pipeline.schema import Window

_MONTHS: dict[Window, int] = {"month": 1, "quarter": 3, "year": 12}


class TimeWindow(NamedTuple):
    """From `start` up to, not including, `end`; both in UTC."""

    start: datetime
    end: datetime


def window_of(instant: datetime, window: Window, time_zone: str) -> TimeWindow:
    """The window of a time zone that an instant lies in."""
    zone = ZoneInfo(time_zone)
    if window == "hour":
        # Clocks change by whole windows or within one; on the instant's own offset the hour is
        # 60 minutes long, and the hour that comes twice is two windows.
        local = instant.astimezone(zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        start = instant.astimezone(UTC) - into
        return TimeWindow(start, start + timedelta(hours=1))
    first = first_day(instant.astimezone(zone).date(), window)
    found = calendar_window(first, window, time_zone)
    # A clock put back over midnight shows the day before once more: the new day has begun by then.
    while found.end <= instant:
        first = _next(first, window)
        found = calendar_window(first, window, time_zone)
    return found


def first_day(day: date, window: Window) -> date:
    """The day that the window (no hour) of a local day begins with, as a calendar has it."""
    if window == "week":
        return day - timedelta(days=day.weekday())
    if window == "month":
        return day.replace(day=1)
    if window == "quarter":
        return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return day.replace(month=1, day=1) if window == "year" else day


def calendar_window(first: date, window: Window, time_zone: str) -> TimeWindow:
    """The window (no hour) that begins with a local day; empty if the clock skips all of it."""
    return TimeWindow(_begin(first, time_zone), _begin(_next(first, window), time_zone))


def windows_between(
    start: datetime, end: datetime, window: Window, time_zone: str
) -> Iterator[TimeWindow]:
    """All windows that begin at or after the one of `start` and before `end`, in order."""
    current = window_of(start, window, time_zone)
    while current.start < end:
        yield current
        current = window_of(current.end, window, time_zone)


def _next(first: date, window: Window) -> date:
    if window in _MONTHS:
        months = first.month - 1 + _MONTHS[window]
        return first.replace(year=first.year + months // 12, month=months % 12 + 1)
    return first + timedelta(days=7 if window == "week" else 1)


@lru_cache(maxsize=65536)
def _begin(day: date, time_zone: str) -> datetime:
    """The first instant of a local day; where the clock skips midnight, the one it skips to.

    Where a whole day is skipped (Apia, 30 December 2011), that is the day after it.
    """
    zone = ZoneInfo(time_zone)
    midnight = datetime.combine(day, time())
    instant = midnight.replace(tzinfo=zone).astimezone(UTC)
    # In a gap, zoneinfo applies the offset from before it, which lands behind the gap: go back
    # to the moment of the change.
    if instant.astimezone(zone).replace(tzinfo=None) > midnight:
        low, high = instant - timedelta(days=2), instant
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            if middle.astimezone(zone).replace(tzinfo=None) >= midnight:
                high = middle
            else:
                low = middle
        instant = high.replace(microsecond=0)
    return instant
