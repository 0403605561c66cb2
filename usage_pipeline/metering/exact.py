"""Exact quotients in SQL: one rounding, at the end, from the exact number.

DuckDB's `/` and `avg` on DECIMAL give DOUBLE, and no type of its own holds a product of two long
decimals. So a number is carried as `whole + rest / divisor`, integers of 128 bits, and multiplied
and divided by schoolbook, in two halves of 19 digits.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd

from usage_pipeline.schema.metric_spec import RoundingMode
from usage_pipeline.warehouse.sql import quoted

#: Columns of a relation whose rows carry a number. No field has a colon in its name.
WHOLE, REST, DIVISOR = quoted(":whole"), quoted(":rest"), quoted(":divisor")

_HALF = 10**19

#: Most of one factor and of one divisor: with them no product in `rounded` reaches 2**127.
_MOST_FACTOR = 10**18
_MOST_DIVISOR = 8 * 10**18


def unscaled(number: str) -> str:
    """The digits of an integer or a decimal as one integer: 1.50 of scale 2 is 150."""
    # The text of a decimal always has all digits of its scale.
    return f"CAST(replace(CAST({number} AS VARCHAR), '.', '') AS HUGEINT)"


def floored(dividend: str, divisor: str) -> tuple[str, str]:
    """SQL of a quotient rounded down and of its rest, which is not negative; `divisor` is above 0.

    The engine's own `//` and `%` go towards zero.
    """
    quotient, rest = f"({dividend}) // ({divisor})", f"({dividend}) % ({divisor})"
    return (
        f"({quotient} - CASE WHEN {rest} < 0 THEN 1 ELSE 0 END)",
        f"({rest} + CASE WHEN {rest} < 0 THEN {divisor} ELSE 0 END)",
    )


def rounded(
    numbers: str, columns: str, scale: int, factor: Fraction, digits: int, mode: RoundingMode
) -> str:
    """A query that gives `columns` of `numbers`, and `value`, a DECIMAL(38, digits).

    Args:
        numbers: a query with WHOLE, REST and DIVISOR: the number, times 10 to the power of
            `scale`, is WHOLE + REST / DIVISOR, with 0 <= REST < DIVISOR <= 10**14.
        factor: what the number is multiplied by before it is rounded.

    At run time a value of more than 38 digits raises OutOfRangeException or ConversionException.
    """
    exact = factor * Fraction(10) ** (digits - scale)
    early, late = _factors(exact.numerator)
    first, *more = _divisors(exact.denominator)
    steps = [
        _positive(numbers),
        f"""SELECT *, w * {_huge(early)} + r * {_huge(early)} // {DIVISOR} AS w1,
                   r * {_huge(early)} % {DIVISOR} AS r1 FROM (%s)""",
        f"""SELECT *, w1 // {_huge(_HALF)} * {_huge(late)} AS high,
                   w1 % {_huge(_HALF)} * {_huge(late)} + r1 * {_huge(late)} // {DIVISOR} AS low,
                   {_class("0", f"(r1 * {_huge(late)} % {DIVISOR})", DIVISOR)} AS c0 FROM (%s)""",
        f"""SELECT *, high // {_huge(first)} AS q1,
                   high % {_huge(first)} * {_huge(_HALF)} + low AS low1 FROM (%s)""",
        f"""SELECT *, q1 * {_huge(_HALF)} + low1 // {_huge(first)} AS q,
                   {_class("c0", f"(low1 % {_huge(first)})", _huge(first))} AS c FROM (%s)""",
        *(
            f"""SELECT * REPLACE (q // {_huge(divisor)} AS q,
                   {_class("c", f"(q % {_huge(divisor)})", _huge(divisor))} AS c) FROM (%s)"""
            for divisor in more
        ),
        f"""SELECT * REPLACE (q + CASE WHEN {_AWAY[mode]} THEN 1 ELSE 0 END AS q) FROM (%s)""",
        f"""SELECT {columns}, CAST(CASE WHEN negative THEN -q ELSE q END AS DECIMAL(38,0))
                   * {_unit(digits)} AS value FROM (%s)""",
    ]
    query = steps[0]
    for step in steps[1:]:
        query = step.replace("(%s)", f"({query})")
    return query


#: When the digit before the cut grows. Of what is cut off, c tells: 0 nothing, 1 less than a half,
#: 2 a half, 3 more.
_AWAY: dict[RoundingMode, str] = {
    "half_even": "c = 3 OR (c = 2 AND q % 2 = 1)",
    "half_up": "c >= 2",
    "up": "c > 0",
    "down": "false",
}


def _positive(numbers: str) -> str:
    """The size of each number, as w + r / divisor, and its sign."""
    borrowed = f"{WHOLE} < 0 AND {REST} > 0"
    return f"""
        SELECT *, {WHOLE} < 0 AS negative,
               CASE WHEN {borrowed} THEN -{WHOLE} - 1 ELSE abs({WHOLE}) END AS w,
               CASE WHEN {borrowed} THEN {DIVISOR} - {REST} ELSE {REST} END AS r
        FROM (SELECT * REPLACE (CAST({WHOLE} AS HUGEINT) AS {WHOLE},
                                CAST({REST} AS HUGEINT) AS {REST},
                                CAST({DIVISOR} AS HUGEINT) AS {DIVISOR}) FROM ({numbers}))"""


def _class(finer: str, rest: str, divisor: str) -> str:
    """Of `rest / divisor`, and something finer behind it: is it nothing, under, or over a half."""
    return f"""CASE WHEN {rest} = 0 AND {finer} = 0 THEN 0
                    WHEN 2 * {rest} > {divisor} THEN 3
                    WHEN 2 * {rest} = {divisor} THEN CASE WHEN {finer} = 0 THEN 2 ELSE 3 END
                    WHEN 2 * {rest} = {divisor} - 1 THEN greatest({finer}, 1) ELSE 1 END"""


def _factors(number: int) -> tuple[int, int]:
    """Two factors of a number: the second is small enough for the exact division."""
    late = number if number <= _MOST_FACTOR else gcd(number, _MOST_FACTOR)
    return number // late, late


def _divisors(number: int) -> list[int]:
    """Small divisors, whose product is `number`; the largest first, to make room for digits."""
    small = []
    while number > _MOST_DIVISOR:
        small.append(gcd(number, 10**18))
        number //= small[-1]
    return sorted([number, *small], reverse=True)


def _huge(number: int) -> str:
    return f"{number}::HUGEINT"


def _unit(digits: int) -> str:
    """One in the last digit: times an integer it places the point, and can round nothing."""
    text = f"0.{'1':0>{digits}}" if digits else "1"
    return f"CAST('{text}' AS DECIMAL({digits + 1},{digits}))"
