"""The ingestion stage: the valid rows of confirmed uploads enter the ledger, each event once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from usage_pipeline.ledger.tables import (
    LedgerShapeChanged,
    displaced_table,
    ensure_tables,
    fields_of,
    ingestion_table,
)
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, parquet, quoted

#: Windows begin and end on quarters of an hour, whatever the time zone.
SLOT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class MappedUpload:
    """An upload that may be ingested: its frame, and the decision that allows it."""

    upload: str
    frame: Path
    schema_version: str
    decision: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """Where an upload stands in the ledger.

    place: its number in the order of ingestion, for ever.
    ingested, duplicates, superseded: rows that count, that lost to an earlier place or line, and
    that lost to a later place; they add up to its valid rows.
    """

    upload: str
    place: int
    ingested: int
    duplicates: int
    superseded: int

    @property
    def counts(self) -> dict[str, int]:
        return {
            "ingested": self.ingested,
            "duplicates": self.duplicates,
            "superseded": self.superseded,
        }


def ingest_uploads(
    uploads: Iterable[MappedUpload],
    schema: EventSchema,
    connection: Connection,
    before_commit: Callable[[list[datetime]], None],
) -> Iterator[Ingested | LedgerShapeChanged]:
    """Ingest each upload in a transaction of its own; what is in already is left as it is.

    Yields where each stands, or why its frame does not fit the ledger; that stops no other.

    Args:
        before_commit: called with the begin of each quarter of an hour whose events change,
            before the change is durable, so that metric windows are known to be stale in time.

    Raises:
        LedgerShapeChanged: see `ensure_tables`; nothing is ingested.
    """
    open_ledger(connection, schema)
    for upload in uploads:
        if standing(connection, schema, upload.upload) is None:
            connection.execute("BEGIN TRANSACTION")
            try:
                _insert(connection, schema, upload)
                before_commit(_changed_slots(connection))
                connection.execute("COMMIT")
            except LedgerShapeChanged as error:
                connection.execute("ROLLBACK")
                yield error
                continue
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        ingested = standing(connection, schema, upload.upload)
        assert ingested is not None
        yield ingested


def open_ledger(connection: Connection, schema: EventSchema) -> None:
    """Have the schema's tables; see `ensure_tables` for what it raises."""
    connection.execute("BEGIN TRANSACTION")
    try:
        ensure_tables(connection, schema)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def standing(connection: Connection, schema: EventSchema, upload: str) -> Ingested | None:
    """Where an upload stands in the ledger; None when it is not in."""
    rows = connection.execute(
        "SELECT place, valid FROM pipeline.uploads WHERE schema = ? AND upload = ?",
        [schema.name, upload],
    ).fetchall()
    if not rows:
        return None
    place, valid = rows[0]
    table = ingestion_table(schema)
    counted = connection.execute(f"SELECT count(*) FROM {table} WHERE place = {place}").fetchall()
    # First come, first served: whatever does not count lost to an earlier place or line.
    return Ingested(upload, place, counted[0][0], valid - counted[0][0], 0)


def _insert(connection: Connection, schema: EventSchema, upload: MappedUpload) -> None:
    place = _next_place(connection, schema)
    fields = column_list(["line", *schema.fields])
    frame = parquet(upload.frame)
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW incoming AS
            SELECT line, {fields_of(connection, schema, frame)} FROM {frame} WHERE valid"""
    )
    some_lose = _find_losers(connection, schema) > 0
    winners = "incoming ANTI JOIN losers USING (line)" if some_lose else "incoming"
    _append(connection, ingestion_table(schema), place, fields, winners)
    if some_lose:
        others = "incoming SEMI JOIN losers USING (line)"
        _append(connection, displaced_table(schema), place, fields, others)
    connection.execute(
        """INSERT INTO pipeline.uploads
           SELECT ?, ?, ?, ?, ?, count(*), ? FROM incoming""",
        [
            schema.name,
            place,
            upload.upload,
            upload.schema_version,
            upload.decision,
            datetime.now(UTC),
        ],
    )


def _append(connection: Connection, table: str, place: int, fields: str, rows: str) -> None:
    connection.execute(
        f"INSERT INTO {table} (place, {fields}) SELECT {place}, {fields} FROM {rows}"
    )


def _find_losers(connection: Connection, schema: EventSchema) -> int:
    """Make `losers`: lines whose event is in the table, or on an earlier line of the file."""
    connection.execute("CREATE OR REPLACE TEMP TABLE losers (line BIGINT)")
    if schema.every_line_counts:
        return 0
    key = column_list(schema.key_fields)
    connection.execute(
        f"""INSERT INTO losers
            SELECT incoming.line FROM incoming
            SEMI JOIN {ingestion_table(schema)} AS winner ON {_same_key(schema, "winner")}
            UNION
            SELECT incoming.line FROM incoming
            JOIN (SELECT {key}, min(line) AS line FROM incoming
                  GROUP BY {key} HAVING count(*) > 1) AS first
              ON incoming.line > first.line AND {_same_key(schema, "first")}"""
    )
    return int(connection.execute("SELECT count(*) FROM losers").fetchall()[0][0])


def _same_key(schema: EventSchema, other: str) -> str:
    # A missing value is a value of the key: NULL equals NULL here.
    return " AND ".join(
        f"incoming.{quoted(name)} IS NOT DISTINCT FROM {other}.{quoted(name)}"
        for name in schema.key_fields
    )


def _next_place(connection: Connection, schema: EventSchema) -> int:
    query = "SELECT coalesce(max(place), 0) + 1 FROM pipeline.uploads WHERE schema = ?"
    return int(connection.execute(query, [schema.name]).fetchall()[0][0])


def _changed_slots(connection: Connection) -> list[datetime]:
    rows = connection.execute(
        f"""SELECT DISTINCT epoch_us("timestamp") // {SLOT_SECONDS * 1_000_000} AS slot
            FROM incoming ANTI JOIN losers USING (line) ORDER BY slot"""
    ).fetchall()
    return [datetime.fromtimestamp(slot * SLOT_SECONDS, UTC) for (slot,) in rows]
