"""The tables once more, from nothing but the mapped frames: to compare with, or to replace them.

Another way than the ledger takes: all rows of all places first, then one query for the winners. So
a mistake in either shows as a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from usage_pipeline.ledger.rivals import count_all_conflicts
from usage_pipeline.ledger.standing import Standing
from usage_pipeline.ledger.tables import (
    displaced_table,
    fields_of,
    ingestion_table,
    make_tables,
    row_columns,
)
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.winners import best_first
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, parquet


@dataclass(frozen=True, slots=True)
class Placed:
    """What is to stand at a place: the valid rows of a frame, or nothing."""

    upload: str
    place: int
    schema_version: str
    decision: int
    active: bool
    frame: Path


class RebuildRefused(RuntimeError):
    """The archive and the YAML do not give a ledger; each argument says of one upload why."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


def load_once(connection: Connection, schema: EventSchema, placed: Iterable[Placed]) -> None:
    """Make the temporary tables `anew` and `anew_winners` (place, line) of all active places.

    Raises:
        LedgerShapeChanged: a frame does not fit the schema's types.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE anew ({row_columns(schema)})")
    names = column_list(["line", *schema.fields])
    for one in placed:
        if one.active:
            rows = parquet(one.frame)
            connection.execute(
                f"""INSERT INTO anew (place, {names})
                    SELECT {one.place}, line, {fields_of(connection, schema, rows)}
                    FROM {rows} WHERE valid"""
            )
    key = ["place", "line"] if schema.every_line_counts else list(schema.key_fields)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE anew_winners AS
            SELECT place, line FROM (
                SELECT place, line, row_number() OVER
                    (PARTITION BY {column_list(key)} ORDER BY {best_first(schema)}) AS rank
                FROM anew) WHERE rank = 1"""
    )


def replace_tables(connection: Connection, schema: EventSchema, placed: Iterable[Placed]) -> None:
    """Put what `load_once` made in the place of the tables; in a transaction of the caller's.

    Raises:
        RebuildRefused: the policy is `refuse`, and rows say otherwise than others.
    """
    placed = list(placed)
    make_tables(connection, schema)
    for table, kind in ((ingestion_table(schema), "SEMI"), (displaced_table(schema), "ANTI")):
        connection.execute(
            f"INSERT INTO {table} SELECT * FROM anew {kind} JOIN anew_winners USING (place, line) "
            "ORDER BY place, line"
        )
    if schema.policy == "refuse" and (conflicts := count_all_conflicts(connection, schema)):
        raise RebuildRefused(
            f"Nothing of {schema.name} was rebuilt: on_duplicate: refuse allows no conflicts, and "
            f"there are {conflicts} among the rows that are in. Change the policy back; then "
            "`usage-pipeline duplicates UPLOAD` lists them, and an upload can be voided."
        )
    connection.execute("DELETE FROM pipeline.places WHERE schema = ?", [schema.name])
    now = datetime.now(UTC)
    for one in placed:
        who = [schema.name, one.place, one.upload, one.schema_version, one.decision, one.active]
        connection.execute(
            "INSERT INTO pipeline.places VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, ?)", [*who, now]
        )
    events = (
        "count(*)"
        if schema.every_line_counts
        else f"count(DISTINCT row({column_list(schema.key_fields)}))"
    )
    connection.execute(
        f"""UPDATE pipeline.places AS places
            SET valid = counted.valid, events = counted.events, ingested = counted.ingested
            FROM (SELECT place, count(*) AS valid, {events} AS events,
                         count(*) FILTER (WHERE wins) AS ingested
                  FROM (SELECT anew.*, anew_winners.line IS NOT NULL AS wins
                        FROM anew LEFT JOIN anew_winners USING (place, line))
                  GROUP BY place) AS counted
            WHERE places.schema = ? AND places.place = counted.place""",
        [schema.name],
    )


def differences(connection: Connection, schema: EventSchema) -> Iterator[str]:
    """Where the live tables differ from what `load_once` made, the first ones."""
    for table, kind in ((ingestion_table(schema), "SEMI"), (displaced_table(schema), "ANTI")):
        fields = column_list(["place", "line", *schema.fields])
        live = f"SELECT place, line, {fields_of(connection, schema, table)} FROM {table}"
        anew = f"SELECT {fields} FROM anew {kind} JOIN anew_winners USING (place, line)"
        for one, other, words in ((live, anew, "is in"), (anew, live, "is not in")):
            rows = connection.execute(
                f"SELECT place, line FROM ({one} EXCEPT ALL {other}) ORDER BY ALL LIMIT 20"
            ).fetchall()
            for place, line in rows:
                yield f"place {place}, line {line} {words} {table.split('.')[1]}"


def as_placed(stands: Standing, frame: Path) -> Placed:
    """What stands at a place now."""
    return Placed(
        stands.upload,
        stands.place,
        stands.schema_version,
        stands.decision,
        stands.active,
        frame,
    )
