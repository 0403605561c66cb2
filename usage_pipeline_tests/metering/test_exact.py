"""A number is rounded once, from its exact value, whatever it is multiplied and divided by."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import get_args

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.metering.exact import DIVISOR, REST, WHOLE, floored, rounded, unscaled
from usage_pipeline.schema.metric_spec import RoundingMode
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.metering.oracle import decimal_of

MOST_DIVISOR = 10**14

modes = st.sampled_from(get_args(RoundingMode))
#: As long as they come: sums fit 38 digits, and the largest must not overflow on the way.
wholes = st.integers(-(10**37), 10**37) | st.integers(-1000, 1000)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[int, int, int]:
    divisor = draw(st.sampled_from([1, 2, 3, 3600]) | st.integers(1, MOST_DIVISOR))
    return draw(wholes), draw(st.integers(0, divisor - 1)), divisor


#: What a person may write as `multiply_by` and `divide_by`.
factors = st.sampled_from(
    [Fraction(1), Fraction(60), Fraction(1024), Fraction(3), Fraction(7, 10)]
) | st.integers(1, 10**9).map(Fraction)


@pytest.fixture(scope="module")
def engine() -> Iterator[Connection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


@pytest.mark.slow
@given(
    numbers(), st.sampled_from([0, 2, 18, 38]), factors, factors, st.sampled_from([0, 2, 18]), modes
)
@settings(max_examples=400, deadline=None)
def test_the_value_is_the_fraction_rounded_once(
    engine: Connection,
    number: tuple[int, int, int],
    scale: int,
    times: Fraction,
    over: Fraction,
    digits: int,
    mode: RoundingMode,
) -> None:
    whole, rest, divisor = number
    exact = (whole + Fraction(rest, divisor)) * times / over / Fraction(10) ** scale
    row = f"SELECT {whole}::HUGEINT AS {WHOLE}, {rest} AS {REST}, {divisor} AS {DIVISOR}"
    query = rounded(row, "1 AS one", scale, times / over, digits, mode)
    try:
        [(_, value)] = engine.execute(query).fetchall()
    except (duckdb.OutOfRangeException, duckdb.ConversionException):
        # No value is better than a wrong one; but what is short is always computed.
        assert abs(exact) * 10**digits >= 10**33
    else:
        assert value == decimal_of(exact, digits, mode)


@pytest.mark.parametrize(
    ("mode", "rounds"),
    [
        ("half_even", ["0.04", "-0.04", "0.04", "0.06"]),
        ("half_up", ["0.05", "-0.05", "0.04", "0.06"]),
        ("up", ["0.05", "-0.05", "0.05", "0.06"]),
        ("down", ["0.04", "-0.04", "0.04", "0.05"]),
    ],
)
def test_modes_differ_where_something_is_cut_off(
    engine: Connection, mode: RoundingMode, rounds: list[str]
) -> None:
    row = f"""SELECT thousandth AS {WHOLE}, 0 AS {REST}, 1 AS {DIVISOR}
              FROM unnest([45, -45, 41, 55]) AS given(thousandth)"""
    found = engine.execute(rounded(row, "1 AS one", 3, Fraction(1), 2, mode)).fetchall()
    assert [value for _, value in found] == [Decimal(text) for text in rounds]


def test_a_half_that_only_the_last_of_many_digits_exceeds_is_more_than_a_half(
    engine: Connection,
) -> None:
    # 0.5 and a third of the 18th digit: rounded at 18 digits first, it would be a half.
    row = f"SELECT 500000000000000000 AS {WHOLE}, 1 AS {REST}, 3 AS {DIVISOR}"
    query = rounded(row, "1 AS one", 18, Fraction(1), 0, "half_even")
    assert engine.execute(query).fetchall() == [(1, Decimal(1))]


@given(st.integers(-(10**37), 10**37), st.integers(0, 38))
@settings(deadline=None)
def test_the_digits_of_a_decimal_are_those_it_has(
    engine: Connection, digits: int, scale: int
) -> None:
    number = f"CAST('{Decimal(f'{digits}e-{scale}'):f}' AS DECIMAL(38,{scale}))"
    assert engine.execute(f"SELECT {unscaled(number)}").fetchall() == [(digits,)]


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
@settings(deadline=None)
def test_a_floored_quotient_has_a_rest_that_is_not_negative(
    engine: Connection, dividend: int, divisor: int
) -> None:
    whole, rest = floored(f"{dividend}::HUGEINT", f"{divisor}::HUGEINT")
    assert engine.execute(f"SELECT {whole}, {rest}").fetchall() == [divmod(dividend, divisor)]
