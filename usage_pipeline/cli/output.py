"""Listings as a table, as JSON or as CSV."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from usage_pipeline.formulas import guard
from usage_pipeline.printable import plain_number, printable

Row = Mapping[str, Any]

#: Rows of a table that a person may still want to read.
TABLE_ROWS = 200


#: Beyond what JSON escapes anyway: DEL, C1 controls, marks of width and direction.
_UNSEEN = re.compile("[\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Format(StrEnum):
    """How a listing is printed."""

    table = "table"
    json = "json"
    csv = "csv"


def show(rows: Iterable[Row], columns: Sequence[str], form: Format, empty: str) -> None:
    """Print rows; JSON is one array, streamed, with nothing else on standard output."""
    if form is Format.json:
        _json(rows)
    elif form is Format.csv:
        write_csv(sys.stdout, rows, columns)
    else:
        _table(list(_first(rows, TABLE_ROWS + 1)), columns, empty)


def show_object(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    sys.stdout.write(_dumped(value) + "\n")


def page() -> Console:
    """Standard output, for tables and text."""
    # Piped, there is no window to fit into: lines as wide as they need to be.
    return Console(width=None if sys.stdout.isatty() else 240)


def write_csv(file: Any, rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Write rows as CSV that no spreadsheet runs."""
    writer = csv.writer(file)
    writer.writerow([guard(column) for column in columns])
    for row in rows:
        writer.writerow([guard(text(row.get(column))) for column in columns])


def _json(rows: Iterable[Row]) -> None:
    first = True
    sys.stdout.write("[")
    for row in rows:
        sys.stdout.write(("" if first else ",") + "\n  ")
        sys.stdout.write(_dumped(row))
        first = False
    sys.stdout.write("]\n" if first else "\n]\n")


def _dumped(value: Any) -> str:
    """JSON with whatever a terminal might obey as an escape, which JSON reads as the same."""
    text = json.dumps(value, default=_plain, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _table(rows: list[Row], columns: Sequence[str], empty: str) -> None:
    console = page()
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        numeric = all(isinstance(row.get(column), int | Decimal | None) for row in rows)
        name = column == columns[0]
        table.add_column(
            column, justify="right" if numeric else "left", overflow="fold", no_wrap=name
        )
    for row in rows[:TABLE_ROWS]:
        # Text, not markup: square brackets in a file are not ours to interpret.
        table.add_row(*(Text(printable(short(row.get(column)))) for column in columns))
    console.print(table)
    if len(rows) > TABLE_ROWS:
        console.print(f"The first {TABLE_ROWS}; --format json or csv prints all.")


def _first(rows: Iterable[Row], count: int) -> Iterable[Row]:
    for index, row in enumerate(rows):
        if index == count:
            return
        yield row


def text(value: Any) -> str:
    """A value as text of a listing; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    plain = _plain(value) if not isinstance(value, str | int | float | dict | list) else value
    return plain if isinstance(plain, str) else json.dumps(plain, default=_plain)


def short(value: Any) -> str:
    """For a person: to the minute where that is all of it, in UTC."""
    if isinstance(value, datetime):
        whole = value.second == 0 and value.microsecond == 0
        return minute(value) if whole else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    return text(value)


def minute(moment: datetime) -> str:
    """The minute of a moment, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value)} has no place in a listing")
