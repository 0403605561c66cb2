"""A mapped frame beside the ledger: what is there already, and what would become of its rows."""

from __future__ import annotations

from datetime import UTC, datetime

from usage_pipeline.ledger.tables import fields_of, ingestion_table
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.winners import beats
from usage_pipeline.validation.profile import Arrival, BesideLedger, Totals, totals_of
from usage_pipeline.warehouse.connection import Connection


def beside_ledger(
    connection: Connection, schema: EventSchema, place: int, in_file: Totals
) -> BesideLedger:
    """What the rows that are held against the ledger (`preview.held_against`) would bring."""
    return BesideLedger(
        datetime.now(UTC), _there(connection, schema, in_file), _arrival(connection, schema, place)
    )


def _there(connection: Connection, schema: EventSchema, in_file: Totals) -> Totals:
    if in_file.first is None or in_file.last is None:
        return Totals(totals=in_file.totals)
    table = ingestion_table(schema)
    fields = fields_of(connection, schema, table)
    span = (
        f'(SELECT {fields} FROM {table} WHERE "timestamp" BETWEEN '
        f"TIMESTAMPTZ '{in_file.first.isoformat()}' AND TIMESTAMPTZ '{in_file.last.isoformat()}')"
    )
    return totals_of(connection, span, schema)


def _arrival(connection: Connection, schema: EventSchema, place: int) -> Arrival:
    loses = beats(schema, "winner_place", str(place))
    [(valid, duplicates, conflicts, replaced, corrected)] = connection.execute(
        f"""WITH replacing AS (
                SELECT conflict FROM rivals ANTI JOIN losers USING (line) WHERE NOT ({loses}))
            SELECT (SELECT count(*) FROM incoming),
                   (SELECT count(*) FROM losers WHERE NOT conflict),
                   (SELECT count(*) FROM losers WHERE conflict),
                   (SELECT count(*) FROM replacing),
                   (SELECT count(*) FROM replacing WHERE conflict)"""
    ).fetchall()
    new = valid - duplicates - conflicts - replaced
    return Arrival(new, replaced, corrected, duplicates, conflicts)
