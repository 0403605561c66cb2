"""Points in time are read as meant, to the microsecond, or refused with a code."""

# Local times carry no zone: that is what is tested.
# ruff: noqa: DTZ001

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.mapping.casts import cast, with_steps
from usage_pipeline.schema.event_schema import FieldSpec
from usage_pipeline_tests.mapping.test_casts_numbers import EARLIEST, LATEST, Reading, read

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "UTC",
]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BAD_FORMAT: Reading = (None, "timestamp-format")


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def instant(text: str) -> Reading:
    return microseconds(datetime.fromisoformat(text)), None


def at_local(wall: datetime, zone: str) -> Reading:
    """What zoneinfo says: in gaps and repeated hours the two folds differ."""
    first, second = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    offset = first.utcoffset()
    assert offset is not None
    if offset != second.utcoffset():
        return None, "timestamp-ambiguous"
    return (wall - datetime(1970, 1, 1) - offset) // timedelta(microseconds=1), None


def expected_iso(text: str, zone: str | None) -> Reading:
    match = re.fullmatch(
        r"([0-9]{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
        r"([Zz]|[+-]\d\d(?::?\d\d)?)?)?",
        text.strip(" \t"),
        re.ASCII,
    )
    if match is None:
        return BAD_FORMAT
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction, offset = match[7] or "", match[8]
    try:
        micro = int(fraction[:6].ljust(6, "0"))
        wall = datetime(year, month, day, hour, minute, second, micro)
    except ValueError:
        return BAD_FORMAT
    shift = timedelta()
    if offset not in (None, "Z", "z"):
        hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
        shift = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
        if minutes > 59 or abs(shift) > timedelta(hours=18):
            return BAD_FORMAT
    if fraction[6:].strip("0"):
        return None, "precision-loss"
    if offset is None:
        return at_local(wall, zone) if zone else (None, "timestamp-no-zone")
    try:
        return microseconds((wall - shift).replace(tzinfo=UTC)), None
    except OverflowError:
        return BAD_FORMAT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29T10:00:00Z", instant("2024-02-29T10:00:00+00:00")),
        (" 2024-02-29T10:00:00Z\t", instant("2024-02-29T10:00:00+00:00")),
        ("2024-02-29 10:00z", instant("2024-02-29T10:00:00+00:00")),
        ("2024-02-29t10:00:00,5Z", instant("2024-02-29T10:00:00.5+00:00")),
        ("2024-02-29T10:00:00.123456+05:30", instant("2024-02-29T10:00:00.123456+05:30")),
        ("2024-02-29T10:00:00-0930", instant("2024-02-29T10:00:00-09:30")),
        ("2024-02-29T10:00:00+18", instant("2024-02-29T10:00:00+18:00")),
        ("2024-02-29T10:00:00.12" + "0" * 300 + "Z", instant("2024-02-29T10:00:00.12+00:00")),
        ("0001-01-01T00:00:00Z", instant("0001-01-01T00:00:00+00:00")),
        ("9999-12-31T23:59:59.999999Z", instant("9999-12-31T23:59:59.999999+00:00")),
        ("2024-02-29T10:00:00.1234567Z", (None, "precision-loss")),
        ("2024-02-29T10:00:00", (None, "timestamp-no-zone")),
        ("2024-02-29", (None, "timestamp-no-zone")),
        *[
            (text, BAD_FORMAT)
            for text in (
                "2024-02-29T24:00:00Z",
                "2024-02-29T23:59:60Z",
                "2024-02-29T23:60:00Z",
                "2023-02-29T10:00:00Z",
                "2023-02-29",
                "2024-13-01T00:00:00Z",
                "0000-01-01T00:00:00Z",
                "9999-12-31T23:59:59-01:00",
                "0001-01-01T00:00:00+01:00",
                "2024-02-29T10:00:00+18:01",
                "2024-02-29T10:00:00+05:60",
                "2024-02-29Z",
                "2024-02-29T10Z",
                "2024-02-29T10:00.5Z",
                "2024-02-29T10:00:00.Z",
                "2024-02-29  10:00:00Z",
                "2024-02-29T10:00:00 Z",
                "2024-2-29T10:00:00Z",
                "20240229T100000Z",
                "12:30",
                "2026",
                "now",
                "infinity",
                "epoch",
                "",
                "  ",
                "2024-02-29T10:00:00Z\n",
                "٢024-02-29T10:00:00Z",
            )
        ],
        (None, (None, None)),
    ],
)
def test_iso_without_zone(text: str | None, expected: Reading) -> None:
    assert read([text], type="timestamp") == [expected]


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("UTC", "2024-02-29", instant("2024-02-29T00:00:00+00:00")),
        ("UTC", "9999-12-31T23:59:59.999999", instant("9999-12-31T23:59:59.999999+00:00")),
        ("Asia/Kolkata", "2024-02-29 10:00", instant("2024-02-29T10:00:00+05:30")),
        ("Europe/Berlin", "2024-07-01T10:00:00", instant("2024-07-01T10:00:00+02:00")),
        ("Europe/Berlin", "2024-07-01T10:00:00Z", instant("2024-07-01T10:00:00+00:00")),
        ("Europe/Berlin", "2024-07-01t10:00:00z", instant("2024-07-01T10:00:00+00:00")),
        ("Europe/Berlin", "2024-03-31T01:59:59.9", instant("2024-03-31T01:59:59.9+01:00")),
        ("Europe/Berlin", "2024-03-31T02:00:00", (None, "timestamp-ambiguous")),
        ("Europe/Berlin", "2024-03-31T02:59:59.999999", (None, "timestamp-ambiguous")),
        ("Europe/Berlin", "2024-03-31T03:00:00", instant("2024-03-31T03:00:00+02:00")),
        ("Europe/Berlin", "2024-10-27T01:59:59", instant("2024-10-27T01:59:59+02:00")),
        ("Europe/Berlin", "2024-10-27T02:00:00", (None, "timestamp-ambiguous")),
        ("Europe/Berlin", "2024-10-27t02:59:59,9", (None, "timestamp-ambiguous")),
        ("Europe/Berlin", "2024-10-27T02:30:00+01:00", instant("2024-10-27T02:30:00+01:00")),
        ("Europe/Berlin", "2024-10-27T03:00:00", instant("2024-10-27T03:00:00+01:00")),
        ("Europe/Berlin", "2024-02-30T03:00:00", BAD_FORMAT),
        ("Europe/Berlin", "2024-02-28T03:00:00.1234567", (None, "precision-loss")),
        ("Europe/Berlin", "0001-01-01T00:30:00", BAD_FORMAT),
        ("America/New_York", "9999-12-31T23:00:00", BAD_FORMAT),
        ("Pacific/Apia", "2011-12-29T23:59:59", instant("2011-12-29T23:59:59-10:00")),
        ("Pacific/Apia", "2011-12-30", (None, "timestamp-ambiguous")),
        ("Pacific/Apia", "2011-12-30T23:59:59", (None, "timestamp-ambiguous")),
        ("Pacific/Apia", "2011-12-31", instant("2011-12-31T00:00:00+14:00")),
        ("Australia/Lord_Howe", "2024-04-07T01:29", instant("2024-04-07T01:29:00+11:00")),
        ("Australia/Lord_Howe", "2024-04-07T01:30", (None, "timestamp-ambiguous")),
        ("Australia/Lord_Howe", "2024-04-07T02:00", instant("2024-04-07T02:00:00+10:30")),
    ],
)
def test_iso_with_zone(zone: str, text: str, expected: Reading) -> None:
    assert read([text], type="timestamp", time_zone=zone) == [expected]


