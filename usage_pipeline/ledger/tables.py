"""The ledger's tables in the warehouse.

Per event schema, in a database schema of its name: `ingestion_table`, the one row per event that
counts, and `displaced`, the valid rows that do not; together they hold every valid row of every
active upload. `pipeline.places` has one row per place: which upload has it, whether its rows are
in, how many of them count, and the decision that made it so. No index: an anti-join of a batch of
a million rows costs half a second, and a primary key many times that on every load.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from usage_pipeline.mapping.casts import sql_type
from usage_pipeline.schema import EventSchema, ledger_shape
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import quoted


class LedgerShapeChanged(RuntimeError):
    """The YAML now describes another ledger than the one whose rows are in."""


class LedgerLost(RuntimeError):
    """Rows that were in are no longer there: the warehouse is another one, or was removed."""

    def __init__(self, schema: EventSchema, uploads: Sequence[str]) -> None:
        count = f"{len(uploads)} upload{'' if len(uploads) == 1 else 's'}"
        super().__init__(
            f"The warehouse has no rows of {count} of {schema.name} that went into it, "
            f"{uploads[0]} for one. `usage-pipeline rebuild --schema {schema.name}` builds its "
            "tables anew from the archive."
        )


def ingestion_table(schema: EventSchema) -> str:
    return f"{quoted(schema.name)}.ingestion_table"


def displaced_table(schema: EventSchema) -> str:
    return f"{quoted(schema.name)}.displaced"


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All that the block does, or nothing of it."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A commit that failed has rolled back already; the reason is what must be seen.
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def open_ledger(connection: Connection, schema: EventSchema) -> None:
    """Make what is missing: tables at first, a column for each field that is new.

    Raises:
        LedgerShapeChanged: event key, policy or a field's type differ from the rows that are in.
    """
    with transaction(connection):
        ensure_tables(connection, schema)


def ensure_tables(connection: Connection, schema: EventSchema) -> None:
    """`open_ledger`, within a transaction of the caller's."""
    _make_catalogue(connection)
    wanted = ledger_shape(schema)
    known = _known_shape(connection, schema)
    if known is None or (known != wanted and not _has_places(connection, schema)):
        make_tables(connection, schema)
    elif known != wanted:
        refuse_changed(connection, schema)
        _extend(connection, schema, known, wanted)


def make_tables(connection: Connection, schema: EventSchema) -> None:
    """Make the schema's tables, empty, in the shape that its YAML asks for now."""
    _make_catalogue(connection)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema.name)}")
    for table in (ingestion_table(schema), displaced_table(schema)):
        connection.execute(f"CREATE OR REPLACE TABLE {table} ({row_columns(schema)})")
    connection.execute("DELETE FROM pipeline.ledgers WHERE schema = ?", [schema.name])
    shape = json.dumps(ledger_shape(schema))
    connection.execute("INSERT INTO pipeline.ledgers VALUES (?, ?)", [schema.name, shape])


def row_columns(schema: EventSchema) -> str:
    """The columns of a ledger table, with their types."""
    fields = ", ".join(
        f"{quoted(name)} {sql_type(field)}{_storage(schema, name)}"
        for name, field in schema.fields.items()
    )
    return f"place INTEGER NOT NULL, line BIGINT NOT NULL, {fields}"


def _storage(schema: EventSchema, name: str) -> str:
    # Of a key that is one text no two rows have the same: packed it takes half the room, but three
    # times as long to write, and twice as long to be searched by every upload to come.
    alone = list(schema.key_fields) == [name] and schema.fields[name].type == "string"
    return " USING COMPRESSION uncompressed" if alone else ""


