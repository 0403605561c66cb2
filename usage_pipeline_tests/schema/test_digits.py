"""Digits are counted as they are written, however many there are."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.schema.digits import digits_around_point, shortest


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("0", (0, 0)),
        ("-0.000", (0, 0)),
        ("0E+999999", (0, 0)),
        ("7", (1, 0)),
        ("-120", (3, 0)),
        ("1.50", (1, 1)),
        ("0.001", (0, 3)),
        ("1E+999999", (1000000, 0)),
        ("1E-999999", (0, 999999)),
        ("1" + "0" * 40 + ".5", (41, 1)),
        ("0." + "0" * 39 + "1", (0, 40)),
        ("1.0000000000000000000000000000000000001", (1, 37)),
    ],
)
def test_zeros_at_the_end_and_in_front_are_no_digits(text: str, digits: tuple[int, int]) -> None:
    assert digits_around_point(Decimal(text)) == digits


@given(st.integers(-(10**50), 10**50), st.integers(-60, 60))
def test_the_shortest_is_the_same_number(mantissa: int, exponent: int) -> None:
    number = Decimal((int(mantissa < 0), tuple(map(int, str(abs(mantissa)))), exponent))
    assert Fraction(shortest(number)) == Fraction(mantissa) * Fraction(10) ** exponent
