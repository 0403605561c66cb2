"""The ledger follows the decisions: each in a transaction of its own that bears its number.

Ingest, void, restore and re-mapping all say the same: which rows are to stand at an upload's place
from now on, those of a mapped frame or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from usage_pipeline.ledger.rivals import (
    Losses,
    Rival,
    count_conflicts,
    first_conflicts,
    losses_of_incoming,
)
from usage_pipeline.ledger.rows import begin_moves, count_incoming, moved_slots, put_in, take_out
from usage_pipeline.ledger.standing import Standing, next_place, standing, standings
from usage_pipeline.ledger.tables import LedgerShapeChanged, advance_state, transaction
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import parquet


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision wants of the ledger.

    decision: its number in the register. active: whether the upload's rows are to be in; `frame`
    has them, mapped by `schema_version`. distinct: it is known to have no event twice.
    """

    upload: str
    decision: int
    active: bool
    schema_version: str
    frame: Path
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """A decision is carried out.

    standing: None where nothing of the upload ever was in, and nothing is to be.
    losses: which of the rows that went in do not count; None where none went in.
    touched: other uploads of whose rows more or fewer count now.
    """

    standing: Standing | None
    losses: Losses | None = None
    touched: tuple[Standing, ...] = ()


class FrameGone(RuntimeError):
    """The mapped frame that should go in is not in the archive, or cannot be read."""


class Outdated(RuntimeError):
    """Something else was decided meanwhile; the ledger waits for the next look."""


class ConflictRefused(RuntimeError):
    """Under `on_duplicate: refuse`, rows say otherwise than what counts; nothing has changed.

    count: how many. first: the first of them.
    """

    def __init__(self, upload: str, count: int, first: list[Rival]) -> None:
        rows = "1 row says" if count == 1 else f"{count} rows say"
        there = f"line {first[0].other_line} of {first[0].other_upload}"
        super().__init__(
            f"{rows} otherwise than what counts already; the first is line {first[0].line}, "
            f"against {there}"
        )
        self.upload = upload
        self.count = count
        self.first = first


#: Why one decision cannot be carried out; that stops no other.
Refusal = LedgerShapeChanged | FrameGone | ConflictRefused | Outdated

#: Told before a change is durable: the decision, its place, and the begin of each quarter of an
#: hour whose events change. False: the decision no longer holds, and nothing is to change.
BeforeCommit = Callable[[Decided, int, list[datetime]], bool]


def follow(
    decided: Iterable[Decided],
    schema: EventSchema,
    connection: Connection,
    before_commit: BeforeCommit,
    most_conflicts: int,
) -> Iterator[Followed | Refusal]:
    """Carry out each decision, in order; one that the ledger follows already changes nothing.

    Yields what became of each, one for one.

    Args:
        most_conflicts: how many conflicts are named where the policy refuses them.
    """
    for one in decided:
        try:
            yield _follow(one, schema, connection, before_commit, most_conflicts)
        except (LedgerShapeChanged, FrameGone, ConflictRefused, Outdated) as refusal:
            yield refusal


def _follow(
    decided: Decided,
    schema: EventSchema,
    connection: Connection,
    before_commit: BeforeCommit,
    most_conflicts: int,
) -> Followed:
    before = standing(connection, schema, decided.upload)
    if before is not None and before.decision == decided.decision:
        return Followed(before)
    if before is None and not decided.active:
        return Followed(None)
    if decided.active:
        _look_at(connection, decided.frame)
    place = before.place if before else next_place(connection, schema)
    with transaction(connection):
        begin_moves(connection)
        change(connection, schema, place, before, decided)
        advance_state(connection, schema)
        refuses = decided.active and schema.policy == "refuse"
        if refuses and (conflicts := count_conflicts(connection, schema, place)):
            first = first_conflicts(connection, schema, place, most_conflicts)
            raise ConflictRefused(decided.upload, conflicts, first)
        if not before_commit(decided, place, moved_slots(connection)):
            raise Outdated("something else was decided meanwhile")
    now = standing(connection, schema, decided.upload)
    others = f"SELECT DISTINCT place FROM moved WHERE place <> {place}"
    losses = losses_of_incoming(connection, schema) if decided.active else None
    return Followed(now, losses, tuple(standings(connection, schema, others)))


def _look_at(connection: Connection, frame: Path) -> None:
    """Raises FrameGone where a frame cannot be read: a fault of one upload must not look like one
    of the disk, which would stop all others.
    """
    try:
        connection.execute(f"DESCRIBE SELECT * FROM {parquet(frame)}")
    except duckdb.Error:
        what = "is no Parquet file" if frame.exists() else "is not in the archive any more"
        raise FrameGone(
            f"its mapped frame ({frame.name}) {what}; materialize mapped_events for it"
        ) from None


def change(
    connection: Connection,
    schema: EventSchema,
    place: int,
    before: Standing | None,
    decided: Decided,
) -> None:
    """Have the rows at a place that are decided on; within a transaction of the caller's."""
    if before is not None and before.active:
        take_out(connection, schema, place)
    valid, events = 0, 0
    if decided.active:
        put_in(connection, schema, place, decided.frame, distinct=decided.distinct)
        valid, events = count_incoming(connection, schema)
    columns = "upload, schema_version, decision, active, valid, events"
    values = [
        decided.upload,
        decided.schema_version,
        decided.decision,
        decided.active,
        valid,
        events,
    ]
    if before is None:
        connection.execute(
            f"INSERT INTO pipeline.places (schema, place, {columns}, ingested, ingested_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            [schema.name, place, *values, datetime.now(UTC)],
        )
    else:
        connection.execute(
            f"UPDATE pipeline.places SET ({columns}) = (?, ?, ?, ?, ?, ?) "
            "WHERE schema = ? AND place = ?",
            [*values, schema.name, place],
        )
    connection.execute(
        """UPDATE pipeline.places AS places SET ingested = places.ingested + moves.events
           FROM (SELECT place, sum(events)::BIGINT AS events FROM moved GROUP BY place) AS moves
           WHERE places.schema = ? AND places.place = moves.place""",
        [schema.name],
    )