def _make_catalogue(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA IF NOT EXISTS pipeline")
    connection.execute(
        """CREATE TABLE IF NOT EXISTS pipeline.places (
            schema VARCHAR NOT NULL, place INTEGER NOT NULL, upload VARCHAR NOT NULL,
            schema_version VARCHAR NOT NULL, decision BIGINT NOT NULL, active BOOLEAN NOT NULL,
            valid BIGINT NOT NULL, events BIGINT NOT NULL, ingested BIGINT NOT NULL,
            ingested_at TIMESTAMPTZ NOT NULL)"""
    )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS pipeline.ledgers (schema VARCHAR NOT NULL, shape JSON NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS pipeline.ledger_states "
        "(schema VARCHAR NOT NULL, state BIGINT NOT NULL)"
    )


def ledger_state(connection: Connection, schema: EventSchema) -> int:
    """How many changes the schema's rows have seen: of one state, they are the same rows."""
    rows = connection.execute(
        "SELECT coalesce(max(state), 0) FROM pipeline.ledger_states WHERE schema = ?", [schema.name]
    ).fetchall()
    return int(rows[0][0])


def advance_state(connection: Connection, schema: EventSchema) -> None:
    """Count a change of the schema's rows; within the transaction that changes them."""
    state = ledger_state(connection, schema)
    connection.execute("DELETE FROM pipeline.ledger_states WHERE schema = ?", [schema.name])
    connection.execute("INSERT INTO pipeline.ledger_states VALUES (?, ?)", [schema.name, state + 1])


def fields_of(connection: Connection, schema: EventSchema, rows: str, *, named: bool = True) -> str:
    """The schema's fields as a SELECT list over `rows`; NULL where they have no such column.

    Rows that were mapped, or a table that was made, before a field came into the YAML lack it.

    Raises:
        LedgerShapeChanged: a column has another type: it would be converted, and maybe rounded.
    """
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    types = {name: kind for name, kind, *_ in described}
    columns = []
    for name, field in schema.fields.items():
        wanted = sql_type(field)
        if name not in types:
            nothing = f"CAST(NULL AS {wanted})"
            columns.append(f"{nothing} AS {quoted(name)}" if named else nothing)
        elif types[name] != wanted:
            raise LedgerShapeChanged(
                f"{name} was read as {types[name]} and is now {wanted}; check the upload again: "
                "ingest its file again, or materialize mapped_events for it."
            )
        else:
            columns.append(quoted(name))
    return ", ".join(columns)


def has_ledger(connection: Connection, schema: EventSchema) -> bool:
    """Whether anything was ever ingested for the schema."""
    found = connection.execute(
        """SELECT count(*) FROM information_schema.tables
           WHERE (table_schema, table_name) IN ((?, 'ingestion_table'), ('pipeline', 'places'))""",
        [schema.name],
    ).fetchall()
    return int(found[0][0]) == 2


def _known_shape(connection: Connection, schema: EventSchema) -> dict[str, Any] | None:
    rows = connection.execute(
        "SELECT shape FROM pipeline.ledgers WHERE schema = ?", [schema.name]
    ).fetchall()
    return json.loads(rows[0][0]) if rows else None


def _has_places(connection: Connection, schema: EventSchema) -> bool:
    query = "SELECT 1 FROM pipeline.places WHERE schema = ? LIMIT 1"
    return bool(connection.execute(query, [schema.name]).fetchall())


def refuse_changed(
    connection: Connection, schema: EventSchema, *, types_only: bool = False
) -> None:
    """Raises LedgerShapeChanged where the YAML has changed under rows that are in.

    Args:
        types_only: a listing of rows does not mind another event key or policy.
    """
    if changes := shape_changes(connection, schema, types_only=types_only):
        raise LedgerShapeChanged(
            f"Rows of {schema.name} are in already, and its YAML has changed under them: "
            f"{'; '.join(changes)}. Change it back, or take the new meaning over: "
            f"`usage-pipeline rebuild --schema {schema.name}` builds the tables anew."
        )


def shape_changes(
    connection: Connection, schema: EventSchema, *, types_only: bool = False
) -> list[str]:
    """What may not change under rows and has: event key, policy and types, in words."""
    known, wanted = _known_shape(connection, schema), ledger_shape(schema)
    if known is None or not _has_places(connection, schema):
        return []
    old_types, new_types = known["types"], wanted["types"]
    keys = () if types_only else ("event_key", "on_duplicate")
    return [
        f"{key} was {_words(known[key])} and is now {_words(wanted[key])}"
        for key in keys
        if known[key] != wanted[key]
    ] + [
        f"field {name} was {old_types[name]} and is now {new_types[name]}"
        for name in new_types
        if name in old_types and old_types[name] != new_types[name]
    ]


def _words(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _extend(
    connection: Connection, schema: EventSchema, known: dict[str, Any], wanted: dict[str, Any]
) -> None:
    for name in wanted["types"]:
        if name not in known["types"]:
            for table in (ingestion_table(schema), displaced_table(schema)):
                column = f"{quoted(name)} {sql_type(schema.fields[name])}"
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    # Types of fields that went out of the YAML stay known: their columns are still there.
    shape = {**wanted, "types": {**known["types"], **wanted["types"]}}
    connection.execute(
        "UPDATE pipeline.ledgers SET shape = ? WHERE schema = ?", [json.dumps(shape), schema.name]
    )
