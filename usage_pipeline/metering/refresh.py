"""Keeping metrics in step with the ledger: mark windows before rows change, compute them after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from usage_pipeline.ledger.rows import SLOT_SECONDS
from usage_pipeline.ledger.tables import has_ledger, ingestion_table
from usage_pipeline.metering.compute import MetricFailed, compute_each, wrong_windows
from usage_pipeline.metering.summaries import ComputedWindow
from usage_pipeline.metering.tables import (
    forget_removed_metrics,
    has_values,
    make_metric_table,
    metric_definitions,
    window_starts,
)
from usage_pipeline.metering.windows import TimeWindow, window_of
from usage_pipeline.register import Register
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection


def touched_windows(schema: EventSchema, slots: Iterable[datetime]) -> dict[str, list[datetime]]:
    """{metric: begins of the windows that the quarters of an hour lie in}."""
    moments = list(slots)
    by_shape: dict[tuple[str, str], list[datetime]] = {}
    for spec in schema.all_metrics.values():
        shape = (spec.window, spec.time_zone)
        if shape not in by_shape:
            starts = {window_of(moment, *shape).start for moment in moments}
            by_shape[shape] = sorted(starts)
    return {
        name: by_shape[spec.window, spec.time_zone] for name, spec in schema.all_metrics.items()
    }


def refresh_metrics(
    connection: Connection, register: Register, schema: EventSchema
) -> Iterator[tuple[str, list[ComputedWindow] | MetricFailed]]:
    """Compute every stale window of the schema's metrics; yields (metric, its windows).

    A window that cannot be computed stays stale and stops no other. The mark goes only after the
    value is committed: a crash between computes once more.
    """
    prepare_metrics(connection, register, schema)
    for metric, starts in register.windows.stale(schema.name).items():
        spec = schema.all_metrics.get(metric)
        if spec is None:
            register.windows.clear(schema.name, metric, None)
            continue
        # A mark may be older than the metric's windows: its own is the one it lies in now.
        marks: dict[TimeWindow, list[datetime]] = {}
        for start in starts:
            marks.setdefault(window_of(start, spec.window, spec.time_zone), []).append(start)
        for computed in compute_each(connection, schema, metric, list(marks)):
            if not isinstance(computed, MetricFailed):
                done = [start for one in computed for start in marks[one.window]]
                register.windows.clear(schema.name, metric, done)
            yield metric, computed


def prepare_metrics(connection: Connection, register: Register, schema: EventSchema) -> None:
    """Have a table for each metric; windows of a new or changed one are marked as stale first."""
    forget_removed_metrics(connection, schema)
    new = [name for name in schema.all_metrics if not has_values(connection, schema, name)]
    if new and has_ledger(connection, schema):
        touched = touched_windows(schema, slots_with_events(connection, schema))
        register.windows.mark(schema.name, {name: touched[name] for name in new})
    for name in new:
        make_metric_table(connection, schema, name)
    definitions = metric_definitions(schema)
    if register.metric_definitions(schema.name) != definitions:
        register.set_metric_definitions(schema.name, definitions)


def uncomputed_metrics(connection: Connection, schema: EventSchema) -> list[str]:
    """Metrics without values that answer what the YAML asks now, though events are in."""
    if not has_ledger(connection, schema) or not slots_with_events(connection, schema):
        return []
    return [name for name in schema.all_metrics if not has_values(connection, schema, name)]


def wrong_values(connection: Connection, register: Register, schema: EventSchema) -> list[str]:
    """Metric windows, in words, whose stored values do not follow from the ingestion table.

    Windows that are known to be stale are left out: they wait to be computed.
    """
    slots = slots_with_events(connection, schema)
    stale = register.windows.stale(schema.name)
    wrong = []
    for metric, starts in touched_windows(schema, slots).items():
        if not has_values(connection, schema, metric):
            continue
        spec = schema.all_metrics[metric]
        stored = window_starts(connection, schema, metric)
        current = {*starts, *stored} - {*stale.get(metric, ())}
        windows = [window_of(start, spec.window, spec.time_zone) for start in sorted(current)]
        for start in wrong_windows(connection, schema, metric, windows):
            wrong.append(f"{metric} {start.isoformat()}")
    return wrong


def is_open(window: TimeWindow) -> bool:
    """Whether more events may still fall into the window."""
    return window.end > datetime.now(UTC)


def slots_with_events(connection: Connection, schema: EventSchema) -> list[datetime]:
    """The begin of each quarter of an hour that an event which counts lies in."""
    rows = connection.execute(
        f"""SELECT DISTINCT epoch_us("timestamp") // {SLOT_SECONDS * 1_000_000}
            FROM {ingestion_table(schema)}"""
    ).fetchall()
    return [datetime.fromtimestamp(slot * SLOT_SECONDS, UTC) for (slot,) in rows]
