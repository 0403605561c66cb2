"""A strptime pattern means what it means in Python, or the text is refused."""

# Local times carry no zone: that is what is tested.
# ruff: noqa: DTZ001, DTZ007

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.mapping.casts import strptime_problem
from usage_pipeline_tests.mapping.test_casts_numbers import Reading, read
from usage_pipeline_tests.mapping.test_casts_timestamps import BAD_FORMAT, instant, microseconds

PATTERNS = [
    "%Y-%m-%d",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y%m%d%H%M%S%f",
    "%d/%b/%Y:%H:%M:%S %z",
    "%B %d, %Y %I%p",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "100%% %d%b%Y",
    "%H:%M:%S %d (%m) [%Y]",
]
_walls = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
_offsets = st.integers(-18 * 60, 18 * 60).map(lambda m: timezone(timedelta(minutes=m)))


def python_reading(text: str, pattern: str) -> Reading:
    try:
        moment = datetime.strptime(text.strip(" \t"), pattern)
        return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), None
    except (ValueError, OverflowError):
        return BAD_FORMAT


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(_walls, _offsets), min_size=20, max_size=100))
def test_what_python_writes_is_read(pattern: str, moments: list[tuple[datetime, timezone]]) -> None:
    cells = [wall.replace(tzinfo=offset).strftime(pattern) for wall, offset in moments]
    expected = [python_reading(cell, pattern) for cell in cells]
    assert all(code is None for _, code in expected)
    assert read(cells, type="timestamp", format=pattern, time_zone="UTC") == expected


_PIECES = {
    "Y": st.integers(0, 9999).map("{:04}".format) | st.integers(0, 99999).map(str),
    "z": st.sampled_from(["Z", "z", "+05:30", "-0330", "+19:00", "+053015", "+05:30:15", "+05"]),
    "p": st.sampled_from(["AM", "pm", "Pm", "p", ""]),
    "b": st.sampled_from(["Jan", "MAY", "dec", "June", "Sept", "ſep", ""]),
    "B": st.sampled_from(["January", "MAY", "december", "Jun", "auguſt", ""]),
    "f": st.text("0123456789", max_size=8),
}
_small = st.integers(0, 62).map(str) | st.integers(0, 62).map("{:02}".format)
_letters = st.sampled_from(["YmdHMSfz", "YmdIpMS", "dbYHM", "BdY", "YmdHMz"])
_between = st.sampled_from(["", "-", ":", " ", "T", ".", "0", "%%", "*", "(", "é"])


@st.composite
def _pattern_and_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    letters = draw(_letters.flatmap(st.permutations))
    between = [draw(_between) for _ in letters]
    pattern = "".join(f"%{one}{gap}" for one, gap in zip(letters, between, strict=True))
    gaps = [gap.replace("%%", "%") for gap in between]
    text = st.tuples(*(_PIECES.get(one, _small) for one in letters)).map(
        lambda parts: "".join(a + b for a, b in zip(parts, gaps, strict=True))
    )
    return pattern, draw(st.lists(text, min_size=20, max_size=60))


@settings(max_examples=100, deadline=None)
@given(_pattern_and_texts())
def test_nothing_is_read_otherwise_than_by_python(drawn: tuple[str, list[str]]) -> None:
    pattern, cells = drawn
    if strptime_problem(pattern):
        return
    readings = read(cells, type="timestamp", format=pattern, time_zone="UTC")
    for cell, reading in zip(cells, readings, strict=True):
        if reading[1] is None:
            assert reading == python_reading(cell, pattern), (pattern, cell)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=20, max_size=100), st.sampled_from(PATTERNS))
def test_other_text_is_refused(cells: list[str], pattern: str) -> None:
    readings = read(cells, type="timestamp", format=pattern, time_zone="UTC")
    for cell, reading in zip(cells, readings, strict=True):
        assert reading in (BAD_FORMAT, python_reading(cell, pattern))


@pytest.mark.parametrize(
    ("pattern", "zone", "text", "expected"),
    [
        ("%m/%d/%Y", "UTC", "9/7/2024", instant("2024-09-07T00:00:00+00:00")),
        ("%d.%m.%Y %H:%M", "UTC", "7.9.2024 4:05", instant("2024-09-07T04:05:00+00:00")),
        ("%m/%d/%Y", "UTC", "13/7/2024", BAD_FORMAT),
        ("%m/%d/%Y", "UTC", "2/30/2024", BAD_FORMAT),
        ("%m/%d/%Y", "UTC", "2/3/24", BAD_FORMAT),
        ("%m/%d/%Y", None, "2/3/2024", (None, "timestamp-no-zone")),
        ("%Y%m%d", "UTC", "20240111", instant("2024-01-11T00:00:00+00:00")),
        ("%Y%m%d", "UTC", "2024111", BAD_FORMAT),
        ("%d %b %Y %I %p", "UTC", "1 jAn 2024 12 AM", instant("2024-01-01T00:00:00+00:00")),
        ("%d %b %Y %I %p", "UTC", "1 Jan 2024 12 pm", instant("2024-01-01T12:00:00+00:00")),
        ("%d %b %Y %I %p", "UTC", "1 Jan 2024 13 pm", BAD_FORMAT),
        ("%d %b %Y %I %p", "UTC", "1 Jan 2024 0 am", BAD_FORMAT),
        (
            "%Y-%m-%d %H:%M:%S.%f",
            "UTC",
            "2024-01-01 0:0:0.5",
            instant("2024-01-01T00:00:00.5+00:00"),
        ),
        ("%Y-%m-%d %H:%M:%S", "UTC", "2024-01-01 0:0:60", BAD_FORMAT),
        ("%Y-%m-%d %z", None, "2024-01-01 +0530", instant("2024-01-01T00:00:00+05:30")),
        ("%d.%m.%Y %H:%M", "Europe/Berlin", "31.03.2024 02:30", (None, "timestamp-ambiguous")),
        ("%d.%m.%Y %H:%M", "Europe/Berlin", "27.10.2024 2:30", (None, "timestamp-ambiguous")),
        ("%d.%m.%Y %H:%M", "Europe/Berlin", "1.7.2024 2:30", instant("2024-07-01T02:30:00+02:00")),
        ("%d.%m.%Y", "UTC", None, (None, None)),
    ],
)
def test_strptime(pattern: str, zone: str | None, text: str | None, expected: Reading) -> None:
    assert read([text], type="timestamp", format=pattern, time_zone=zone) == [expected]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_supported(pattern: str) -> None:
    assert strptime_problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "needs %Y"),
        ("%Y", "needs %Y, a month and %d"),
        ("%m/%d/%y", "'%y' is not supported"),
        ("%Y-%j", "'%j' is not supported"),
        ("%Y-%m-%d%", "'%' is not supported"),
        ("%Y-%m-%d %d", "'%d' is there twice"),
        ("%Y-%m-%d %b", "month is there twice"),
        ("%Y-%m-%d %H %I %p", "hour is there twice"),
        ("%Y-%m-%d %I:%M", "%I needs %p"),
        ("%Y-%m-%d %H %p", "%p needs %I"),
        ("%Y-%m-%d %M", "%M needs %H or %I"),
        ("%Y-%m-%d %H:%S", "%S needs %M"),
        ("%Y-%m-%d %H:%M.%f", "%f needs %S"),
        ("%m-%d %H:%M%z%Y", "'%z' must not be followed"),
        (" %Y-%m-%d", "begins or ends with a space"),
    ],
)
def test_unsupported(pattern: str, said: str) -> None:
    assert said in (strptime_problem(pattern) or "")
