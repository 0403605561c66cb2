"""A metric's values for a set of windows, computed anew from the ingestion table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

import duckdb

from usage_pipeline.ledger.tables import has_ledger, ledger_state, transaction
from usage_pipeline.metering.aggregates import aggregated
from usage_pipeline.metering.select_metric import SelectFailed, select_values
from usage_pipeline.metering.summaries import ComputedWindow, summaries
from usage_pipeline.metering.tables import metric_table
from usage_pipeline.metering.windowed import among, amounts, key_columns, load_windows
from usage_pipeline.metering.windows import TimeWindow
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list

#: After so many windows that cannot be computed, the others are not tried one by one: a SELECT that
#: fails always would hold the warehouse for minutes.
_MOST_FAILURES = 10


#: What computing ends with where there are no values to be had, though nothing is broken.
NO_VALUES = (duckdb.OutOfRangeException, duckdb.ConversionException, SelectFailed)


def reason(error: Exception) -> str:
    """Why there are no values, of an error among `NO_VALUES`."""
    return str(error) if isinstance(error, SelectFailed) else "a value does not fit 38 digits."


class MetricFailed(ArithmeticError):
    """Values that cannot be computed; no value is better than a wrong one."""

    def __init__(self, metric: str, windows: Sequence[TimeWindow], why: str) -> None:
        others = f" and {len(windows) - 1} more windows" if len(windows) > 1 else ""
        super().__init__(
            f"The metric {metric} cannot be computed for the window from "
            f"{windows[0].start.isoformat()}{others}: {why}"
        )


def compute_windows(
    connection: Connection, schema: EventSchema, metric: str, windows: Collection[TimeWindow]
) -> list[ComputedWindow]:
    """Replace the metric's values of exactly these windows, in one transaction.

    Raises:
        MetricFailed: the values of a window cannot be computed; all the old ones stay.
    """
    if not windows:
        return []
    spec, table = schema.all_metrics[metric], metric_table(schema, metric)
    try:
        with transaction(connection):
            load_windows(connection, windows)
            connection.execute(f"DELETE FROM {table} WHERE {among(windows)}")
            if has_ledger(connection, schema):
                columns = column_list([*key_columns(spec), "value", "events"])
                anew = values_query(connection, schema, spec, windows)
                connection.execute(
                    # In order of time, so that a window is found without reading all of them.
                    f"""INSERT INTO {table}
                        SELECT {columns}, ?, ? FROM ({anew}) ORDER BY window_start""",
                    [datetime.now(UTC), ledger_state(connection, schema)],
                )
    except NO_VALUES as error:
        why = f"{reason(error)} What was there before stays."
        raise MetricFailed(f"{schema.name}.{metric}", list(windows), why) from None
    return summaries(connection, schema, metric, list(windows))


def compute_each(
    connection: Connection, schema: EventSchema, metric: str, windows: Sequence[TimeWindow]
) -> Iterator[list[ComputedWindow] | MetricFailed]:
    """`compute_windows`, for all windows at once where it can be; one that cannot be computed
    holds up no other, unless there are many.
    """
    failed: list[MetricFailed] = []
    waiting = [list(windows)] if windows else []
    while waiting and len(failed) < _MOST_FAILURES:
        some = waiting.pop()
        try:
            yield compute_windows(connection, schema, metric, some)
        except MetricFailed as error:
            if len(some) == 1:
                failed.append(error)
            else:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
    if failed:
        yield failed[0]


def values_query(
    connection: Connection,
    schema: EventSchema,
    spec: MetricSpec,
    windows: Collection[TimeWindow],
) -> str:
    """A query for a metric's values in loaded windows: `key_columns`, value, events.

    Raises:
        SelectFailed: the metric's own SELECT cannot be run.
    """
    if spec.sql is not None:
        return select_values(connection, schema, spec, windows)
    return aggregated(schema, spec, amounts(connection, schema, spec, windows))


def wrong_windows(
    connection: Connection, schema: EventSchema, metric: str, windows: Collection[TimeWindow]
) -> list[datetime]:
    """Begins of those windows whose stored values are not what they would be, computed now."""
    if not windows:
        return []
    spec = schema.all_metrics[metric]
    load_windows(connection, windows)
    columns = column_list([*key_columns(spec), "value", "events"])
    try:
        query = values_query(connection, schema, spec, windows)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE computed_anew AS SELECT {columns} FROM ({query})"
        )
    except NO_VALUES:
        # What cannot be computed has no value that could be right.
        return sorted(window.start for window in windows)
    stored = f"""SELECT {columns} FROM {metric_table(schema, metric)} WHERE {among(windows)}"""
    rows = connection.execute(
        f"""SELECT DISTINCT window_start FROM (
                (FROM computed_anew EXCEPT ALL ({stored}))
                UNION ALL (({stored}) EXCEPT ALL FROM computed_anew))
            ORDER BY window_start"""
    ).fetchall()
    return [start for (start,) in rows]
