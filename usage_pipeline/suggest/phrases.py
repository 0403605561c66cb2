"""How questions and remarks say what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from usage_pipeline.mapping.numbers import NumberSigns
from usage_pipeline.reading import clip

_SHOWN = 60


def quote(text: str) -> str:
    """A text of the file in quotes, cut where it is long."""
    return f"'{clip(text, _SHOWN)}'"


def list_of(labels: Sequence[str]) -> str:
    """The first few of some headers, and how many more there are."""
    shown = [quote(label) for label in labels[:4]]
    more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
    return ", ".join(shown) + more


def lines_have(count: int) -> str:
    """`1 line has`, `2 lines have`."""
    return "1 line has" if count == 1 else f"{count:,} lines have"


def moment(microseconds: Any) -> datetime:
    """The instant so many microseconds after 1970 began."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))


def signs_in_words(ways: Sequence[NumberSigns]) -> str:
    """Ways of writing numbers, by the keys of `csv` that name them."""
    return " and with ".join(
        f"decimal_sign '{one.decimal}'"
        + (f" and thousands_sign '{one.thousands}'" if one.thousands else "")
        for one in ways
    )
