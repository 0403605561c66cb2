"""What goes into a chart: which series, which labels, which words, which corners."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.metering import window_of, windows_between
from usage_pipeline.metering.chart import Chart, Series
from usage_pipeline.metering.chart.calendar_labels import labels
from usage_pipeline.metering.chart.selection import select
from usage_pipeline.metering.chart.shapes import COLUMNS, Axis, Numbers, area, line
from usage_pipeline.metering.chart.wording import fitting, number, power_for, unit_for
from usage_pipeline.schema import Window

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]
WINDOWS: list[Window] = ["hour", "day", "week", "month"]
DAYS = [datetime(2024, 3, day, tzinfo=UTC) for day in range(1, 6)]

numbers = st.integers(-(10**30), 10**30).map(Decimal)
values = st.dictionaries(st.sampled_from(DAYS), numbers)


def chart_of(every: list[dict[datetime, Decimal]], adds_up: bool) -> Chart:
    named = [Series(f"customer {at}", list(one.items())) for at, one in enumerate(every)]
    return Chart("Storage", "GB", "day", "UTC", named, adds_up)


def days(values: list[float]) -> tuple[Axis, Numbers]:
    """Values, NaN for none, of days that follow each other."""
    edges = np.array([day * 86_400.0 for day in range(len(values) + 1)])
    return Axis(edges[:-1], edges[1:]), np.array(values)


def written(first: str, end: str, window: Window, zone: str = "UTC") -> list[str]:
    begin, stop = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, end))
    return [text for _, text in labels(begin, stop, window, zone)]


@given(st.lists(values, max_size=14))
def test_what_adds_up_is_all_in_the_chart(every: list[dict[datetime, Decimal]]) -> None:
    selection = select(chart_of(every, adds_up=True))
    assert len(selection.series) <= 9
    for day in DAYS:
        given_there = [int(one[day]) for one in every if day in one]
        shown_there = [int(one[day]) for _, one in selection.series if day in one]
        assert sum(shown_there) == sum(given_there)
        assert bool(shown_there) == bool(given_there)


@given(st.lists(values, max_size=14))
def test_what_does_not_add_up_is_shown_as_it_is_or_counted(
    every: list[dict[datetime, Decimal]],
) -> None:
    selection = select(chart_of(every, adds_up=False))
    assert len(selection.series) == min(len(every), 8)
    assert len(selection.series) + selection.left_out == len(every)
    sizes = [max(map(abs, one.values()), default=Decimal(0)) for _, one in selection.series]
    assert sizes == sorted(sizes, reverse=True)
    everyone = sorted(max(map(abs, one.values()), default=Decimal(0)) for one in every)
    assert sizes == everyone[::-1][:8]


@given(
    st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 2000),
    st.sampled_from(WINDOWS),
    st.sampled_from(ZONES),
)
def test_an_axis_has_some_labels_and_not_too_many(
    start: datetime, hours: int, window: Window, zone: str
) -> None:
    first = window_of(start, window, zone).start
    *_, last = windows_between(first, first + timedelta(hours=hours), window, zone)
    found = list(labels(first, last.end, window, zone))
    assert 1 <= len(found) <= 15
    assert all(first <= instant < last.end for instant, _ in found)
    assert all(one < other for (one, _), (other, _) in pairwise(found))
    named = {window_of(instant, window, zone) for instant, _ in found}
    assert len(named) == len(found)


@pytest.mark.parametrize(
    ("first", "end", "window", "expected"),
    [
        ("2024-01-01", "2024-02-01", "month", "Jan 2024"),
        ("2023-11-01", "2024-03-01", "month", "Nov 2023, Dec, Jan 2024, Feb"),
        ("2022-01-01", "2024-01-01", "month", "Jan 2022, Mar, May, Jul, Sep, Nov, Jan 2023, Mar"),
        ("2004-01-01", "2024-01-01", "month", "2004, 2006, 2008, 2010, 2012, 2014, 2016, 2018"),
        ("2023-12-30", "2024-01-02", "day", "30 Dec 2023, 31 Dec, 1 Jan 2024"),
        ("2024-01-01", "2024-02-05", "day", "1 Jan 2024, 6 Jan, 11 Jan, 16 Jan, 21 Jan, 26 Jan"),
        ("2024-01-20", "2024-02-24", "day", "21 Jan 2024, 26 Jan, 1 Feb, 6 Feb, 11 Feb, 16 Feb"),
        ("2024-01-01", "2024-01-15", "week", "1 Jan 2024, 8 Jan"),
        ("2024-01-01T22:00", "2024-01-02T01:00", "hour", "22:00 1 Jan 2024, 23:00, 00:00 2 Jan"),
    ],
)  # fmt: skip
def test_labels_are_round_dates_that_name_the_year_once(
    first: str, end: str, window: Window, expected: str
) -> None:
    found = ", ".join(written(first, end, window)).replace("\n", " ")
    assert found.startswith(expected)


def test_the_hour_that_comes_twice_has_two_labels() -> None:
    found = written("2024-10-26T22:00", "2024-10-27T03:00", "hour", "Europe/Berlin")
    assert [text.split("\n")[0] for text in found] == ["00:00", "01:00", "02:00", "02:00", "03:00"]


@given(st.text(), st.integers(2, 40))
def test_a_text_never_takes_more_than_its_room(text: str, room: int) -> None:
    short = fitting(text, room)
    columns = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in short)
    assert columns <= room
    assert short.isprintable()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_a_text_that_fits_stays_as_it_is(text: str) -> None:
    assert fitting(text, 40) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12_000.0, "12,000"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (-2_500_000.0, "-2,500,000"),
        (2e-6, "0.000002"),
        (999_999_999.0, "999,999,999"),
    ],
)
def test_a_number_is_written_without_powers_of_ten(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("largest", "power", "unit"),
    [
        ("0", 0, "GB"),
        ("999999999", 0, "GB"),
        ("1000000000", 9, "billions of GB"),
        ("0.000001", 0, "GB"),
        ("0.0000009", -9, "10^-9 GB"),
        ("1.5e12", 12, "trillions of GB"),
        ("1e17", 15, "10^15 GB"),
    ],
)
def test_an_axis_is_scaled_by_thousands(largest: str, power: int, unit: str) -> None:
    assert power_for(Decimal(largest)) == power
    assert unit_for("GB", power) == unit


def test_without_a_unit_the_axis_still_says_how_it_is_scaled() -> None:
    assert [unit_for("", power) for power in (0, 9, 15)] == ["", "billions", "10^15"]


@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=50))
def test_a_line_goes_through_every_value_and_breaks_at_every_gap(values: list[float]) -> None:
    axis, row = days(values)
    corners = line(axis, row)
    drawn = corners[~np.isnan(corners[:, 1]), 1]
    assert {*drawn} == {*row[~np.isnan(row)]}
    runs = "".join(" " if np.isnan(value) else "x" for value in values).split()
    assert np.isnan(corners[:, 0]).sum() == len(runs)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2 * COLUMNS + 1, 9000), st.floats(0, 1))
def test_of_too_many_values_the_extremes_of_each_column_remain(
    seed: int, count: int, missing: float
) -> None:
    chance = np.random.default_rng(seed)
    row = chance.normal(size=count)
    row[chance.random(count) < missing] = np.nan
    axis, row = days(list(row))
    for corners in (line(axis, row), area(axis, row)):
        drawn = corners[~np.isnan(corners[:, 1])]
        assert len(drawn) <= 8 * COLUMNS
        for column in range(0, COLUMNS, 37):
            there = [
                float(value)
                for at, value in enumerate(row)
                if not np.isnan(value) and int((at + 0.5) / count * COLUMNS) == column
            ]
            assert not there or {min(there), max(there)} <= {*drawn[:, 1]}
