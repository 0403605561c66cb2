"""What is written on a chart: names that fit, numbers with their thousands apart, scales."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from itertools import accumulate

from usage_pipeline.printable import grouped, printable

_WORDS = {9: "billions", 12: "trillions"}


def fitting(text: str, room: int) -> str:
    """A text from outside, harmless and at most `room` columns wide.

    What does not fit is cut out of the middle: names that begin alike often differ at their end.
    """
    # No more than this can be shown, and who knows how long the text is.
    if len(text) > 4 * room:
        text = f"{text[: 2 * room]}{text[-2 * room :]}"
    text = printable(text)
    if sum(map(_columns, text)) <= room:
        return text
    end = (room - 1) // 3
    return f"{_beginning(text, room - 1 - end)}…{_beginning(text[::-1], end)[::-1]}"


def _beginning(text: str, room: int) -> str:
    widths = accumulate(map(_columns, text))
    return text[: sum(width <= room for width in widths)]


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def power_for(largest: Decimal) -> int:
    """The power of ten to divide by so that numbers up to the largest stay short; mostly 0."""
    if largest == 0 or -6 <= largest.adjusted() < 9:
        return 0
    return largest.adjusted() // 3 * 3


def unit_for(unit: str, power: int) -> str:
    """The name of the axis: `GB`, `billions of GB`, `10^15 GB`."""
    if power in _WORDS:
        return f"{_WORDS[power]} of {unit}" if unit else _WORDS[power]
    return f"10^{power} {unit}".strip() if power else unit


def number(value: float) -> str:
    """A number on an axis: `12,000`, `0.25`."""
    # Ten digits are more than an axis shows, and fewer than it takes to see that 0.3 is no 0.3.
    return grouped(Decimal(f"{value:.10g}") + 0)
