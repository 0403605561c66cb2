"""How many digits a number has; none of it goes through a context, which would round it."""

from __future__ import annotations

from decimal import Decimal


def shortest(number: Decimal) -> Decimal:
    """The same finite number without zeros at the end: 1.50 as 1.5, 100 as 1E+2, -0 as 0."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or not number:
        return Decimal(0)
    kept = "".join(map(str, digits)).rstrip("0")
    return Decimal((sign, tuple(map(int, kept)), exponent + len(digits) - len(kept)))


def digits_around_point(number: Decimal) -> tuple[int, int]:
    """How many digits a finite number has before its point, and how many behind it."""
    _, digits, exponent = shortest(number).as_tuple()
    if not isinstance(exponent, int) or not number:
        return 0, 0
    return max(0, len(digits) + exponent), max(0, -exponent)
