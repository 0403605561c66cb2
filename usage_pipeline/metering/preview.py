"""What a metric would say, computed on the real ledger; nothing of it is kept."""

from __future__ import annotations

from datetime import datetime

from usage_pipeline.metering.compute import NO_VALUES, MetricFailed, reason, values_query
from usage_pipeline.metering.refresh import slots_with_events
from usage_pipeline.metering.windowed import key_columns, load_windows
from usage_pipeline.metering.windows import window_of
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list


def preview(
    connection: Connection,
    schema: EventSchema,
    metric: str,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> str:
    """A table, which goes with the connection, of the values of every window with events.

    Args:
        begin, end: only windows that begin at or after `begin` and before `end`.

    Raises:
        MetricFailed: a value does not fit, or the metric's SELECT cannot be run.
    """
    spec = schema.all_metrics[metric]
    with_events = {
        window_of(slot, spec.window, spec.time_zone)
        for slot in slots_with_events(connection, schema)
    }
    windows = sorted(
        window
        for window in with_events
        if (begin is None or window.start >= begin) and (end is None or window.start < end)
    )
    # Without windows the answer is that of one in which nothing happened.
    asked = windows or [window_of(datetime.fromisoformat("1970-01-01T00:00Z"), "day", "UTC")]
    columns = column_list([*key_columns(spec), "value", "events"])
    load_windows(connection, asked)
    try:
        query = values_query(connection, schema, spec, asked)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE previewed AS SELECT {columns} FROM ({query})"
        )
    except NO_VALUES as error:
        raise MetricFailed(metric, asked, reason(error)) from None
    return "previewed"
