"""A metric over fifty million events and a thousand days, backfilled in one run, beside one bare
GROUP BY over the same table; and what a refresh of three windows costs among ten and a thousand.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from benchmarks.measure import say
from benchmarks.table import Figure, Row, Section
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.ledger.tables import ingestion_table, open_ledger
from usage_pipeline.metering import compute_windows, window_of
from usage_pipeline.metering.tables import make_metric_table
from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.schema import EventSchema, parse_schema
from usage_pipeline.warehouse.connection import Connection

EVENTS, DAYS, CUSTOMERS = 50_000_000, 1_000, 1_000
FIRST_DAY = datetime(2022, 1, 1, tzinfo=UTC)


def schema_of_metrics() -> EventSchema:
    gb = {"field": "gb", "window": "day"}
    metrics = {
        "calls": {"aggregation": "sum", "field": "calls", "window": "day"},
        "calls_in_berlin": {
            "aggregation": "sum",
            "field": "calls",
            "window": "day",
            "time_zone": "Europe/Berlin",
        },
        "storage": {"aggregation": "sum", **gb},
        "average": {"aggregation": "average", **gb},
        "latest": {"aggregation": "latest", **gb},
        "unique_count": {"aggregation": "unique_count", **gb},
        "percentile": {"aggregation": "percentile", "p": "0.95", **gb},
        "weighted_sum": {"aggregation": "weighted_sum", **gb},
        "sql": {
            "aggregation": "sql",
            "window": "day",
            "sql": "SELECT customer_id, max(gb) - min(gb) AS value FROM events GROUP BY ALL",
        },
    }
    return parse_schema(
        {
            "name": "meters",
            "start": f"{FIRST_DAY:%Y-%m-%d}",
            "fields": {
                "customer_id": {"type": "string"},
                "timestamp": {"type": "timestamp"},
                "calls": {"type": "integer", "usage": True},
                "gb": {"type": "decimal", "usage": True},
            },
            "event_key": ["upload", "line"],
            "metrics": metrics,
        }
    )


def measure_metrics(work: Path, events: int = EVENTS) -> Section:
    """Each metric beside a bare GROUP BY into a table; then one backfill by Dagster, and a refresh
    of three windows.
    """
    schema = schema_of_metrics()
    flow = Flow(schema, DataFolder(work / "metrics"))
    rows = []
    say(f"making a ledger of {events:,} events")
    with flow.warehouse.open() as connection:
        _fill(connection, schema, events, DAYS)
        bare = {field: _bare(connection, schema, field) for field in ("calls", "gb")}
        for metric, spec in schema.metrics.items():
            field = spec.field or "gb"
            seconds = _compute(connection, schema, metric, DAYS)
            say(f"{metric}: {seconds:.1f} s")
            name = f"bare GROUP BY of {field}"
            rows.append(Row(f"metric {metric}", Figure(seconds), Figure(bare[field]), name))
    backfill = f"metric calls, a backfill of {DAYS:,} days in one run of Dagster"
    rows.append(Row(backfill, Figure(_backfill(flow))))
    for days in (10, DAYS):
        seconds = _refresh(Flow(schema, DataFolder(work / f"refresh-{days}")), days)
        rows.append(Row(f"refresh of 3 of {days:,} days among a million events", Figure(seconds)))
    return Section(f"{events:,} events, {DAYS:,} days, {CUSTOMERS:,} customers", rows)


def _fill(connection: Connection, schema: EventSchema, events: int, days: int) -> None:
    """Events as uploads bring them, day after day, without the files they came from."""
    open_ledger(connection, schema)
    microseconds = days * 86_400_000_000 // events
    connection.execute(
        f"""INSERT INTO {ingestion_table(schema)} (place, line, customer_id, "timestamp", calls, gb)
            SELECT 1 + i // 1000000, 2 + i % 1000000, 'customer-' || (hash(i) % {CUSTOMERS}),
                   TIMESTAMPTZ '{FIRST_DAY.isoformat()}' + to_microseconds(i * {microseconds}),
                   hash(i * 3) % 1000, (hash(i * 5) % 1000000) / 1000
            FROM range({events}) AS event(i)"""
    )
    connection.execute(
        """INSERT INTO pipeline.places SELECT ?, 1 + i, 'upload-' || i, 'bench', 1 + i, true,
                  1000000, 1000000, 1000000, now() FROM range(?) AS place(i)""",
        [schema.name, -(-events // 1_000_000)],
    )
    connection.execute("CHECKPOINT")


def _bare(connection: Connection, schema: EventSchema, field: str) -> float:
    begin = time.monotonic()
    connection.execute(
        f"""CREATE OR REPLACE TABLE bare AS
            SELECT customer_id, date_trunc('day', "timestamp") AS day, sum({field}), count(*)
            FROM {ingestion_table(schema)} GROUP BY ALL"""
    )
    return time.monotonic() - begin


def _compute(connection: Connection, schema: EventSchema, metric: str, days: int) -> float:
    spec = schema.metrics[metric]
    windows = [
        window_of(FIRST_DAY + timedelta(days=day), "day", spec.time_zone) for day in range(days + 1)
    ]
    make_metric_table(connection, schema, metric)
    begin = time.monotonic()
    compute_windows(connection, schema, metric, windows)
    return time.monotonic() - begin


def _backfill(flow: Flow) -> float:
    """Seconds for the metric `calls` over all its days, as a person launches it, in one run."""
    definitions = dg.Definitions.merge(schema_definitions(flow.schema), shared_definitions())
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    with open_instance(flow.folder) as instance:
        begin = time.monotonic()
        done = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey([flow.schema.name, "calls"])],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={
                "dagster/asset_partition_range_start": f"{FIRST_DAY:%Y-%m-%d}",
                "dagster/asset_partition_range_end": f"{last:%Y-%m-%d}",
            },
        )
        seconds = time.monotonic() - begin
        assert done.success
    return seconds


def _refresh(flow: Flow, days: int) -> float:
    with flow.warehouse.open() as connection:
        _fill(connection, flow.schema, 1_000_000, days)
        list(flow.refresh(connection))
        touched = [FIRST_DAY + timedelta(days=day) for day in (1, 4, 7)]
        flow.register.windows.mark(flow.schema.name, {"calls": touched})
        begin = time.monotonic()
        [(_, computed)] = flow.refresh(connection)
        seconds = time.monotonic() - begin
        assert isinstance(computed, list)
        assert len(computed) == len(touched)
    return seconds
