"""Numbers of a file are read with the decimal and thousands signs that its schema names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.mapping.casts import cast, with_steps
from usage_pipeline.mapping.numbers import PLAIN_SIGNS, NumberSigns
from usage_pipeline.schema.event_schema import EventSchema, FieldSpec
from usage_pipeline.schema.rules import row_rules
from usage_pipeline_tests.mapping.test_casts_numbers import (
    EARLIEST,
    LATEST,
    Reading,
    expected_decimal,
    expected_integer,
)

THOUSANDS = (None, ",", ".", " ", "'", "’", "_", "\u00a0", "\u202f")
SIGNS = [
    NumberSigns(decimal, thousands)
    for decimal in (".", ",")
    for thousands in THOUSANDS
    if decimal != thousands
]
GERMAN, ENGLISH, FRENCH = NumberSigns(",", "."), NumberSigns(".", ","), NumberSigns(",", " ")
COMMA = NumberSigns(",", None)
TYPE_ERROR, PRECISION_LOSS = (None, "type-error"), (None, "precision-loss")

_connection = duckdb.connect()
_connection.execute("SET TimeZone='UTC'")


def read(cells: Sequence[str | None], signs: NumberSigns, **field: Any) -> list[Reading]:
    """(value, code) of every cell of a file that writes numbers with `signs`."""
    spec = FieldSpec.model_validate(field)
    one = cast(spec, "the_cell", earliest=EARLIEST, latest=LATEST, signs=signs)
    rows = pa.table({"nr": range(len(cells)), "the_cell": pa.array(cells, pa.string())})
    _connection.register("cells", rows)
    found = _connection.execute(
        f"SELECT v, {one.code_beside('v')}, typeof(v) FROM"
        f" (SELECT *, {one.value} AS v FROM {with_steps('cells', [one])}) ORDER BY nr"
    ).fetchall()
    assert len(found) == len(cells)
    for cell, (value, code, kind) in zip(cells, found, strict=True):
        assert kind == one.sql_type
        assert (value is None) == (cell is None or code is not None), (cell, value, code)
    return [(value, code) for value, code, _ in found]


def decimal(text: str | None, signs: NumberSigns) -> Reading:
    return read([text], signs, type="decimal")[0]


def integer(text: str | None, signs: NumberSigns) -> Reading:
    return read([text], signs, type="integer")[0]


def in_plain(text: str, signs: NumberSigns, *, fraction: bool) -> str | None:
    """What `text` means in plain signs, split by hand; None where it is not written in `signs`."""
    body = text.strip(" \t")
    sign = body[:1] if body[:1] in ("+", "-") else ""
    mantissa, power, exponent = _cut(body.removeprefix(sign), "[eE]" if fraction else None)
    whole, point, rest = _cut(mantissa, re.escape(signs.decimal) if fraction else None)
    groups = whole.split(signs.thousands) if signs.thousands else [whole]
    if len(groups) > 1 and not (
        1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    ):
        return None
    digits = "".join(groups)
    if set(digits + rest) - set("0123456789"):
        return None
    return f"{sign}{digits}{'.' if point else ''}{rest}{power}{exponent}"


def _cut(text: str, separator: str | None) -> tuple[str, str, str]:
    found = re.search(separator, text) if separator else None
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56", "1234.56"),
        ("1234,56", "1234.56"),
        ("-1.234.567,8", "-1234567.8"),
        (" \t+1.000 \t", "1000"),
        ("1.500", "1500"),
        ("001.500", "1500"),
        ("1,5", "1.5"),
        (",5", "0.5"),
        ("5,", "5"),
        ("1.000,", "1000"),
        ("1.000e-3", "1"),
        ("1,5E+2", "150"),
        ("0,1" + "0" * 400, "0.1"),
    ],
)
def test_a_german_number_is_exact(text: str, value: str) -> None:
    assert decimal(text, GERMAN) == (Decimal(value), None)


@pytest.mark.parametrize(
    "text",
    [
        *("1.5", "1.50", "1.2345", "1.00.000", "1000.000", "12.34", ".500", "1..000", "1.000."),
        *("1,000.5", "0,123.456", "1,5,5", "1.000 000", "1'000", "1.000e1.000", "1e1,5"),
        *("", " ", ",", ".", "+", "-,", "e5", ",e5", "1 ,5", "1.000\n", "1.٠٠٠", "NaN"),
    ],
)
def test_a_wrongly_written_german_number_is_refused(text: str) -> None:
    assert decimal(text, GERMAN) == TYPE_ERROR


def test_a_decimal_comma_alone_leaves_the_point_without_meaning() -> None:
    cells = ["1,5", "1.5", "1.500", "1.500,5", "1000,5"]
    readings = [(Decimal("1.5"), None), *[TYPE_ERROR] * 3, (Decimal("1000.5"), None)]
    assert read(cells, COMMA, type="decimal") == readings


def test_thousands_signs_may_be_left_out() -> None:
    readings = [(Decimal("1000.5"), None)] * 2
    assert read(["1,000.50", "1000.50"], ENGLISH, type="decimal") == readings


def test_a_comma_between_wrong_groups_is_no_thousands_sign() -> None:
    assert decimal("12,34", ENGLISH) == TYPE_ERROR


def test_a_group_is_not_followed_by_loose_digits() -> None:
    assert decimal("1,0005", ENGLISH) == TYPE_ERROR


@pytest.mark.parametrize("signs", [one for one in SIGNS if one.thousands], ids=str)
def test_every_thousands_sign_may_stand_between_groups(signs: NumberSigns) -> None:
    text = f"-1{signs.thousands}234{signs.thousands}567{signs.decimal}5"
    assert decimal(text, signs) == (Decimal("-1234567.5"), None)


@pytest.mark.parametrize("signs", [one for one in SIGNS if one.thousands], ids=str)
def test_every_thousands_sign_may_stand_in_a_whole_number(signs: NumberSigns) -> None:
    assert integer(f"1{signs.thousands}000", signs) == (1000, None)


@pytest.mark.parametrize("text", ["1.5", "1.0000", "1000.000", "1.000,0", "1,5", ".000", "1.000."])
def test_a_whole_number_has_whole_groups_and_no_fraction(text: str) -> None:
    assert integer(text, GERMAN) == TYPE_ERROR


def test_a_decimal_comma_gives_a_whole_number_no_fraction() -> None:
    assert read(["1000", "1,0"], COMMA, type="integer") == [(1000, None), TYPE_ERROR]


def test_a_space_counts_between_groups_only() -> None:
    cells = [" 1 000 ", "\t1 000,5", "1  000", "1 00", "- 1 000", "1 000 ,5", "1 000, 5", "1\t000"]
    readings = [(Decimal(1000), None), (Decimal("1000.5"), None), *[TYPE_ERROR] * 6]
    assert read(cells, FRENCH, type="decimal") == readings


def test_no_break_spaces_are_not_trimmed() -> None:
    signs = NumberSigns(",", "\u00a0")
    assert read(["\u00a01\u00a0000", "1\u00a0000\u00a0"], signs, type="decimal") == [TYPE_ERROR] * 2


def test_a_whole_number_beyond_64_bits_is_a_loss() -> None:
    assert integer("1.000.000.000.000.000.000.000", GERMAN) == PRECISION_LOSS


def test_the_largest_whole_number_is_read_with_its_signs() -> None:
    assert integer("9.223.372.036.854.775.807", GERMAN) == (2**63 - 1, None)


def test_a_decimal_that_does_not_fit_is_a_loss() -> None:
    cells = ["1.000,001", "1.000.000", "1,001e3"]
    readings = [PRECISION_LOSS, PRECISION_LOSS, (Decimal(1001), None)]
    assert read(cells, GERMAN, type="decimal", precision=6, scale=2) == readings


@pytest.mark.parametrize("kind", ["integer", "decimal"])
def test_no_value_stays_no_value(kind: str) -> None:
    assert read([None], GERMAN, type=kind) == [(None, None)]


@pytest.mark.parametrize("origin", [{"constant": "1.5"}, {"from_file_name": "(.*)"}])
def test_a_number_that_is_not_from_the_file_is_plain(origin: dict[str, str]) -> None:
    cells = ["1.5", "1.500", "1,5"]
    readings = [(Decimal("1.5"), None), (Decimal("1.5"), None), TYPE_ERROR]
    assert read(cells, GERMAN, type="decimal", **origin) == readings


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string"},
        {"type": "boolean"},
        {"type": "timestamp"},
        {"type": "timestamp", "format": "epoch_seconds"},
        {"type": "timestamp", "format": "%d.%m.%Y", "time_zone": "UTC"},
    ],
)
def test_signs_are_of_numbers_only(field: dict[str, str]) -> None:
    spec = FieldSpec.model_validate(field)
    signed, plain = (
        cast(spec, "c", earliest=EARLIEST, latest=LATEST, signs=signs)
        for signs in (GERMAN, PLAIN_SIGNS)
    )
    assert signed == plain


@pytest.mark.parametrize(
    ("kind", "signs"), [("decimal", PLAIN_SIGNS), ("integer", PLAIN_SIGNS), ("integer", COMMA)]
)
def test_a_number_that_is_plain_anyway_is_not_rewritten(kind: str, signs: NumberSigns) -> None:
    spec = FieldSpec.model_validate({"type": kind})
    assert cast(spec, "c", earliest=EARLIEST, latest=LATEST, signs=signs).steps == ()


def test_one_cell_may_be_read_as_two_types() -> None:
    kinds = [FieldSpec.model_validate({"type": kind}) for kind in ("decimal", "integer")]
    casts = [cast(kind, "c", earliest=EARLIEST, latest=LATEST, signs=GERMAN) for kind in kinds]
    values = ", ".join(one.value for one in casts)
    source = with_steps("(SELECT '1.000,5' AS c)", casts)
    found = _connection.execute(f"SELECT {values} FROM {source}").fetchall()
    assert found == [(Decimal("1000.5"), None)]


def words(csv: dict[str, str], **field: Any) -> dict[str, str]:
    """{code: description} of the rules of the field `n`."""
    fields = {
        "customer_id": {"type": "string"},
        "timestamp": {"type": "timestamp"},
        "n": {"required": False, **field},
    }
    schema = EventSchema.model_validate({"name": "words", "fields": fields, "csv": csv})
    return {rule.code: rule.description for rule in row_rules(schema) if rule.field == "n"}


def test_messages_of_plain_decimals() -> None:
    assert words({}, type="decimal") == {
        "type-error": "n must be a decimal number, with a point and without thousands signs",
        "precision-loss": "n must fit 20 digits before and 18 behind the point",
    }


def test_messages_of_plain_whole_numbers() -> None:
    assert words({}, type="integer") == {
        "type-error": "n must be a whole number, written in digits only",
        "precision-loss": "n must fit into 64 bits",
    }


def test_messages_name_the_signs() -> None:
    csv = {"decimal_sign": ",", "thousands_sign": "."}
    assert words(csv, type="decimal") == {
        "type-error": "n must be a decimal number, with a comma and with points between thousands"
        " at most",
        "precision-loss": "n must fit 20 digits before and 18 behind the comma",
    }


def test_messages_of_whole_numbers_name_the_thousands_sign() -> None:
    assert words({"thousands_sign": "\u202f"}, type="integer")["type-error"] == (
        "n must be a whole number, written in digits, with narrow no-break spaces between"
        " thousands at most"
    )


def test_messages_for_a_constant_stay_plain() -> None:
    csv = {"decimal_sign": ",", "thousands_sign": "."}
    constant = words(csv, type="decimal", constant="1.5")
    assert constant == words({}, type="decimal", constant="1.5")


_signs = st.sampled_from(SIGNS)
_digits = st.text("0123456789", max_size=30)
_exponents = st.just("") | st.integers(-40, 40).map(lambda power: f"e{power}")


@st.composite
def _written(draw: st.DrawFn) -> tuple[NumberSigns, list[str]]:
    """Signs, and cells that are written in them, nearly so, or not at all."""
    signs = draw(_signs)
    grouped = st.tuples(
        st.text("0123456789", min_size=1, max_size=4),
        st.lists(st.text("0123456789", min_size=3, max_size=3), max_size=8),
    ).map(lambda parts: (signs.thousands or "").join([parts[0], *parts[1]]))
    number = st.builds(
        lambda sign, whole, fraction, exponent, blank: f"{blank}{sign}{whole}{fraction}{exponent}",
        st.sampled_from(["", "-", "+"]),
        grouped | _digits,
        st.just("") | _digits.map(lambda digits: f"{signs.decimal}{digits}"),
        _exponents,
        st.sampled_from(["", " ", "\t"]),
    )
    noise = st.text(f"0123456789+-eE.,{signs.thousands or ''} ", max_size=10) | st.text(max_size=8)
    return signs, draw(st.lists(number | noise, min_size=20, max_size=150))


@settings(max_examples=100, deadline=None)
@given(_written(), st.sampled_from([(38, 18), (38, 0), (12, 3), (5, 5)]))
def test_any_decimal_is_exact_or_refused(
    written: tuple[NumberSigns, list[str]], width: tuple[int, int]
) -> None:
    signs, cells = written
    plain = [in_plain(cell, signs, fraction=True) for cell in cells]
    expected = [TYPE_ERROR if one is None else expected_decimal(one, *width) for one in plain]
    precision, scale = width
    assert read(cells, signs, type="decimal", precision=precision, scale=scale) == expected


@settings(max_examples=60, deadline=None)
@given(_written())
def test_any_integer_is_exact_or_refused(written: tuple[NumberSigns, list[str]]) -> None:
    signs, cells = written
    plain = [in_plain(cell, signs, fraction=False) for cell in cells]
    expected = [TYPE_ERROR if one is None else expected_integer(one) for one in plain]
    assert read(cells, signs, type="integer") == expected
