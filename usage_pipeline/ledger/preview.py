"""What would become of the rows of an upload if they went in; nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from usage_pipeline.ledger.follow import Decided, change
from usage_pipeline.ledger.rivals import Rival, first_rivals
from usage_pipeline.ledger.rows import begin_moves, meet, take_out
from usage_pipeline.ledger.standing import next_place, standing
from usage_pipeline.ledger.tables import ensure_tables
from usage_pipeline.reading import LocatedError, clip
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.codes import CODES
from usage_pipeline.warehouse.connection import Connection


@contextmanager
def as_if_ingested(
    connection: Connection, schema: EventSchema, upload: str, frame: Path
) -> Iterator[int]:
    """Within the block, the tables hold the rows of `frame` for the upload; yields its place.

    Raises:
        LedgerShapeChanged: the frame or the YAML do not fit the tables.
    """
    connection.execute("BEGIN TRANSACTION")
    try:
        ensure_tables(connection, schema)
        before = standing(connection, schema, upload)
        place = before.place if before else next_place(connection, schema)
        begin_moves(connection)
        change(connection, schema, place, before, Decided(upload, 0, True, "", frame))
        yield place
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def held_against(
    connection: Connection, schema: EventSchema, upload: str, frame: Path
) -> Iterator[int]:
    """Within the block, what `rows.meet` makes of `frame` at the upload's place, which it yields.

    No row is written: the rows of an upload that is in are out meanwhile, and that is all.

    Raises:
        LedgerShapeChanged: the frame or the YAML do not fit the tables.
    """
    connection.execute("BEGIN TRANSACTION")
    try:
        ensure_tables(connection, schema)
        before = standing(connection, schema, upload)
        place = before.place if before else next_place(connection, schema)
        if before is not None and before.active:
            begin_moves(connection)
            take_out(connection, schema, place)
        meet(connection, schema, place, frame)
        yield place
    finally:
        connection.execute("ROLLBACK")


def conflicts_with_ledger(
    connection: Connection, schema: EventSchema, headers: Mapping[str, str], most: int
) -> tuple[int, list[LocatedError]]:
    """How many rows that are held against the ledger say otherwise, and the first `most` of them.

    Args:
        headers: {field: header as written}.
    """
    [(count,)] = connection.execute("SELECT count(*) FROM rivals WHERE conflict").fetchall()
    first = first_rivals(connection, schema, most) if count else []
    return count, [located(rival, headers) for rival in first]


def located(rival: Rival, headers: Mapping[str, str]) -> LocatedError:
    """A conflict as an error of its line, with all fields that differ."""
    differences = "; ".join(
        f"{field} is {_shown(here)} and was {_shown(there)}"
        for field, (here, there) in rival.differing.items()
    )
    where = f"line {rival.other_line} of {rival.other_upload}"
    # One field that differs can be pointed at; of several, the message names each.
    fields = list(rival.differing)
    field = fields[0] if len(fields) == 1 else None
    return LocatedError(
        "conflict-with-ledger",
        f"{CODES['conflict-with-ledger'].title}: {where}; {differences}.",
        line=rival.line,
        column=None if field is None else headers.get(field),
        field=field,
        value=None if field is None else _shown(rival.differing[field][0]),
    )


def _shown(value: object) -> str:
    return "empty" if value is None else clip(str(value), 60)
