"""Whole numbers, decimals, truth values and text are read exactly, or refused with a code."""

from __future__ import annotations

import string
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.mapping.casts import cast, literal, sql_type, with_steps
from usage_pipeline.schema.event_schema import FieldSpec

EARLIEST, LATEST = datetime(2005, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
Reading = tuple[Any, str | None]

_connection = duckdb.connect()
_connection.execute("SET TimeZone='UTC'")


def read(cells: Sequence[str | None], **field: Any) -> list[Reading]:
    """(value, code) of every cell; instants as microseconds since 1970."""
    spec = FieldSpec.model_validate(field)
    one = cast(spec, "the_cell", earliest=EARLIEST, latest=LATEST)
    rows = pa.table({"nr": range(len(cells)), "the_cell": pa.array(cells, pa.string())})
    _connection.register("cells", rows)
    shown = "epoch_us(v)" if spec.type == "timestamp" else "v"
    found = _connection.execute(
        f"SELECT {shown}, code, typeof(v) FROM (SELECT nr, {one.value} AS v, {one.code} AS code"
        f" FROM {with_steps('cells', [one])}) ORDER BY nr"
    ).fetchall()
    assert len(found) == len(cells)
    for cell, (value, code, kind) in zip(cells, found, strict=True):
        assert kind == one.sql_type == sql_type(spec)
        assert (value is None) == (cell is None or code is not None), (cell, value, code)
    return [(value, code) for value, code, _ in found]


def fits(number: Decimal, precision: int, scale: int) -> bool:
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    lowest = exponent + len(text) - len(text.rstrip("0"))
    text = text.rstrip("0")
    return not text or (lowest >= -scale and len(text) + lowest <= precision - scale)


def expected_decimal(text: str, precision: int, scale: int) -> Reading:
    text = text.strip(" \t")
    if not text or set(text) - set("0123456789+-.eE"):
        return None, "type-error"
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None, "type-error"
    if not fits(number, precision, scale):
        return None, "precision-loss"
    return number if number else Decimal(0), None


def expected_integer(text: str) -> Reading:
    text = text.strip(" \t")
    if not text or set(text) - set("0123456789+-"):
        return None, "type-error"
    try:
        number = int(text)
    except ValueError:
        return None, "type-error"
    in_range = -(2**63) <= number < 2**63
    return (number, None) if in_range else (None, "precision-loss")


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        ("5", 5, None),
        (" +5\t", 5, None),
        ("-0", 0, None),
        ("0" * 400 + "7", 7, None),
        ("9223372036854775807", 2**63 - 1, None),
        ("-9223372036854775808", -(2**63), None),
        ("9223372036854775808", None, "precision-loss"),
        ("-9223372036854775809", None, "precision-loss"),
        ("9" * 400, None, "precision-loss"),
        *[
            (text, None, "type-error")
            for text in ("94.0", "1.5", "1e3", "1_000", "0x1F", "1,000", "٣", "", "  ", "+", "5\n")
        ],
        (None, None, None),
    ],
)
def test_integer(text: str | None, value: int | None, code: str | None) -> None:
    assert read([text], type="integer") == [(value, code)]


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        ("1.25", "1.25", None),
        ("\t 1.25 ", "1.25", None),
        (".5", "0.5", None),
        ("5.", "5", None),
        ("-.5", "-0.5", None),
        ("4.21E-7", "0.000000421", None),
        ("1E+2", "100", None),
        ("1.50000000000000000000000", "1.5", None),
        ("1.5" + "0" * 400, "1.5", None),
        ("0" * 400 + "1.5", "1.5", None),
        ("0." + "0" * 500 + "1e501", "1", None),
        ("1e" + "0" * 300 + "5", "100000", None),
        ("0e999", "0", None),
        ("0e99999999999999999999", "0", None),
        ("1e-18", "1e-18", None),
        (f"-{'9' * 20}.{'9' * 18}", f"-{'9' * 20}.{'9' * 18}", None),
        ("1.0000000000000000001", None, "precision-loss"),
        ("0.9999999999999999999", None, "precision-loss"),
        ("1e-19", None, "precision-loss"),
        ("1e20", None, "precision-loss"),
        ("100000000000000000000", None, "precision-loss"),
        ("1e999999999", None, "precision-loss"),
        ("1e99999999999999999999", None, "precision-loss"),
        ("1e-99999999999999999999", None, "precision-loss"),
        *[
            (text, None, "type-error")
            for text in ("NaN", "Infinity", "1,000", "1_000", "0x1F", "+", "-", "e5", ".", "", " ")
        ],
        *[(text, None, "type-error") for text in ("1e", "1e+", ".e5", "1.2.3", "--1", "1 2", "٣")],
        (None, None, None),
    ],
)
def test_decimal(text: str | None, value: str | None, code: str | None) -> None:
    expected = None if value is None else Decimal(value)
    assert read([text], type="decimal") == [(expected, code)]


