"""Hours, days, weeks and months of a time zone, as pairs of instants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage_pipeline.schema import Window


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
    local = instant.astimezone(zone)
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if window == "week":
        first -= timedelta(days=first.weekday())
    elif window == "month":
        first = first.replace(day=1)
    return TimeWindow(_begin(first, time_zone), _begin(_next(first, window), time_zone))


def windows_between(
    start: datetime, end: datetime, window: Window, time_zone: str
) -> Iterator[TimeWindow]:
    """All windows that begin at or after the one of `start` and before `end`, in order."""
    current = window_of(start, window, time_zone)
    while current.start < end:
        yield current
        current = window_of(current.end, window, time_zone)


def _next(first: datetime, window: Window) -> datetime:
    if window == "month":
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=7 if window == "week" else 1)


@lru_cache(maxsize=65536)
def _begin(midnight: datetime, time_zone: str) -> datetime:
    """The first instant of a local day; where the clock skips midnight, the one it skips to.

    Where a whole day is skipped (Apia, 30 December 2011), that is the day after it.
    """
    zone = ZoneInfo(time_zone)
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
