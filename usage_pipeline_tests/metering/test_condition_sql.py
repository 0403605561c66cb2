"""What the SQL of a condition selects is what the condition says, by an oracle that is no SQL."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usage_pipeline.metering.condition_sql import condition_sql
from usage_pipeline.schema.condition import parse_condition
from usage_pipeline.schema.sql_types import sql_type
from usage_pipeline.warehouse.connection import Connection, empty_connection
from usage_pipeline.warehouse.sql import quoted
from usage_pipeline_tests.schema.usage_fields import FIELDS

Cell = str | Decimal | bool | datetime | None
Row = Mapping[str, Cell]
Truth = bool | None

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

#: How tightly the outermost word of a text binds: what is looser needs parentheses within.
OR, AND, NOT, LEAF = range(4)


@dataclass(frozen=True)
class Said:
    """A condition in words, and when it is true."""

    text: str
    binds: int
    truth: Callable[[Row], Truth]

    def within(self, binds: int) -> str:
        return self.text if self.binds >= binds else f"({self.text})"


TEXTS = st.text(st.sampled_from("aAbß%_'\"\\€𝄞 -/*;"), max_size=4)
INTEGERS = st.sampled_from([-(2**63), -1, 0, 1, 7, 2**53 + 1, 2**63 - 1]).map(Decimal)
DECIMALS = st.one_of(
    st.sampled_from(
        ["0.1", "-0.1", "1e-18", "1", "9223372036854775807", "9" * 20 + "." + "9" * 18]
    ).map(Decimal),
    st.decimals(-10, 10, places=18),
)
PRICES = st.decimals(-10, 10, places=2) | st.sampled_from([Decimal("99999999.99"), Decimal(7)])
MOMENTS = st.integers(0, 4).map(
    lambda step: (
        datetime(2024, 2, 29, 23, tzinfo=UTC) + step * timedelta(microseconds=1_800_000_001)
    )
)
VALUES: dict[str, st.SearchStrategy[Cell]] = {
    "customer_id": TEXTS,
    "timestamp": MOMENTS,
    "region": TEXTS,
    "note": TEXTS,
    "calls": INTEGERS,
    "quota": INTEGERS,
    "gb": DECIMALS,
    "price": PRICES,
    "thin": st.decimals(-10, 10, places=30),
    "paid": st.booleans(),
    "live": st.booleans(),
    "seen": MOMENTS,
}
COMPARABLE = [
    ("region", "note"),
    ("calls", "quota"),
    ("calls", "gb"),
    ("price", "calls"),
    ("price", "gb"),
    ("paid", "live"),
    ("timestamp", "seen"),
]
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}),
    min_size=3,
    max_size=8,
)


def plain(value: Cell) -> str:
    """The plainest way to write a value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = value.isoformat() if isinstance(value, datetime) else value
    assert text is not None
    return "'" + text.replace("'", "''") + "'"


@st.composite
def written_values(draw: st.DrawFn, value: Cell) -> str:
    """One of the ways to write a value."""
    if isinstance(value, bool):
        return draw(st.sampled_from([plain(value), plain(value).upper()]))
    if isinstance(value, datetime):
        hours = draw(st.sampled_from([0, 1, -11]))
        text = value.astimezone(timezone(timedelta(hours=hours))).isoformat()
        return f"'{text.replace('T', draw(st.sampled_from(['T', ' '])))}'"
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        mantissa = "".join(map(str, digits))
        scientific = f"{'-' if value.is_signed() else ''}{mantissa}e{exponent}"
        return draw(st.sampled_from([plain(value), scientific]))
    return plain(value)


def named(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, quoted(name)])


def compared(left: Cell, sign: str, right: Cell) -> Truth:
    if sign.startswith("IS"):
        return (left == right) == ("NOT" in sign)
    return None if left is None or right is None else COMPARISONS[sign](left, right)


