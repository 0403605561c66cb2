"""How the values of a metric went, customer by customer: what a chart is drawn of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb

from usage_pipeline.metering.chart import Chart, Others, Series
from usage_pipeline.metering.windows import window_of
from usage_pipeline.printable import printable
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, quoted

MOST = 8

#: The place of a series by its size, 1 being the largest. No group has a colon in its name.
RANK = quoted(":rank")


def chart_of(
    connection: Connection,
    schema: EventSchema,
    metric: str,
    rows: str,
    values: Sequence[Any] = (),
    most: int = MOST,
) -> Chart:
    """The chart of a metric's values: its largest series one by one, the others added up.

    A series is a customer. Where values do not add up, it is one group of a customer.

    Args:
        rows: what stands behind FROM: the metric's table, with or without a condition.
        values: parameters of `rows`.
    """
    spec = schema.all_metrics[metric]
    adds_up = spec.adds_up
    try:
        _rank(connection, spec, rows, values, adds_up=adds_up)
        others = _others(connection, most) if adds_up else ()
    except duckdb.OutOfRangeException:
        # Each value fits 38 digits, and all together do not: they are shown one by one.
        adds_up = False
        _rank(connection, spec, rows, values, adds_up=False)
        others = ()
    count = connection.execute(f"SELECT count(DISTINCT {RANK}) FROM ranked").fetchall()[0][0]
    return Chart(
        title=f"{schema.name}: {metric}",
        unit=unit_of(schema, spec),
        window=spec.window,
        time_zone=spec.time_zone,
        series=_series(connection, _names(spec, adds_up=adds_up), most),
        adds_up=adds_up,
        open_from=window_of(datetime.now(UTC), spec.window, spec.time_zone).start,
        others=Others(count - most, others) if count > most else None,
    )


def unit_of(schema: EventSchema, spec: MetricSpec) -> str:
    """What a value of the metric counts, as far as the schema says so."""
    if spec.aggregation == "count":
        return "events"
    unit = schema.fields[spec.field].unit if spec.field else None
    if spec.aggregation in ("unique_count", "sql") or unit is None:
        return ""
    if spec.multiply_by is not None or spec.divide_by is not None:
        return ""
    if spec.aggregation == "weighted_sum":
        return f"{unit}-{spec.window if spec.per == 'window' else 'hour'}s"
    return unit


def _rank(
    connection: Connection, spec: MetricSpec, rows: str, values: Sequence[Any], *, adds_up: bool
) -> None:
    """A table of the values, each with the rank of its series, 1 being the largest."""
    keys = column_list(_names(spec, adds_up=adds_up))
    together, size = ("sum", "sum(abs(value))") if adds_up else ("max", "max(abs(value))")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE courses AS
            SELECT {keys}, window_start, {together}(value) AS value FROM {rows}
            GROUP BY {keys}, window_start""",
        list(values),
    )
    same = " AND ".join(
        f"courses.{quoted(name)} IS NOT DISTINCT FROM sizes.{quoted(name)}"
        for name in _names(spec, adds_up=adds_up)
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE ranked AS
            SELECT courses.*, sizes.{RANK} FROM courses
            JOIN (SELECT {keys}, row_number() OVER (ORDER BY {size} DESC, {keys}) AS {RANK}
                  FROM courses GROUP BY {keys}) AS sizes ON {same}"""
    )


def _names(spec: MetricSpec, *, adds_up: bool) -> list[str]:
    return ["customer_id"] if adds_up else ["customer_id", *spec.group_by]


def _series(connection: Connection, names: Sequence[str], most: int) -> list[Series]:
    keys = column_list(names)
    rows = connection.execute(
        f"""SELECT {RANK}, window_start, CAST(value AS VARCHAR), {keys} FROM ranked
            WHERE {RANK} <= {most} ORDER BY {RANK}, window_start"""
    ).fetchall()
    found: dict[int, tuple[str, list[tuple[datetime, Decimal | None]]]] = {}
    for rank, start, text, *words in rows:
        name = ", ".join(_in_words(one) for one in words)
        found.setdefault(rank, (name, []))[1].append((start.astimezone(UTC), Decimal(text)))
    return [Series(name, points) for name, points in found.values()]


def _others(connection: Connection, most: int) -> list[tuple[datetime, Decimal | None]]:
    rows = connection.execute(
        f"""SELECT window_start, CAST(sum(value) AS VARCHAR) FROM ranked
            WHERE {RANK} > {most} GROUP BY window_start"""
    ).fetchall()
    return [(start.astimezone(UTC), Decimal(text)) for start, text in rows]


def _in_words(value: object) -> str:
    return "(none)" if value is None else printable(str(value))