@pytest.mark.parametrize("zone", ZONES)
def test_every_half_hour_agrees_with_zoneinfo(zone: str) -> None:
    walls = [
        datetime(year, 1, 1) + timedelta(minutes=30) * step
        for year in (2011, 2012, 2019, 2024, 2026)
        for step in range(365 * 48)
    ]
    cells = [wall.isoformat() for wall in walls]
    readings = read(cells, type="timestamp", time_zone=zone)
    assert readings == [at_local(wall, zone) for wall in walls]
    changes_clocks = zone not in ("UTC", "Asia/Kolkata")
    assert any(code for _, code in readings) == changes_clocks


@pytest.mark.parametrize("zone", ZONES)
def test_local_time_beyond_the_span_reads_as_beyond(zone: str) -> None:
    cells = ["1900-01-01", "2004-12-30", "2027-01-03", "2200-07-01"]
    values = [value for value, _ in read(cells, type="timestamp", time_zone=zone)]
    assert all(value < microseconds(EARLIEST) for value in values[:2])
    assert all(value > microseconds(LATEST) for value in values[2:])


_walls = st.datetimes(datetime(2005, 1, 1), datetime(2026, 12, 31))
_zones = st.sampled_from(ZONES)
_separators = st.sampled_from(["T", " ", "t"])
_offsets = st.sampled_from(
    ["", "Z", "z", "+05:30", "-0330", "+14", "-18:00", "+18:01", "+1", "UTC"]
)
_iso = st.builds(
    lambda wall, separator, spec, offset: wall.isoformat(separator, spec) + offset,
    _walls | st.datetimes(),
    _separators,
    st.sampled_from(["auto", "minutes", "seconds", "milliseconds", "microseconds"]),
    _offsets,
)
_digits_like = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.integers(0, 9999),
    *[st.integers(0, top) for top in (13, 32)],
    _separators,
    *[st.integers(0, top) for top in (25, 61, 61)],
    st.sampled_from(["", ".5", ",25", ".1234567", ".12345600", "."]),
    _offsets,
)
_dates = st.dates().map(str)
_noise = st.text("0123456789-+:.,TtZz \t\n", max_size=30) | st.text(max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(_iso | _digits_like | _dates | _noise, min_size=20, max_size=200), _zones)
def test_any_iso_text_is_exact_or_refused(cells: list[str], zone: str) -> None:
    assert read(cells, type="timestamp") == [expected_iso(cell, None) for cell in cells]
    known = [cell for cell in cells if cell.strip()[:4].isdigit()]
    known = [cell for cell in known if "2005" <= cell.strip()[:4] <= "2026"]
    expected = [expected_iso(cell, zone) for cell in known]
    assert read(known, type="timestamp", time_zone=zone) == expected


