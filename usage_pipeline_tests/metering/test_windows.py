"""Windows of a time zone: edges, clock changes, and what the engine relies on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import groupby, pairwise
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.metering import window_of, windows_between
from usage_pipeline.metering.windows import TimeWindow
from usage_pipeline.schema import Window
from usage_pipeline.schema.cross_checks import EARLIEST_START

#: Without clock changes, with them, off by half an hour, a skipped day, a skipped midnight.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Santiago",
]
#: Midnight comes twice; the clock goes back from just after midnight to the day before.
ODD_ZONES = ["America/Havana", "America/St_Johns", "Antarctica/Casey"]
WINDOWS: list[Window] = list(get_args(Window))
CALENDAR: list[Window] = [window for window in WINDOWS if window != "hour"]

#: Whole years of each kind: Apia's skipped day, leap years, years whose ISO weeks cross their end.
SPANS = [("2010-12-01", "2013-02-01"), ("2019-12-01", "2021-02-01"), ("2023-12-01", "2025-02-01")]

QUARTER_OF_AN_HOUR = timedelta(minutes=15)
TICK = timedelta(microseconds=1)

instants = st.datetimes(datetime(1980, 1, 1), datetime(2101, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def in_zone(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@cache
def local_times(zone: str, begin: str, end: str) -> list[tuple[datetime, datetime]]:
    """What the clock shows at each quarter of an hour: (instant, local time)."""
    found, instant, last = [], utc(begin), utc(end)
    while instant < last:
        found.append((instant, instant.astimezone(ZoneInfo(zone))))
        instant += QUARTER_OF_AN_HOUR
    return found


def label(local: datetime, window: Window) -> object:
    """What a calendar on the wall calls the window of a local time."""
    if window == "hour":
        return local.date(), local.hour, local.utcoffset()
    if window == "week":
        return local.isocalendar()[:2]
    year, month, day = local.timetuple()[:3]
    return {
        "day": (year, month, day),
        "month": (year, month),
        "quarter": (year, (month + 2) // 3),
        "year": year,
    }[window]


def windows_on_the_wall(zone: str, begin: str, end: str, window: Window) -> list[TimeWindow]:
    """The whole windows of a span: its quarters of an hour, put together by their label."""
    shown = local_times(zone, begin, end)
    starts = [next(same)[0] for _, same in groupby(shown, lambda pair: label(pair[1], window))]
    # Of the first one the begin lies before the span, of the last one the end after it.
    return [TimeWindow(*edges) for edges in pairwise(starts[1:])]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("begin", "end"), SPANS)
def test_windows_are_those_of_a_calendar_on_the_wall(
    window: Window, zone: str, begin: str, end: str
) -> None:
    expected = windows_on_the_wall(zone, begin, end, window)
    assert expected
    last = expected[-1].end
    assert list(windows_between(expected[0].start, last, window, zone)) == expected
    for one in expected:
        assert window_of(one.start, window, zone) == one
        assert window_of(one.end - TICK, window, zone) == one


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2024-03-31T12:00+02:00", 23),
        ("Europe/Berlin", "2024-10-27T12:00+01:00", 25),
        ("America/New_York", "2024-03-10T12:00-04:00", 23),
        ("America/New_York", "2024-11-03T12:00-05:00", 25),
        ("America/Santiago", "2024-09-08T12:00-03:00", 23),
        ("America/Santiago", "2024-04-06T12:00-03:00", 25),
        ("Asia/Kolkata", "2024-03-31T12:00+05:30", 24),
    ],
)
def test_days_have_the_hours_that_the_clock_gives_them(zone: str, day: str, hours: int) -> None:
    window = window_of(utc(day), "day", zone)
    assert window.end - window.start == timedelta(hours=hours)
    assert len(list(windows_between(*window, "hour", zone))) == hours


@pytest.mark.parametrize(
    ("zone", "moment", "window", "hours"),
    [
        ("Europe/Berlin", "2024-02-01T00:00", "quarter", 91 * 24 - 1),
        ("Europe/Berlin", "2024-05-01T00:00", "quarter", 91 * 24),
        ("Europe/Berlin", "2024-11-01T00:00", "quarter", 92 * 24 + 1),
        ("Europe/Berlin", "2024-05-01T00:00", "year", 366 * 24),
        ("Asia/Kolkata", "2024-02-01T00:00", "quarter", 91 * 24),
        # The day that was skipped is missing.
        ("Pacific/Apia", "2011-12-01T00:00", "week", 7 * 24),
        ("Pacific/Apia", "2011-12-29T00:00", "week", 6 * 24),
        ("Pacific/Apia", "2011-12-01T00:00", "month", 30 * 24),
        ("Pacific/Apia", "2011-12-01T00:00", "quarter", 91 * 24),
    ],
)
def test_longer_windows_have_the_hours_of_their_days(
    zone: str, moment: str, window: Window, hours: int
) -> None:
    found = window_of(in_zone(moment, zone), window, zone)
    assert found.end - found.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("moment", "window", "days"),
    [
        ("2024-02-29T23:59", "month", 29),
        ("2023-02-28T23:59", "month", 28),
        ("2100-02-28T23:59", "month", 28),
        ("2000-02-29T23:59", "quarter", 91),
        ("2024-02-29T23:59", "quarter", 91),
        ("2100-02-28T23:59", "quarter", 90),
        ("2024-06-30T23:59", "quarter", 91),
        ("2024-09-30T23:59", "quarter", 92),
        ("2024-12-31T23:59", "quarter", 92),
        ("2000-12-31T23:59", "year", 366),
        ("2024-02-29T00:00", "year", 366),
        ("2100-12-31T23:59", "year", 365),
    ],
)
def test_a_leap_day_makes_its_month_quarter_and_year_longer(
    moment: str, window: Window, days: int
) -> None:
    found = window_of(utc(moment), window, "UTC")
    assert found.end - found.start == timedelta(days=days)


def test_the_leap_day_is_a_day_and_2100_has_none() -> None:
    assert window_of(utc("2024-02-28T12:00"), "day", "UTC").end == utc("2024-02-29")
    assert window_of(utc("2024-02-29T12:00"), "day", "UTC").end == utc("2024-03-01")
    assert window_of(utc("2100-02-28T12:00"), "day", "UTC").end == utc("2100-03-01")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [1999, 2000, 2011, 2024, 2099])
def test_quarters_begin_in_january_april_july_and_october(zone: str, year: int) -> None:
    edges = [
        f"{year}-01-01",
        f"{year}-04-01",
        f"{year}-07-01",
        f"{year}-10-01",
        f"{year + 1}-01-01",
    ]
    begins = [in_zone(edge, zone) for edge in edges]
    expected = [TimeWindow(*pair) for pair in pairwise(begins)]
    assert list(windows_between(begins[0], begins[-1], "quarter", zone)) == expected
    for before, after in pairwise(expected):
        assert window_of(after.start - TICK, "quarter", zone) == before
        assert window_of(after.start, "quarter", zone) == after


@pytest.mark.parametrize("zone", ZONES)
def test_the_last_instant_of_a_year_is_in_it_and_the_next_one_is_not(zone: str) -> None:
    for year in range(1980, 2100):
        begin, end = (in_zone(f"{one}-01-01", zone) for one in (year, year + 1))
        assert window_of(end - TICK, "year", zone) == TimeWindow(begin, end)
        assert window_of(end, "year", zone).start == end
        assert window_of(end, "quarter", zone).start == end
        assert window_of(end, "month", zone).start == end


def test_quarters_and_years_begin_at_the_midnight_of_a_zone_off_by_half_an_hour() -> None:
    kolkata = "Asia/Kolkata"
    assert window_of(utc("2024-03-31T18:29:59Z"), "quarter", kolkata).end == utc(
        "2024-03-31T18:30Z"
    )
    assert window_of(utc("2024-03-31T18:30Z"), "quarter", kolkata).start == utc("2024-03-31T18:30Z")
    assert window_of(utc("2024-06-01T00:00Z"), "year", kolkata) == TimeWindow(
        utc("2023-12-31T18:30Z"), utc("2024-12-31T18:30Z")
    )
    assert window_of(utc("2024-06-01T00:45Z"), "hour", kolkata).start == utc("2024-06-01T00:30Z")


@pytest.mark.parametrize("zone", ZONES)
def test_weeks_around_new_year_are_iso_weeks(zone: str) -> None:
    for year in range(1981, 2060):
        for number in range(-7, 8):
            day = date(year, 1, 1) + timedelta(days=number)
            monday = date.fromisocalendar(*day.isocalendar()[:2], 1)
            noon = datetime.combine(day, time(12), ZoneInfo(zone))
            expected = [
                datetime.combine(edge, time(), ZoneInfo(zone)).astimezone(UTC)
                for edge in (monday, monday + timedelta(days=7))
            ]
            assert list(window_of(noon, "week", zone)) == expected, day


def test_the_day_that_apia_skipped_is_no_window() -> None:
    before = window_of(utc("2011-12-29T12:00-10:00"), "day", "Pacific/Apia")
    after = window_of(before.end, "day", "Pacific/Apia")
    assert before.end - before.start == timedelta(days=1)
    assert (
        after.start.astimezone(ZoneInfo("Pacific/Apia")).isoformat() == "2011-12-31T00:00:00+14:00"
    )


def test_a_day_whose_midnight_is_skipped_begins_where_the_clock_goes_on() -> None:
    day = window_of(utc("2024-09-08T12:00-03:00"), "day", "America/Santiago")
    assert day.start == utc("2024-09-08T01:00-03:00")
    # The first day of a quarter, too.
    quarter = window_of(utc("2017-11-01T12:00-03:00"), "quarter", "America/Asuncion")
    assert quarter.start == utc("2017-10-01T01:00-03:00")


def test_a_day_whose_midnight_comes_twice_begins_with_the_first() -> None:
    day = window_of(utc("2024-11-03T12:00-05:00"), "day", "America/Havana")
    assert day.start == utc("2024-11-03T00:00-04:00")
    assert day.end - day.start == timedelta(hours=25)


def test_a_day_that_has_begun_does_not_end_when_the_clock_goes_back_over_midnight() -> None:
    # At one minute past midnight the clock went back to 23:01 of 28 October.
    midnight = utc("2006-10-29T00:00-02:30")
    for minutes in (0, 1, 30, 59, 60, 61):
        day = window_of(midnight + timedelta(minutes=minutes), "day", "America/St_Johns")
        assert day == TimeWindow(midnight, utc("2006-10-30T00:00-03:30")), minutes
    assert window_of(midnight - TICK, "day", "America/St_Johns").end == midnight


def changes_over_midnight() -> Iterator[tuple[str, datetime]]:
    """Each moment since the earliest start at which a clock was put from one day to another."""
    for name in sorted(available_timezones()):
        zone, step = ZoneInfo(name), timedelta(days=14)
        before = datetime.combine(EARLIEST_START, time(), UTC)
        while before.year < 2037:
            after = before + step
            if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                low, high = before, after
                while high - low > timedelta(seconds=1):
                    middle = low + (high - low) // 2
                    same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                    low, high = (middle, high) if same else (low, middle)
                change = high.replace(microsecond=0)
                if (change - TICK).astimezone(zone).date() != change.astimezone(zone).date():
                    yield name, change
            before = after


def test_windows_leave_no_gap_wherever_a_clock_was_ever_put_over_midnight() -> None:
    hours = (-25, -24, -3, -1, 0, 0.5, 1, 2.5, 3, 24, 25)
    found = 0
    for zone, change in changes_over_midnight():
        found += 1
        for instant in (change + timedelta(hours=hour) for hour in hours):
            for window in CALENDAR:
                assert_own_window(instant, window, zone)
                assert_own_window(instant - TICK, window, zone)
    assert found > 1000


def assert_own_window(instant: datetime, window: Window, zone: str) -> None:
    """The instant lies in a window that is the window of its first and last instant as well."""
    found = window_of(instant, window, zone)
    assert found.start <= instant < found.end, (zone, instant)
    assert window_of(found.start, window, zone) == found, (zone, instant)
    assert window_of(found.end - TICK, window, zone) == found, (zone, instant)


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@given(instant=instants)
def test_every_instant_lies_in_exactly_one_window(
    window: Window, zone: str, instant: datetime
) -> None:
    assert_own_window(instant, window, zone)


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@given(instant=instants)
def test_the_end_of_a_window_is_the_start_of_the_next(
    window: Window, zone: str, instant: datetime
) -> None:
    found = window_of(instant, window, zone)
    assert window_of(found.end, window, zone).start == found.end
    assert window_of(found.start - TICK, window, zone).end == found.start


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@given(instant=instants, millionth=st.integers(0, 999_999))
def test_any_instant_inside_a_window_has_that_window(
    window: Window, zone: str, instant: datetime, millionth: int
) -> None:
    found = window_of(instant, window, zone)
    inside = found.start + (found.end - found.start) * millionth // 1_000_000
    assert window_of(inside, window, zone) == found


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
@given(instant=instants)
def test_longer_windows_are_made_of_whole_shorter_ones(zone: str, instant: datetime) -> None:
    year = window_of(instant, "year", zone)
    quarters = list(windows_between(*year, "quarter", zone))
    assert len(quarters) == 4
    for quarter in quarters:
        months = list(windows_between(*quarter, "month", zone))
        assert len(months) == 3
        assert (months[0].start, months[-1].end) == quarter
    assert (quarters[0].start, quarters[-1].end) == year


def test_no_zone_is_off_by_less_than_a_quarter_of_an_hour_since_the_earliest_start() -> None:
    first = datetime.combine(EARLIEST_START, datetime.min.time(), UTC)
    for name in available_timezones():
        zone, instant = ZoneInfo(name), first
        while instant.year < 2040:
            offset = instant.astimezone(zone).utcoffset()
            assert offset is not None
            assert offset.total_seconds() % 900 == 0, (name, instant)
            instant += timedelta(days=60)
