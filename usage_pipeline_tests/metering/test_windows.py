"""Windows of a time zone: edges, clock changes, and what the engine relies on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.metering import window_of, windows_between
from usage_pipeline.metering.windows import TimeWindow
from usage_pipeline.schema import Window
from usage_pipeline.schema.cross_checks import EARLIEST_START

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]
WINDOWS: list[Window] = ["hour", "day", "week", "month"]

instants = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2024-03-31T12:00+02:00", 23),
        ("Europe/Berlin", "2024-10-27T12:00+01:00", 25),
        ("America/New_York", "2024-03-10T12:00-04:00", 23),
        ("America/New_York", "2024-11-03T12:00-05:00", 25),
        ("Asia/Kolkata", "2024-03-31T12:00+05:30", 24),
    ],
)
def test_days_have_the_hours_that_the_clock_gives_them(zone: str, day: str, hours: int) -> None:
    window = window_of(utc(day), "day", zone)
    assert window.end - window.start == timedelta(hours=hours)
    assert len(list(windows_between(*window, "hour", zone))) == hours


def test_the_day_that_apia_skipped_is_no_window() -> None:
    before = window_of(utc("2011-12-29T12:00-10:00"), "day", "Pacific/Apia")
    after = window_of(before.end, "day", "Pacific/Apia")
    assert before.end - before.start == timedelta(days=1)
    assert (
        after.start.astimezone(ZoneInfo("Pacific/Apia")).isoformat() == "2011-12-31T00:00:00+14:00"
    )


def test_months_and_weeks_end_where_the_calendar_says() -> None:
    assert window_of(utc("2024-02-29T23:59Z"), "month", "UTC") == TimeWindow(
        utc("2024-02-01T00:00Z"), utc("2024-03-01T00:00Z")
    )
    # 30 December 2024 is the Monday of week 1 of 2025.
    assert window_of(utc("2024-12-31T00:00Z"), "week", "UTC").start == utc("2024-12-30T00:00Z")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@given(instant=instants)
def test_every_instant_lies_in_exactly_one_window(
    window: Window, zone: str, instant: datetime
) -> None:
    found = window_of(instant, window, zone)
    assert found.start <= instant < found.end
    assert window_of(found.start, window, zone) == found
    assert window_of(found.end - timedelta(microseconds=1), window, zone) == found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", ["day", "week", "month"])
def test_windows_leave_no_gap(window: Window, zone: str) -> None:
    found = list(windows_between(utc("2023-12-15T00:00Z"), utc("2025-02-01T00:00Z"), window, zone))
    assert all(before.end == after.start for before, after in pairwise(found))


def test_no_zone_is_off_by_less_than_a_quarter_of_an_hour_since_the_earliest_start() -> None:
    first = datetime.combine(EARLIEST_START, datetime.min.time(), UTC)
    for name in available_timezones():
        zone, instant = ZoneInfo(name), first
        while instant.year < 2040:
            offset = instant.astimezone(zone).utcoffset()
            assert offset is not None
            assert offset.total_seconds() % 900 == 0, (name, instant)
            instant += timedelta(days=60)
