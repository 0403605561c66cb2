"""Rows that are the same event: which of them lost to which, and in which fields they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from usage_pipeline.ledger.standing import standings
from usage_pipeline.ledger.tables import displaced_table, fields_of, ingestion_table
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.winners import differs, same_event
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list

_BATCH = 1000
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Rival:
    """A row of an upload, and the row of the same event that it met.

    key: {field: value} of the event key. differing: {field: (value here, value there)}; empty for
    a duplicate, else it is a conflict.
    """

    line: int
    other_upload: str
    other_line: int
    key: dict[str, Any]
    differing: dict[str, tuple[Any, Any]]

    @property
    def conflict(self) -> bool:
        return bool(self.differing)


@dataclass(frozen=True, slots=True)
class Loss:
    """A row that went in and does not count, and the row that does."""

    line: int
    winner_upload: str
    winner_line: int
    conflict: bool


@dataclass(frozen=True, slots=True)
class Losses:
    """How many rows lost to one with the same content and with other content; the first of them."""

    duplicates: int
    conflicts: int
    first: tuple[Loss, ...]


def losses_of_incoming(connection: Connection, schema: EventSchema) -> Losses:
    """Of the frame that was put in last, the rows that do not count."""
    counted = connection.execute(
        "SELECT count(*) FILTER (WHERE NOT conflict), count(*) FILTER (WHERE conflict) FROM losers"
    ).fetchall()
    rows = connection.execute(
        f"""SELECT losers.line, places.upload, losers.winner_line, losers.conflict
            FROM losers JOIN pipeline.places AS places
              ON places.place = losers.winner_place AND places.schema = ?
            ORDER BY losers.line LIMIT {_NAMED}""",
        [schema.name],
    ).fetchall()
    duplicates, conflicts = counted[0]
    return Losses(duplicates, conflicts, tuple(Loss(*row) for row in rows))


def losses_of(connection: Connection, schema: EventSchema, place: int) -> Iterator[Rival]:
    """The rows at a place that do not count, by line, each with the row that counts instead."""
    return _rivals(connection, schema, place, f"loser.place = {place}")


def count_conflicts(connection: Connection, schema: EventSchema, place: int) -> int:
    """How many rows met one with other content by the upload at a place, also its own."""
    counted = connection.execute(
        f"SELECT count(*) {_pairs(connection, schema)} AND {_in_conflict(schema, place)}"
    ).fetchall()
    return int(counted[0][0])


def count_all_conflicts(connection: Connection, schema: EventSchema) -> int:
    """How many rows that do not count differ from the row that does."""
    counted = connection.execute(
        f"SELECT count(*) {_pairs(connection, schema)} AND {differs(schema, 'loser', 'winner')}"
    ).fetchall()
    return int(counted[0][0])


def first_conflicts(
    connection: Connection, schema: EventSchema, place: int, most: int
) -> list[Rival]:
    """The first of what `count_conflicts` counts, by line."""
    condition = _in_conflict(schema, place)
    return list(islice(_rivals(connection, schema, place, condition), most))


def first_rivals(connection: Connection, schema: EventSchema, most: int) -> list[Rival]:
    """Of rows that are only held against the ledger, the first that meet other content, by line."""
    table, fields = ingestion_table(schema), list(schema.fields)
    rows = f"""SELECT NULL, rivals.line, rivals.winner_place, rivals.winner_line,
                      {column_list(fields, "incoming")}, {column_list(fields, "winner")}
               FROM (SELECT * FROM rivals WHERE conflict ORDER BY line LIMIT {most}) AS rivals
               JOIN incoming ON incoming.line = rivals.line
               JOIN (SELECT place, line, {fields_of(connection, schema, table)} FROM {table})
                 AS winner
                 ON winner.place = rivals.winner_place AND winner.line = rivals.winner_line
               ORDER BY rivals.line"""
    return list(_as_rivals(connection, schema, rows, None))


def _in_conflict(schema: EventSchema, place: int) -> str:
    # A row that comes back to an earlier place wins; what it met there is a conflict all the same.
    met = f"(loser.place = {place} OR winner.place = {place})"
    return f"{met} AND {differs(schema, 'loser', 'winner')}"


def _pairs(connection: Connection, schema: EventSchema) -> str:
    """FROM and WHERE: each row that does not count with the row of its event that does."""
    loser, winner = (
        f"(SELECT place, line, {fields_of(connection, schema, rows)} FROM {rows})"
        for rows in (displaced_table(schema), ingestion_table(schema))
    )
    same = "false" if schema.every_line_counts else same_event(schema, "loser", "winner")
    return f"FROM {loser} AS loser JOIN {winner} AS winner ON {same} WHERE true"


def _rivals(
    connection: Connection, schema: EventSchema, place: int, condition: str
) -> Iterator[Rival]:
    fields = list(schema.fields)
    rows = f"""SELECT loser.place, loser.line, winner.place, winner.line,
                      {column_list(fields, "loser")}, {column_list(fields, "winner")}
               {_pairs(connection, schema)} AND {condition}
               ORDER BY CASE WHEN loser.place = {place} THEN loser.line ELSE winner.line END"""
    yield from _as_rivals(connection, schema, rows, place)


def _as_rivals(
    connection: Connection, schema: EventSchema, query: str, place: int | None
) -> Iterator[Rival]:
    """The rows of a query (place and line here, place and line there, fields here, fields there),
    turned around where the second of them is the one at `place`.
    """
    uploads = {one.place: one.upload for one in standings(connection, schema)}
    fields = list(schema.fields)
    rows = connection.execute(query)
    while batch := rows.fetchmany(_BATCH):
        for lost_place, lost_line, won_place, won_line, *values in batch:
            here, there = values[: len(fields)], values[len(fields) :]
            line, other_place, other_line = lost_line, won_place, won_line
            if lost_place != place:
                line, other_place, other_line = won_line, lost_place, lost_line
                here, there = there, here
            yield Rival(
                line=line,
                other_upload=uploads[other_place],
                other_line=other_line,
                key={name: here[fields.index(name)] for name in schema.key_fields},
                differing={
                    name: (mine, theirs)
                    for name, mine, theirs in zip(fields, here, there, strict=True)
                    if mine != theirs
                },
            )
