"""How names and values are written in SQL."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(identifier: str) -> str:
    """An identifier that means itself, whatever characters or keywords it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text value; nothing in it can end the quote."""
    return "'" + text.replace("'", "''") + "'"


def column_list(names: Iterable[str], table: str = "") -> str:
    """`a, b, c`, each quoted and, where a table is named, qualified."""
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + quoted(name) for name in names)
