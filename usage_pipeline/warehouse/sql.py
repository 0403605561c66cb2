"""How names and values are written in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def quoted(identifier: str) -> str:
    """An identifier that means itself, whatever characters or keywords it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text value; nothing in it can end the quote."""
    return "'" + text.replace("'", "''") + "'"


def parquet(path: Path) -> str:
    """The rows of a Parquet file, without the columns that DuckDB would read out of folders called
    `name=value` and put in place of the file's own.
    """
    return f"read_parquet({literal(str(path))}, hive_partitioning = false)"


def column_list(names: Iterable[str], table: str = "") -> str:
    """`a, b, c`, each quoted and, where a table is named, qualified."""
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + quoted(name) for name in names)
