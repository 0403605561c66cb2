"""What a schema may name as a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from usage_pipeline.schema.parts import KeyPath, Problem


def zone_problems(path: KeyPath, name: str) -> Iterator[Problem]:
    """Whether `name` is a time zone."""
    try:
        ZoneInfo(name).utcoffset(datetime.now(UTC))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield path, f"'{name}' is no time zone; write one like UTC, Europe/Berlin, Asia/Kolkata"


def changes_by_whole_hours(time_zone: str, start: date) -> bool:
    """Whether all offsets of a zone, from `start` on, are equal within the hour."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return True  # told elsewhere
    months = 12 * (datetime.now(UTC).year + 10 - start.year)
    begin = datetime(start.year, start.month, 1, tzinfo=UTC)
    moments = (begin + timedelta(days=30 * month) for month in range(months))
    within = {
        (moment.astimezone(zone).utcoffset() or timedelta()).seconds % 3600 for moment in moments
    }
    return len(within) <= 1
