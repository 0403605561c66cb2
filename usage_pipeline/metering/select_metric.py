"""Metrics whose value a SELECT of their own gives, run over the events of one window at a time.

So a value can only follow from the events of its window, whatever the SELECT does, and windows
that nothing touched need no second look.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from usage_pipeline.metering.aggregates import apart, shaped, value_type
from usage_pipeline.metering.exact import DIVISOR, REST, WHOLE, unscaled
from usage_pipeline.metering.windowed import key_columns, keys, windowed
from usage_pipeline.metering.windows import TimeWindow
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.schema.metric_spec import QUOTIENT_DIGITS
from usage_pipeline.schema.select import normalised_select
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, quoted


class SelectFailed(RuntimeError):
    """A metric's SELECT that cannot be run, or whose rows are no values."""


def select_values(
    connection: Connection,
    schema: EventSchema,
    spec: MetricSpec,
    windows: Collection[TimeWindow],
) -> str:
    """A query for a metric's values in loaded windows: `key_columns`, value, events.

    Raises:
        SelectFailed: the engine refuses to run it, or it gives a customer two values.
    """
    _load_events(connection, schema, spec, windows)
    try:
        _run(connection, spec)
    except (duckdb.OutOfRangeException, duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error as error:
        what = str(error).split("\n")[0]
        raise SelectFailed(f"its SELECT fails: {what}.") from None
    _refuse_repeats(connection, spec)
    rows = f"""SELECT {keys(spec)}, {unscaled("value")} AS {WHOLE}, 0 AS {REST}, 1 AS {DIVISOR},
                      events FROM selected"""
    kind = value_type(schema, spec)
    value = f"SELECT {keys(spec)}, CAST(value AS {kind}) AS value, events FROM selected"
    if not spec.shaped:
        return value
    return apart(spec, rows, lambda own, numbers: shaped(own, numbers, QUOTIENT_DIGITS))


def _load_events(
    connection: Connection,
    schema: EventSchema,
    spec: MetricSpec,
    windows: Collection[TimeWindow],
) -> None:
    """A table of the events in the windows, those of a window together."""
    columns = f"""{column_list(schema.fields, "event")}, slots.window_start, slots.window_end"""
    events = windowed(connection, schema, spec, windows, columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE windowed_events AS {events} ORDER BY window_start"
    )
    groups = "".join(f", {quoted(name)}" for name in spec.group_by)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE selected AS
            SELECT {keys(spec)}, CAST(0 AS DECIMAL(38,{QUOTIENT_DIGITS})) AS value,
                   CAST(0 AS BIGINT) AS events FROM windowed_events LIMIT 0"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE counted AS
            SELECT customer_id, window_start{groups}, count(*) AS events
            FROM windowed_events GROUP BY ALL"""
    )


def _run(connection: Connection, spec: MetricSpec) -> None:
    assert spec.sql is not None
    select = normalised_select(spec.sql)
    mine = ["customer_id", *spec.group_by]
    same = " AND ".join(
        f"counted.{quoted(name)} IS NOT DISTINCT FROM chosen.{quoted(name)}" for name in mine
    )
    found = connection.execute(
        "SELECT DISTINCT window_start, window_end FROM windowed_events ORDER BY window_start"
    ).fetchall()
    groups = "".join(f", chosen.{quoted(name)}" for name in spec.group_by)
    for start, end in found:
        begin, until = (f"TIMESTAMPTZ '{moment.isoformat()}'" for moment in (start, end))
        connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW events AS
                SELECT * FROM windowed_events WHERE window_start = {begin}"""
        )
        connection.execute(
            f"""INSERT INTO selected
                SELECT chosen.customer_id, {begin}, {until}{groups},
                       CAST(chosen.value AS DECIMAL(38,{QUOTIENT_DIGITS})),
                       coalesce(counted.events, 0)
                FROM ({select}) AS chosen
                LEFT JOIN (SELECT * FROM counted WHERE window_start = {begin}) AS counted
                       ON {same}
                WHERE chosen.value IS NOT NULL"""
        )


def _refuse_repeats(connection: Connection, spec: MetricSpec) -> None:
    names = key_columns(spec)
    wrong = connection.execute(
        f"""SELECT {column_list(names)} FROM selected GROUP BY {column_list(names)}
            HAVING count(*) > 1 OR customer_id IS NULL LIMIT 1"""
    ).fetchall()
    if wrong:
        customer, start, *_ = wrong[0]
        what = "no customer" if customer is None else f"two values for customer {customer}"
        raise SelectFailed(
            f"its SELECT gives {what} in the window from {start.isoformat()}; "
            f"group by {', '.join(['customer_id', *spec.group_by])}."
        )