@pytest.mark.parametrize(("unit", "digits"), [("epoch_seconds", 6), ("epoch_milliseconds", 3)])
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.decimals(-(10**16), 10**16, places=6).map(str)
        | st.integers(-(10**12), 10**12).map(str)
        | st.builds("{}.{}".format, st.integers(-99, 99), st.text("012", min_size=1, max_size=9))
        | _noise,
        min_size=20,
        max_size=200,
    )
)
def test_any_epoch_count_is_exact_or_refused(unit: str, digits: int, cells: list[str]) -> None:
    def expected(cell: str) -> Reading:
        text = cell.strip(" \t")
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            return BAD_FORMAT
        count = Decimal(text).scaleb(digits)
        if count != count.to_integral_value():
            return None, "precision-loss"
        in_calendar = -62135596800 * 10**6 <= count < 253402300800 * 10**6
        return (int(count), None) if in_calendar else BAD_FORMAT

    assert read(cells, type="timestamp", format=unit) == [expected(cell) for cell in cells]


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        ("epoch_seconds", "1700000000", (1_700_000_000_000_000, None)),
        ("epoch_seconds", " 1700000000.123456000\t", (1_700_000_000_123_456, None)),
        ("epoch_seconds", "-1.5", (-1_500_000, None)),
        ("epoch_seconds", "1.0000001", (None, "precision-loss")),
        ("epoch_seconds", "253402300799.999999", (253_402_300_799_999_999, None)),
        ("epoch_seconds", "253402300800", BAD_FORMAT),
        ("epoch_seconds", "-62135596800", (-62_135_596_800_000_000, None)),
        ("epoch_seconds", "-62135596801", BAD_FORMAT),
        ("epoch_seconds", "9" * 60, BAD_FORMAT),
        ("epoch_seconds", "1e9", BAD_FORMAT),
        ("epoch_seconds", "+5", BAD_FORMAT),
        ("epoch_seconds", "", BAD_FORMAT),
        ("epoch_milliseconds", "1700000000123", (1_700_000_000_123_000, None)),
        ("epoch_milliseconds", "1700000000123.456", (1_700_000_000_123_456, None)),
        ("epoch_milliseconds", "1.0005", (None, "precision-loss")),
    ],
)
def test_epoch(unit: str, text: str, expected: Reading) -> None:
    assert read([text], type="timestamp", format=unit) == [expected]


def test_many_fields_in_one_query() -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    connection.execute("""CREATE TABLE source ("a""b" VARCHAR, _parts VARCHAR, _number VARCHAR)""")
    connection.execute("INSERT INTO source VALUES ('2024-07-01 10:00:00', '7/1/2024', '1.5e1')")
    specs = {
        '"a""b"': {"type": "timestamp", "time_zone": "Europe/Berlin"},
        "_parts": {"type": "timestamp", "time_zone": "Asia/Kolkata", "format": "%m/%d/%Y"},
        "_number": {"type": "decimal"},
    }
    casts = [
        cast(FieldSpec.model_validate(spec), cell, earliest=EARLIEST, latest=LATEST)
        for cell, spec in specs.items()
    ]
    columns = ", ".join(f"{one.value}, {one.code}" for one in casts)
    rows = connection.execute(f"SELECT {columns} FROM {with_steps('source', casts)}").fetchall()
    kolkata = timezone(timedelta(hours=5, minutes=30))
    moments = (datetime(2024, 7, 1, 8, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=kolkata))
    assert rows == [(moments[0], None, moments[1], None, Decimal(15), None)]
