"""A metric's values for a set of windows, computed anew from the ingestion table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import duckdb
import pyarrow as pa

from usage_pipeline.ledger.rows import SLOT_SECONDS
from usage_pipeline.ledger.tables import has_ledger, ingestion_table
from usage_pipeline.metering.tables import metric_table, value_type
from usage_pipeline.metering.windows import TimeWindow
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import quoted


class MetricOverflow(ArithmeticError):
    """A value does not fit 38 digits; no value is better than a wrong one."""


@dataclass(frozen=True, slots=True)
class ComputedWindow:
    """What was computed for one window.

    values: rows of the metric; total: their sum, None where values of customers do not add up.
    """

    window: TimeWindow
    customers: int
    values: int
    events: int
    total: Decimal | None


def compute_windows(
    connection: Connection, schema: EventSchema, metric: str, windows: Collection[TimeWindow]
) -> list[ComputedWindow]:
    """Replace the metric's values of exactly these windows, in one transaction.

    Raises:
        MetricOverflow: a sum has more digits than the engine holds; the old values stay.
    """
    if not windows:
        return []
    table = metric_table(schema, metric)
    _load_slots(connection, windows)
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute(
            f"DELETE FROM {table} WHERE window_start IN (SELECT window_start FROM slots)"
        )
        if has_ledger(connection, schema):
            connection.execute(f"INSERT INTO {table} {_aggregate(schema, metric, windows)}")
        connection.execute("COMMIT")
    except duckdb.OutOfRangeException as error:
        connection.execute("ROLLBACK")
        raise MetricOverflow(
            f"The metric {metric} of {schema.name} does not fit 38 digits: {error}"
        ) from None
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return _summaries(connection, schema, metric, windows)


def wrong_windows(
    connection: Connection, schema: EventSchema, metric: str, windows: Collection[TimeWindow]
) -> list[datetime]:
    """Begins of those windows whose stored values are not what they would be, computed now."""
    if not windows:
        return []
    _load_slots(connection, windows)
    anew = _aggregate(schema, metric, windows)
    stored = f"""SELECT * FROM {metric_table(schema, metric)}
                 WHERE window_start IN (SELECT window_start FROM slots)"""
    rows = connection.execute(
        f"""SELECT DISTINCT window_start FROM (
                (({anew}) EXCEPT ALL ({stored})) UNION ALL (({stored}) EXCEPT ALL ({anew})))
            ORDER BY window_start"""
    ).fetchall()
    return [start for (start,) in rows]


def _load_slots(connection: Connection, windows: Collection[TimeWindow]) -> None:
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


def _aggregate(schema: EventSchema, metric: str, windows: Collection[TimeWindow]) -> str:
    spec = schema.all_metrics[metric]
    first = min(window.start for window in windows)
    last = max(window.end for window in windows)
    keys = ", ".join(
        [
            'event."customer_id"',
            "slots.window_start",
            "slots.window_end",
            *(f"event.{quoted(name)}" for name in spec.group_by),
        ]
    )
    has_value = f"AND event.{quoted(spec.field)} IS NOT NULL" if spec.field else ""
    return f"""
        SELECT {keys}, CAST({_aggregation(spec)} AS {value_type(schema, spec)}), count(*)
        FROM {ingestion_table(schema)} AS event
        JOIN slots ON epoch_us(event."timestamp") // {SLOT_SECONDS * 1_000_000} = slots.slot
        WHERE event."timestamp" >= TIMESTAMPTZ '{first.isoformat()}'
          AND event."timestamp" < TIMESTAMPTZ '{last.isoformat()}' {has_value}
        GROUP BY {keys}"""


def _aggregation(spec: MetricSpec) -> str:
    return "count(*)" if spec.field is None else f"{spec.aggregation}(event.{quoted(spec.field)})"


def _summaries(
    connection: Connection, schema: EventSchema, metric: str, windows: Collection[TimeWindow]
) -> list[ComputedWindow]:
    additive = schema.all_metrics[metric].aggregation in ("sum", "count")
    query = f"""SELECT window_start, count(DISTINCT customer_id), count(*), sum(events), {{total}}
                FROM {metric_table(schema, metric)}
                WHERE window_start IN (SELECT window_start FROM slots) GROUP BY window_start"""
    unknown = query.format(total="CAST(NULL AS VARCHAR)")
    try:
        total = "CAST(sum(value) AS VARCHAR)"
        rows = connection.execute(query.format(total=total) if additive else unknown).fetchall()
    except duckdb.OutOfRangeException:
        # Each customer's value fits, and all of them together do not: it is only shown.
        rows = connection.execute(unknown).fetchall()
    found = {start: counted for start, *counted in rows}
    nothing = [0, 0, 0, "0" if additive else None]
    computed = []
    for window in windows:
        customers, values, events, text = found.get(window.start, nothing)
        amount = None if text is None else Decimal(text)
        computed.append(ComputedWindow(window, customers, values, int(events), amount))
    return computed
