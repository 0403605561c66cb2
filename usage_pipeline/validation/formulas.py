"""Cells that a spreadsheet would run as a formula, made harmless in a way that can be undone."""

from __future__ import annotations

import re

#: What may begin a formula, in plain and in full-width form, and what spreadsheets skip before one.
_DANGEROUS = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-](?=[.,]*[0-9])[0-9.,]+(?:[eE][+-]?[0-9]+)?")


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


def _needs_guard(text: str) -> bool:
    return _DANGEROUS.match(text) is not None and _NUMBER.fullmatch(text) is None
