"""The events that count, each beside the window it lies in."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pyarrow as pa

from usage_pipeline.ledger.rows import SLOT_SECONDS
from usage_pipeline.ledger.tables import fields_of, ingestion_table
from usage_pipeline.metering.condition_sql import condition_sql
from usage_pipeline.metering.windows import TimeWindow
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.schema.condition import parse_condition
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, quoted

#: The number that is aggregated, and when its event was; `timestamp` itself may be among the keys.
#: No field has a colon in its name.
AMOUNT, AT = quoted(":amount"), quoted(":at")


def key_columns(spec: MetricSpec) -> list[str]:
    """What a value of the metric belongs to."""
    return ["customer_id", "window_start", "window_end", *spec.group_by]


def load_windows(connection: Connection, windows: Collection[TimeWindow]) -> None:
    """A table (slot, window_start, window_end) of the quarters of an hour in the windows.

    An event finds its window by one hash join on its quarter of an hour, so a time zone costs
    nothing per event and Python's time-zone data is the only one that counts.
    """
    given = pa.table(
        {
            "window_start": pa.array([w.start for w in windows], pa.timestamp("us", "UTC")),
            "window_end": pa.array([w.end for w in windows], pa.timestamp("us", "UTC")),
        }
    )
    connection.register("given_windows", given)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE slots AS
            SELECT unnest(range(CAST(epoch(window_start) AS BIGINT) // {SLOT_SECONDS},
                                CAST(epoch(window_end) AS BIGINT) // {SLOT_SECONDS})) AS slot,
                   window_start, window_end
            FROM given_windows"""
    )
    connection.unregister("given_windows")


def among(windows: Collection[TimeWindow]) -> str:
    """Whether a row's `window_start` is that of a loaded window.

    The bounds are said twice, so that the engine skips blocks of rows that lie outside them.
    """
    first, last = min(w.start for w in windows), max(w.start for w in windows)
    return f"""window_start >= TIMESTAMPTZ '{first.isoformat()}'
               AND window_start <= TIMESTAMPTZ '{last.isoformat()}'
               AND window_start IN (SELECT window_start FROM slots)"""


def amounts(
    connection: Connection,
    schema: EventSchema,
    spec: MetricSpec,
    windows: Collection[TimeWindow],
) -> str:
    """A query over the events of loaded windows that take part in the metric.

    Its columns are `key_columns`, AMOUNT where a field is aggregated, and what puts events in
    order: AT, `place`, `line`.
    """
    amount = f", event.{quoted(spec.field)} AS {AMOUNT}" if spec.field else ""
    groups = "".join(f", event.{quoted(name)}" for name in spec.group_by)
    columns = f"""event."customer_id", slots.window_start, slots.window_end{groups}{amount},
                  event."timestamp" AS {AT}, event.place, event.line"""
    return windowed(connection, schema, spec, windows, columns)


def windowed(
    connection: Connection,
    schema: EventSchema,
    spec: MetricSpec,
    windows: Collection[TimeWindow],
    columns: str,
) -> str:
    """A query for `columns` of `event` and `slots`, an event that takes part in a row."""
    table = ingestion_table(schema)
    conditions = [
        f"event.\"timestamp\" >= TIMESTAMPTZ '{min(w.start for w in windows).isoformat()}'",
        f"event.\"timestamp\" < TIMESTAMPTZ '{max(w.end for w in windows).isoformat()}'",
        *conditions_of(schema, spec),
    ]
    return f"""
        SELECT {columns}
        FROM (SELECT place, line, {fields_of(connection, schema, table)} FROM {table}) AS event
        JOIN slots ON epoch_us(event."timestamp") // {SLOT_SECONDS * 1_000_000} = slots.slot
        WHERE {" AND ".join(conditions)}"""


def conditions_of(schema: EventSchema, spec: MetricSpec) -> Iterable[str]:
    """What an event, a row of `event`, must meet to take part in the metric, in any window."""
    if spec.where is not None:
        yield f"({condition_sql(parse_condition(spec.where, schema.fields), 'event')})"
    if spec.field is not None:
        yield f"event.{quoted(spec.field)} IS NOT NULL"


def keys(spec: MetricSpec) -> str:
    """`key_columns` as SQL."""
    return column_list(key_columns(spec))