@pytest.mark.parametrize(
    ("precision", "scale", "text", "value"),
    [
        (38, 38, "0." + "9" * 38, "0." + "9" * 38),
        (38, 38, "9" * 38 + "e-38", "0." + "9" * 38),
        (38, 38, "1", None),
        (38, 0, "9" * 38, "9" * 38),
        (38, 0, "1e37", "1e37"),
        (38, 0, "1e38", None),
        (3, 0, "99.0", "99"),
        (3, 0, "99.5", None),
        (3, 0, "1000", None),
        (4, 2, "1.005", None),
        (4, 2, "99.99", "99.99"),
        (4, 2, "99.999", None),
        (1, 1, "0.5", "0.5"),
        (1, 1, "5e-1", "0.5"),
    ],
)
def test_decimal_of_other_width(precision: int, scale: int, text: str, value: str | None) -> None:
    expected = (None, "precision-loss") if value is None else (Decimal(value), None)
    assert read([text], type="decimal", precision=precision, scale=scale) == [expected]


def test_boolean() -> None:
    cells = ["true", "TRUE", " False\t", "t", "1", "yes", "", "  ", "truе", None]
    readings = [(True, None), (True, None), (False, None)]
    refused = [(None, "type-error")] * 6
    assert read(cells, type="boolean") == [*readings, *refused, (None, None)]


def test_text_stays_as_it_is() -> None:
    cells = ["", " a ", "O'Brien", "\x00", "🦆", None]
    assert read(cells, type="string") == [(cell, None) for cell in cells]


@given(st.text())
def test_literal(text: str) -> None:
    assert _connection.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


_digits = st.text("0123456789", max_size=45) | st.text("09", max_size=45)
_numbers = st.builds(
    lambda sign, whole, point, fraction, exponent: f"{sign}{whole}{point}{fraction}{exponent}",
    st.sampled_from(["", "-", "+"]),
    _digits,
    st.sampled_from(["", "."]),
    _digits,
    st.just("") | st.integers(-60, 60).map(lambda power: f"e{power}"),
)
_noise = st.text("0123456789+-.eE_, \t\nxNa٣", max_size=12) | st.text(max_size=12)
_widths = st.sampled_from([(38, 18), (38, 38), (38, 0), (18, 6), (5, 2), (1, 0)])


@settings(max_examples=60, deadline=None)
@given(st.lists(_numbers | _noise, min_size=20, max_size=200), _widths)
def test_any_decimal_is_exact_or_refused(cells: list[str], width: tuple[int, int]) -> None:
    precision, scale = width
    expected = [expected_decimal(cell, precision, scale) for cell in cells]
    assert read(cells, type="decimal", precision=precision, scale=scale) == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**64), 2**64).map(str) | _noise, min_size=20, max_size=200))
def test_any_integer_is_exact_or_refused(cells: list[str]) -> None:
    assert read(cells, type="integer") == [expected_integer(cell) for cell in cells]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(string.printable, max_size=6), min_size=20, max_size=100))
def test_nothing_but_true_and_false_is_a_boolean(cells: list[str]) -> None:
    words = {"true": (True, None), "false": (False, None)}
    expected = [words.get(cell.strip(" \t").lower(), (None, "type-error")) for cell in cells]
    assert read(cells, type="boolean") == expected
