"""Text from outside, made harmless for a terminal; numbers as a person reads them."""

from __future__ import annotations

from decimal import Decimal


def printable(text: str) -> str:
    """The text with every character that cannot be printed shown as its escape.

    What a file says can then neither move the cursor, nor forge a line, nor turn the reading order
    around: `\\x1b`, `\\n`, `\\u202e`. A byte of a file's name that is no UTF-8 becomes `\\udce9`.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def grouped(value: Decimal) -> str:
    """A decimal with its thousands apart and without zeros at the end."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_number(value: Decimal) -> str:
    """A decimal without exponent and without zeros at its end."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
