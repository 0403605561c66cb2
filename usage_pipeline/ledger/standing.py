"""Where uploads stand in the ledger: at which place, whether they are in, how many rows count."""

from __future__ import annotations

from dataclasses import dataclass

from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an upload stands in the ledger.

    place: its number in the order of ingestion, for ever. decision: the last one that the ledger
    has followed. active: whether its rows are in.
    ingested, duplicates, superseded: rows that count, that lost inside the file or to an earlier
    place, and that lost to a later place; they add up to its valid rows while it is active, and
    are 0 while it is not.
    """

    upload: str
    place: int
    schema_version: str
    decision: int
    active: bool
    valid: int
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


def standing(connection: Connection, schema: EventSchema, upload: str) -> Standing | None:
    """Where an upload stands in the ledger; None when it never was in."""
    return next(iter(_select(connection, schema, "AND upload = ?", [upload])), None)


def standings(
    connection: Connection, schema: EventSchema, places: str = "SELECT place FROM pipeline.places"
) -> list[Standing]:
    """Where the uploads of a schema stand, by place; `places` is a query that chooses some."""
    return _select(connection, schema, f"AND place IN ({places})", [])


def next_place(connection: Connection, schema: EventSchema) -> int:
    """The place of the next upload that comes in."""
    query = "SELECT coalesce(max(place), 0) + 1 FROM pipeline.places WHERE schema = ?"
    return int(connection.execute(query, [schema.name]).fetchall()[0][0])


def _select(
    connection: Connection, schema: EventSchema, condition: str, values: list[str]
) -> list[Standing]:
    rows = connection.execute(
        f"""SELECT upload, place, schema_version, decision, active, valid, events, ingested
            FROM pipeline.places WHERE schema = ? {condition} ORDER BY place""",
        [schema.name, *values],
    ).fetchall()
    found = []
    for upload, place, version, decision, active, valid, events, ingested in rows:
        duplicates, superseded = _lost(schema, active, valid, events, ingested)
        found.append(
            Standing(
                upload, place, version, decision, active, valid, ingested, duplicates, superseded
            )
        )
    return found


def _lost(
    schema: EventSchema, active: bool, valid: int, events: int, ingested: int
) -> tuple[int, int]:
    """(duplicates, superseded) of an upload whose valid rows are so many different events."""
    if not active:
        return 0, 0
    if schema.policy == "keep_last":
        # All but the last line of an event lost inside the file; the last one only to a later file.
        return valid - events, events - ingested
    return valid - ingested, 0
