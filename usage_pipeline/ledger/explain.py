"""Why an event counts or not: every upload and line it came in, and the rule that decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from usage_pipeline.ledger.standing import standings
from usage_pipeline.ledger.tables import displaced_table, fields_of, ingestion_table
from usage_pipeline.mapping.casts import sql_type
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, parquet, quoted


class WrongKey(ValueError):
    """The values given are no event key of the schema."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One row of an event.

    counts: whether it is the one that counts. valid: whether every rule holds for it.
    in_ledger: whether its upload is active.
    """

    upload: str
    line: int
    in_ledger: bool
    valid: bool
    counts: bool
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outside:
    """An upload with rows that are not in the ledger, and its mapped frame.

    all_rows: whether none of them is, or only those that are invalid.
    """

    upload: str
    frame: Path
    all_rows: bool


def typed_key(schema: EventSchema, words: Sequence[str]) -> list[Any]:
    """The values of an event key, from text as listings print them.

    A text that means "no value" in a file means so here.

    Raises:
        WrongKey: too few or too many, or one that its field cannot have.
    """
    names = schema.key_fields
    if len(words) != len(names):
        raise WrongKey(
            f"The event key of {schema.name} is {', '.join(names)}: "
            f"so many values are needed, not {len(words)}."
        )
    types = {"upload": "string", "line": "integer"} | {
        name: field.type for name, field in schema.fields.items()
    }
    return [
        _typed(name, types[name], word, schema) for name, word in zip(names, words, strict=True)
    ]


def _typed(name: str, kind: str, word: str, schema: EventSchema) -> Any:
    if word in schema.csv.null_values or (not word and kind != "string"):
        return None
    try:
        value = _READERS[kind](word)
    except (ValueError, ArithmeticError, KeyError):
        raise WrongKey(f"'{word}' cannot be {name}, which is of type {kind}.") from None
    return value


def _integer(word: str) -> int:
    # Python also reads 1_000 and Arabic digits.
    if not re.fullmatch(r"[+-]?[0-9]+", word):
        raise ValueError(word)
    number = int(word)
    if number.bit_length() > 63:
        raise ValueError(word)
    return number


def _decimal(word: str) -> Decimal:
    if not re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?", word):
        raise ValueError(word)
    number = Decimal(word)
    if len(number.as_tuple().digits) > 38 or abs(number.adjusted()) > 38:
        raise ValueError(word)
    return number


def _moment(word: str) -> datetime:
    moment = datetime.fromisoformat(word)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": _integer,
    "decimal": _decimal,
    "timestamp": _moment,
    "boolean": lambda word: {"true": True, "false": False}[word.lower()],
}


def in_ledger(
    connection: Connection, schema: EventSchema, key: Sequence[Any]
) -> Iterator[Occurrence]:
    """The row with that event key that counts, and those that lost, by place and line."""
    uploads = {one.place: one.upload for one in standings(connection, schema)}
    condition, values = _has_key(schema, key)
    if schema.every_line_counts:
        places = [str(place) for place, name in uploads.items() if name == key[0]]
        condition += f" AND place IN ({', '.join(places or ['0'])})"
    names = list(schema.fields)
    tables = " UNION ALL ".join(
        f"SELECT {counts} AS counts, place, line, {fields_of(connection, schema, table)} "
        f"FROM {table}"
        for counts, table in (("true", ingestion_table(schema)), ("false", displaced_table(schema)))
    )
    rows = connection.execute(
        f"SELECT * FROM ({tables}) WHERE {condition} ORDER BY place, line", values
    ).fetchall()
    for counts, place, line, *fields in rows:
        found = dict(zip(names, fields, strict=True))
        yield Occurrence(uploads[place], line, True, True, counts, found)


def outside_ledger(
    connection: Connection, schema: EventSchema, key: Sequence[Any], outside: Iterable[Outside]
) -> Iterator[Occurrence]:
    """The rows with that event key that are not in the ledger, by upload and line."""
    names = list(schema.fields)
    for one in outside:
        if schema.every_line_counts and one.upload != key[0]:
            continue
        for line, valid, *fields in _rows_of_frame(connection, schema, one.frame, key):
            if valid and not one.all_rows:
                continue
            found = dict(zip(names, fields, strict=True))
            yield Occurrence(one.upload, line, False, valid, False, found)


def _rows_of_frame(
    connection: Connection, schema: EventSchema, frame: Path, key: Sequence[Any]
) -> list[tuple[Any, ...]]:
    rows = parquet(frame)
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    columns = {name for name, *_ in described}
    # Mapped by another version of the schema, perhaps: what it lacks, or has otherwise, is empty.
    fields = [
        f"TRY_CAST({quoted(name)} AS {sql_type(field)})" if name in columns else "NULL"
        for name, field in schema.fields.items()
    ]
    named = ", ".join(
        f"{field} AS {quoted(name)}" for field, name in zip(fields, schema.fields, strict=True)
    )
    condition, values = _has_key(schema, key)
    return connection.execute(
        f"""SELECT line, valid, {column_list(schema.fields)}
            FROM (SELECT line, valid, {named} FROM {rows}) WHERE {condition} ORDER BY line""",
        values,
    ).fetchall()


def _has_key(schema: EventSchema, key: Sequence[Any]) -> tuple[str, list[Any]]:
    """A condition on rows, and its values."""
    if schema.every_line_counts:
        return "line = ?", [key[1]]
    same = (f"{quoted(name)} IS NOT DISTINCT FROM ?" for name in schema.key_fields)
    return " AND ".join(same), list(key)
