"""Cells that a spreadsheet would run as a formula, made harmless in a way that can be undone."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

#: What may begin a formula, in plain and in full-width form, and what spreadsheets skip before one.
_DANGEROUS = "'*[=+\\-@\t\r\n＝＋－＠]"
_NUMBER = r"[+-][.,]*[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?"

_starts_dangerously = re.compile(_DANGEROUS).match
_is_number = re.compile(_NUMBER).fullmatch


def guard(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula; `unguard` gives it back.

    An apostrophe is put before a text that begins, behind any number of apostrophes, with `=`, `+`,
    `-`, `@`, a tab, a line break or a full-width form of these, unless it is a number: a sign, then
    only digits, points, commas and an exponent.
    """
    return f"'{text}" if _needs_guard(text) else text


def unguard(text: str) -> str:
    """The text that `guard` was given.

    The law, for every text t: unguard(guard(t)) == t. And where guard never gives t:
    unguard(t) == t, so that a cell which nobody guarded, such as `=1+1` or `'-5`, stays as it is.
    """
    return text[1:] if text.startswith("'") and _needs_guard(text[1:]) else text


def unguard_column(cells: pa.StringArray) -> pa.StringArray:
    """What `unguard` makes of each of many cells."""
    looks_guarded = pc.match_substring_regex(cells, f"^'{_DANGEROUS}")
    is_number = pc.match_substring_regex(cells, rf"^'{_NUMBER}\z")
    guarded = pc.and_(looks_guarded, pc.invert(is_number))
    return pc.if_else(guarded, pc.utf8_slice_codeunits(cells, 1), cells)


def _needs_guard(text: str) -> bool:
    return _starts_dangerously(text) is not None and _is_number(text) is None
