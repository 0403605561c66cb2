"""Whether a metric's stored values follow from the ingestion table, found by another way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import duckdb

from usage_pipeline.ledger.rows import SLOT_SECONDS
from usage_pipeline.ledger.tables import fields_of, ingestion_table, ledger_state
from usage_pipeline.metering.compute import wrong_windows
from usage_pipeline.metering.refresh import slots_with_events, touched_windows
from usage_pipeline.metering.tables import metric_table, window_starts
from usage_pipeline.metering.windowed import conditions_of, load_windows
from usage_pipeline.metering.windows import TimeWindow, window_of
from usage_pipeline.printable import plain_number
from usage_pipeline.register import Register
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import quoted

#: Windows of a metric that are computed again for comparison: all, or the newest and some others.
NEWEST, OTHERS = 3, 17


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How a metric compares with the events that count.

    values, ledger: both sides in words; they are equal where the metric is right. stale: windows
    that wait to be computed, and are left out on both sides. compared: windows computed again.
    wrong: begins of those of them whose values differ.
    """

    values: str
    ledger: str
    stale: int
    compared: int = 0
    wrong: tuple[datetime, ...] = ()

    @property
    def ok(self) -> bool:
        return self.values == self.ledger and not self.wrong


def reconcile(
    connection: Connection, register: Register, schema: EventSchema, metric: str
) -> Reconciliation:
    """Compare a metric, whose table is prepared, with the ingestion table.

    What adds up over time is compared as a whole: the sum of all values and of the events behind
    them. Of the others some windows are computed again, other ones after each change of the ledger.
    """
    spec = schema.all_metrics[metric]
    marks = register.windows.stale(schema.name).get(metric, [])
    stale = sorted({window_of(start, spec.window, spec.time_zone) for start in marks})
    if spec.adds_up_over_time:
        load_windows(connection, stale)
        try:
            return Reconciliation(
                _all_values(connection, schema, metric),
                _all_events(connection, schema, spec),
                len(stale),
            )
        except duckdb.OutOfRangeException:
            pass  # Every value fits 38 digits, and their sum does not.
    return _sample(connection, schema, metric, stale)


def _all_values(connection: Connection, schema: EventSchema, metric: str) -> str:
    rows = connection.execute(
        f"""SELECT sum(value), coalesce(sum(events), 0) FROM {metric_table(schema, metric)}
            WHERE window_start NOT IN (SELECT window_start FROM slots)"""
    ).fetchall()
    return _in_words(*rows[0])


def _all_events(connection: Connection, schema: EventSchema, spec: MetricSpec) -> str:
    table = ingestion_table(schema)
    total = f"sum(event.{quoted(spec.field)})" if spec.field else "nullif(count(*), 0)"
    conditions = [
        f"""epoch_us(event."timestamp") // {SLOT_SECONDS * 1_000_000}
            NOT IN (SELECT slot FROM slots)""",
        *conditions_of(schema, spec),
    ]
    rows = connection.execute(
        f"""SELECT {total}, count(*)
            FROM (SELECT {fields_of(connection, schema, table)} FROM {table}) AS event
            WHERE {" AND ".join(conditions)}"""
    ).fetchall()
    return _in_words(*rows[0])


def _in_words(total: Decimal | int | None, events: int) -> str:
    return f"{plain_number(Decimal(total or 0))} from {events:,} events"


def _sample(
    connection: Connection, schema: EventSchema, metric: str, stale: Sequence[TimeWindow]
) -> Reconciliation:
    spec = schema.all_metrics[metric]
    starts = {
        *touched_windows(schema, slots_with_events(connection, schema))[metric],
        *window_starts(connection, schema, metric),
    }
    windows = sorted({window_of(start, spec.window, spec.time_zone) for start in starts} - {*stale})
    newest, others = windows[-NEWEST:], windows[:-NEWEST]
    # Drawn by the state of the ledger: the same question has the same answer, and in time every
    # window is looked at.
    draw = random.Random(f"{metric} {ledger_state(connection, schema)}")  # noqa: S311
    chosen = sorted([*draw.sample(others, min(OTHERS, len(others))), *newest])
    wrong = wrong_windows(connection, schema, metric, chosen)
    right = len(chosen) - len(wrong)
    return Reconciliation(
        f"{right} of {len(chosen)} windows the same",
        f"{len(chosen)} of {len(chosen)} windows the same",
        len(stale),
        len(chosen),
        tuple(wrong),
    )
