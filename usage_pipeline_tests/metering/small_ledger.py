"""A ledger of a few events in memory, and the metrics over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from decimal import Decimal
from typing import Any

import duckdb

from usage_pipeline.ledger.tables import ingestion_table, make_tables
from usage_pipeline.metering import TimeWindow, compute_windows, window_of
from usage_pipeline.metering.tables import make_metric_table, metric_table
from usage_pipeline.schema import EventSchema, MetricSpec, parse_schema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list
from usage_pipeline_tests.metering.oracle import Event, Key

FIELDS: dict[str, Any] = {
    "event_id": {"type": "string", "required": False},
    "customer_id": {"type": "string"},
    "timestamp": {"type": "timestamp"},
    "user": {"type": "string", "required": False},
    "calls": {"type": "integer", "usage": True, "required": False},
    "gb": {"type": "decimal", "usage": True, "required": False},
    "cents": {"type": "decimal", "precision": 12, "scale": 2, "required": False},
    "region": {"type": "string", "required": False},
    "trial": {"type": "boolean", "required": False},
}
EMPTY = dict.fromkeys(("event_id", "user", "calls", "gb", "cents", "region", "trial"))


def schema_with(metric: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> EventSchema:
    """A schema whose one metric is called `metric`."""
    return parse_schema(
        {
            "name": "meters",
            "fields": dict(fields or FIELDS),
            "event_key": ["event_id"],
            "metrics": {"metric": dict(metric)},
        }
    )


@contextmanager
def ledger_of(schema: EventSchema, events: Sequence[Event]) -> Iterator[Connection]:
    """An engine in memory with the events in the schema's ingestion table."""
    connection = duckdb.connect(":memory:", config={"enable_external_access": "false"})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        make_tables(connection, schema)
        names = ["place", "line", *schema.fields]
        rows = [(event.place, event.line, *_cells(event, schema)) for event in events]
        if rows:
            marks = ", ".join("?" for _ in names)
            connection.executemany(
                f"INSERT INTO {ingestion_table(schema)} ({column_list(names)}) VALUES ({marks})",
                rows,
            )
        yield connection
    finally:
        connection.close()


def _cells(event: Event, schema: EventSchema) -> list[Any]:
    known = {**EMPTY, **event.fields, "customer_id": event.customer, "timestamp": event.at}
    return [
        f"{known[name]:f}" if isinstance(known[name], Decimal) else known[name]
        for name in schema.fields
    ]


def windows_with(events: Sequence[Event], spec: MetricSpec) -> list[TimeWindow]:
    """The metric's windows that the events lie in."""
    return sorted({window_of(event.at, spec.window, spec.time_zone) for event in events})


def computed(
    connection: Connection, schema: EventSchema, windows: Sequence[TimeWindow]
) -> dict[Key, tuple[Decimal, int]]:
    """{(customer, window, group): (value, events)} after computing these windows."""
    make_metric_table(connection, schema, "metric")
    compute_windows(connection, schema, "metric", windows)
    groups = schema.all_metrics["metric"].group_by
    rows = connection.execute(
        f"""SELECT {column_list(["customer_id", "window_start", "window_end", *groups])},
                   CAST(value AS VARCHAR), events FROM {metric_table(schema, "metric")}"""
    ).fetchall()
    return {
        (customer, TimeWindow(start.astimezone(UTC), end.astimezone(UTC)), tuple(group)): (
            Decimal(value),
            events,
        )
        for customer, start, end, *group, value, events in rows
    }
