"""What a person wants to know of a metric's window at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from usage_pipeline.metering.tables import metric_table
from usage_pipeline.metering.windowed import among, load_windows
from usage_pipeline.metering.windows import TimeWindow, window_of
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection

TOP_CUSTOMERS = 5


@dataclass(frozen=True, slots=True)
class ComputedWindow:
    """What was computed for one window.

    values: rows of the metric. amount: the sum of the values, or the largest one where values of
    customers do not add up; None where there is none, or the sum does not fit 38 digits.
    before: the amount of the window before this one. top: the customers with most, and how much.
    """

    window: TimeWindow
    customers: int
    values: int
    events: int
    amount: Decimal | None
    before: Decimal | None = None
    top: tuple[tuple[str, Decimal], ...] = ()


def summaries(
    connection: Connection, schema: EventSchema, metric: str, windows: Sequence[TimeWindow]
) -> list[ComputedWindow]:
    """The windows in their order; reads no more of the metric than them and those before them."""
    spec, table = schema.all_metrics[metric], metric_table(schema, metric)
    together = "sum" if spec.adds_up else "max"
    # An instant before the start lies in the window before, whatever the clock did.
    before = {
        window: window_of(window.start - timedelta(seconds=1), spec.window, spec.time_zone)
        for window in windows
    }
    # The windows and those before them, and nothing else, are read from here on.
    load_windows(connection, {*windows, *before.values()})
    shown = f"FROM {table} WHERE {among([*windows, *before.values()])}"
    counted = {start: (c, v, e) for start, c, v, e in _counts(connection, shown)}
    amounts = _amounts(connection, shown, together)
    top = _top(connection, shown, together)
    nothing = Decimal(0) if spec.adds_up else None
    return [
        ComputedWindow(
            window,
            *counted.get(window.start, (0, 0, 0)),
            amounts.get(window.start, nothing),
            amounts.get(before[window].start, nothing),
            tuple(top.get(window.start, ())),
        )
        for window in windows
    ]


def _counts(connection: Connection, shown: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"""SELECT window_start, count(DISTINCT customer_id), count(*),
                   CAST(sum(events) AS BIGINT)
            {shown} GROUP BY window_start"""
    ).fetchall()


def _amounts(connection: Connection, shown: str, together: str) -> dict[datetime, Decimal | None]:
    try:
        rows = connection.execute(
            f"""SELECT window_start, CAST({together}(value) AS VARCHAR) {shown}
                GROUP BY window_start"""
        ).fetchall()
    except duckdb.OutOfRangeException:
        # Each customer's value fits, and all of them together do not: it is only shown.
        rows = connection.execute(
            f"""SELECT DISTINCT window_start, CAST(NULL AS VARCHAR) {shown}"""
        ).fetchall()
    return {start: None if text is None else Decimal(text) for start, text in rows}


def _top(
    connection: Connection, shown: str, together: str
) -> dict[datetime, list[tuple[str, Decimal]]]:
    try:
        rows = connection.execute(
            f"""SELECT window_start, customer_id, CAST(total AS VARCHAR)
                FROM (SELECT window_start, customer_id, {together}(value) AS total {shown}
                      GROUP BY window_start, customer_id)
                QUALIFY row_number() OVER (PARTITION BY window_start
                                           ORDER BY total DESC, customer_id) <= {TOP_CUSTOMERS}
                ORDER BY window_start, total DESC, customer_id"""
        ).fetchall()
    except duckdb.OutOfRangeException:
        return {}
    found: dict[datetime, list[tuple[str, Decimal]]] = {}
    for start, customer, text in rows:
        found.setdefault(start, []).append((customer, Decimal(text)))
    return found