SIGNS = st.sampled_from([*COMPARISONS, "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])


@st.composite
def comparisons(draw: st.DrawFn) -> Said:
    sign, turned = draw(SIGNS), draw(st.booleans())
    if draw(st.booleans()):
        one, other = draw(st.sampled_from(COMPARABLE))
        text = f"{draw(named(one))} {sign} {draw(named(other))}"
        return Said(text, LEAF, lambda row: compared(row[one], sign, row[other]))
    name = draw(st.sampled_from(list(VALUES)))
    value = draw(VALUES[name])
    written = draw(written_values(value))
    if turned:
        text = f"{written} {sign} {draw(named(name))}"
        return Said(text, LEAF, lambda row: compared(value, sign, row[name]))
    text = f"{draw(named(name))} {sign} {written}"
    return Said(text, LEAF, lambda row: compared(row[name], sign, value))


@st.composite
def lists(draw: st.DrawFn) -> Said:
    name = draw(st.sampled_from(list(VALUES)))
    values = draw(st.lists(VALUES[name], min_size=1, max_size=3))
    listed = ", ".join(draw(written_values(value)) for value in values)
    wanted = draw(st.booleans())

    def truth(row: Row) -> Truth:
        return None if row[name] is None else (row[name] in values) == wanted

    return Said(f"{name} {'IN' if wanted else 'NOT IN'} ({listed})", LEAF, truth)


@st.composite
def ranges(draw: st.DrawFn) -> Said:
    name = draw(st.sampled_from(list(VALUES)))
    low, high = draw(VALUES[name]), draw(VALUES[name])
    wanted = draw(st.booleans())
    text = f"{draw(written_values(low))} AND {draw(written_values(high))}"

    def truth(row: Row) -> Truth:
        inside = both(compared(row[name], ">=", low), compared(row[name], "<=", high))
        return inside if wanted else opposite(inside)

    return Said(f"{name} {'BETWEEN' if wanted else 'not between'} {text}", LEAF, truth)


@st.composite
def patterns(draw: st.DrawFn) -> Said:
    name, pattern = draw(st.sampled_from(["region", "note"])), draw(TEXTS)
    wanted = draw(st.booleans())
    expression = "".join({"%": ".*", "_": "."}.get(one, re.escape(one)) for one in pattern)

    def truth(row: Row) -> Truth:
        text = row[name]
        if not isinstance(text, str):
            return None
        return (re.fullmatch(expression, text, re.DOTALL) is not None) == wanted

    written = draw(written_values(pattern))
    return Said(f"{name} {'LIKE' if wanted else 'NOT LIKE'} {written}", LEAF, truth)


@st.composite
def null_tests(draw: st.DrawFn) -> Said:
    name, wanted = draw(st.sampled_from(list(VALUES))), draw(st.booleans())
    text = f"{name} IS {'' if wanted else 'NOT '}NULL"
    return Said(text, LEAF, lambda row: (row[name] is None) == wanted)


def flag(name: str) -> Said:
    def truth(row: Row) -> Truth:
        value = row[name]
        return value if isinstance(value, bool) else None

    return Said(name, LEAF, truth)


CONSTANTS = st.sampled_from(
    [Said("true", LEAF, lambda _: True), Said("false", LEAF, lambda _: False)]
)


def both(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def opposite(value: Truth) -> Truth:
    return None if value is None else not value


def joined(left: Said, word: str, right: Said) -> Said:
    if word == "AND":
        text = f"{left.within(AND)} AND {right.within(AND)}"
        return Said(text, AND, lambda row: both(left.truth(row), right.truth(row)))

    def either(row: Row) -> Truth:
        return opposite(both(opposite(left.truth(row)), opposite(right.truth(row))))

    return Said(f"{left.within(OR)} or {right.within(OR)}", OR, either)


def denied(inner: Said) -> Said:
    return Said(f"NOT {inner.within(NOT)}", NOT, lambda row: opposite(inner.truth(row)))


LEAVES = st.one_of(
    comparisons(),
    lists(),
    ranges(),
    patterns(),
    null_tests(),
    st.sampled_from(["paid", "live"]).map(flag),
    CONSTANTS,
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(denied), st.builds(joined, inner, st.sampled_from(["AND", "OR"]), inner)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with closing(empty_connection()) as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        yield connection


def selected(connection: Connection, rows: list[Row], text: str) -> list[int]:
    columns = ", ".join(f"{quoted(name)} {sql_type(field)}" for name, field in FIELDS.items())
    connection.execute(f"CREATE OR REPLACE TABLE rows (number INTEGER, {columns})")
    casts = ", ".join(f"CAST(? AS {sql_type(field)})" for field in FIELDS.values())
    for number, row in enumerate(rows):
        cells = [
            f"{value:f}"
            if isinstance(value, Decimal)
            else value.isoformat()
            if isinstance(value, datetime)
            else value
            for value in (row[name] for name in FIELDS)
        ]
        connection.execute(f"INSERT INTO rows SELECT {number}, {casts}", cells)
    condition = condition_sql(parse_condition(text, FIELDS), "event")
    query = f"SELECT number FROM rows AS event WHERE {condition} ORDER BY number"
    return [number for (number,) in connection.execute(query).fetchall()]


@settings(deadline=None, max_examples=200)
@given(CONDITIONS, ROWS)
def test_rows_are_selected_exactly_as_said(
    connection: Connection, said: Said, rows: list[Row]
) -> None:
    expected = [number for number, row in enumerate(rows) if said.truth(row) is True]
    assert selected(connection, rows, said.text) == expected


#: Values so near to each other that a DOUBLE, a fold of letters or a time zone would mix them up.
NEAR: dict[str, list[Cell]] = {
    "region": ["a", "A", "a ", "ä", "a\u0308", "€", "𝄞", ""],
    "calls": [Decimal(number) for number in (2**63 - 1, 2**63 - 2, 2**53 + 1, 2**53, -(2**63), 0)],
    "gb": [
        Decimal(text)
        for text in (
            "0.1",
            "0.100000000000000001",
            "99999999999999999999.999999999999999999",
            "99999999999999999999.999999999999999998",
            "-0.000000000000000001",
            "0",
        )
    ],
    "paid": [True, False],
    "seen": [
        datetime(2024, 3, 10, 7, tzinfo=UTC),
        datetime(2024, 3, 10, 6, 59, 59, 999_999, tzinfo=UTC),
        datetime(2024, 11, 3, 5, 30, tzinfo=UTC),
        datetime(2024, 11, 3, 6, 30, tzinfo=UTC),
    ],
}


@pytest.mark.parametrize("turned", [False, True], ids=["field first", "value first"])
@pytest.mark.parametrize("sign", [*COMPARISONS, "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
@pytest.mark.parametrize("name", list(NEAR))
def test_values_next_to_each_other_are_told_apart(
    connection: Connection, name: str, sign: str, turned: bool
) -> None:
    cells: list[Cell] = [*NEAR[name], None]
    rows: list[Row] = [dict.fromkeys(FIELDS) | {name: cell} for cell in cells]
    for value in NEAR[name]:
        text = f"{plain(value)} {sign} {name}" if turned else f"{name} {sign} {plain(value)}"
        truths = [
            compared(value, sign, cell) if turned else compared(cell, sign, value) for cell in cells
        ]
        expected = [number for number, truth in enumerate(truths) if truth is True]
        assert selected(connection, rows, text) == expected, text


@settings(deadline=None)
@given(TEXTS)
@example("'; DROP TABLE rows; --")
@example('" OR 1=1 --')
def test_a_text_selects_itself_whatever_it_holds(connection: Connection, text: str) -> None:
    rows: list[Row] = [dict.fromkeys(FIELDS) | {"region": one} for one in (text, text + "x")]
    written = text.replace("'", "''")
    assert selected(connection, rows, f"region = '{written}'") == [0]


def test_the_largest_integer_is_compared_with_decimals_of_any_size(connection: Connection) -> None:
    largest = Decimal(2**63 - 1)
    above, below = f"{2**63 - 1}.{1:018}", f"{2**63 - 2}.{'9' * 18}"
    near = [largest, Decimal(above), Decimal(below), Decimal("9" * 20)]
    rows: list[Row] = [dict.fromkeys(FIELDS) | {"calls": largest, "gb": gb} for gb in near]
    assert selected(connection, rows, "calls < gb") == [1, 3]
    assert selected(connection, rows, "calls = gb") == [0]


def test_a_column_is_taken_from_the_table_named() -> None:
    assert condition_sql(parse_condition("paid", FIELDS), 'a"b') == '("a""b"."paid" = true)'
