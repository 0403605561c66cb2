"""Whatever a file says, a terminal shows it and does nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.printable import printable


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x07", r"\x07"),
        ("\x9b1m", r"\x9b1m"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\u202e", r"\u202e"),
        ("\u200b", r"\u200b"),
        ("\u2028", r"\u2028"),
        ("\ufeff", r"\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("\udce9", r"\udce9"),
        ("\x00", r"\x00"),
    ],
)
def test_what_cannot_be_printed_is_shown_as_its_escape(raw: str, shown: str) -> None:
    assert printable(raw) == shown


@pytest.mark.parametrize("text", ["", "Größe: 5 €", "日本", "🙂", "a\\b", "[bold]", "שלום"])
def test_what_can_be_printed_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(st.text())
def test_the_result_can_always_be_printed_and_encoded(text: str) -> None:
    assert printable(text).isprintable()
    printable(text).encode()


@given(st.text(), st.text())
def test_a_text_is_shown_as_its_parts_are(one: str, other: str) -> None:
    assert printable(one + other) == printable(one) + printable(other)
