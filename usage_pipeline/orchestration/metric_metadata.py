"""What the UI shows of a metric: its columns, and of each window how much there is and whose."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from usage_pipeline.metering import ComputedWindow
from usage_pipeline.metering.aggregates import value_type
from usage_pipeline.metering.chart import drawn
from usage_pipeline.metering.refresh import is_open
from usage_pipeline.metering.series import chart_of, unit_of
from usage_pipeline.metering.tables import metric_table
from usage_pipeline.orchestration.metadata import field_column
from usage_pipeline.printable import plain_number, printable
from usage_pipeline.reading import clip
from usage_pipeline.schema import EventSchema, MetricSpec, Window
from usage_pipeline.warehouse.connection import Connection

_LONGEST_NAME = 200

#: Windows on a chart, at least; it is kept with each run that draws one.
CHARTED_WINDOWS = 60
LONGEST: dict[Window, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(hours=25),
    "week": timedelta(days=7, hours=1),
    "month": timedelta(days=31),
    "quarter": timedelta(days=92),
    "year": timedelta(days=366),
}


def metric_columns(schema: EventSchema, metric: str) -> dg.TableSchema:
    spec = schema.all_metrics[metric]
    return dg.TableSchema(
        [
            field_column("customer_id", schema.fields["customer_id"]),
            dg.TableColumn("window_start", "TIMESTAMP WITH TIME ZONE"),
            dg.TableColumn("window_end", "TIMESTAMP WITH TIME ZONE"),
            *(field_column(name, schema.fields[name]) for name in spec.group_by),
            dg.TableColumn("value", value_type(schema, spec), spec.description),
            dg.TableColumn("events", "BIGINT", "Events behind the value"),
            dg.TableColumn("computed_at", "TIMESTAMP WITH TIME ZONE"),
            dg.TableColumn("ledger_state", "BIGINT", "How many changes the ledger had seen then"),
        ]
    )


def window_metadata(
    schema: EventSchema,
    metric: str,
    computed: ComputedWindow,
    chart: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Of a metric's window: how much there is, how it differs from the window before, and whose.

    Numbers stand there twice: as what Dagster plots, and exactly, as text. The UI keeps the order.

    Args:
        chart: what `chart_metadata` gives, if this window shows it.
    """
    spec = schema.all_metrics[metric]
    amount, open_now = "total" if spec.adds_up else "largest", is_open(computed.window)
    shown: dict[str, Any] = {}
    if computed.amount is not None:
        shown[amount] = dg.MetadataValue.float(float(computed.amount))
        shown[f"exact_{amount}"] = dg.MetadataValue.text(plain_number(computed.amount))
    if unit := unit_of(schema, spec):
        shown["unit"] = dg.MetadataValue.text(unit)
    if computed.amount is not None and computed.before is not None:
        shown |= _change(computed.amount, computed.before, open_now=open_now)
    shown["open"] = open_now
    shown |= chart or {}
    if computed.top:
        rows = [
            dg.TableRecord(
                {"customer": clip(printable(name), _LONGEST_NAME), "value": plain_number(value)}
            )
            for name, value in computed.top
        ]
        shown["top_customers"] = dg.MetadataValue.table(rows)
    return {
        **shown,
        "customers": computed.customers,
        "events": computed.events,
        "window_start": dg.MetadataValue.text(_local(computed.window.start, spec)),
        "window_end": dg.MetadataValue.text(_local(computed.window.end, spec)),
        "dagster/row_count": computed.values,
    }


def chart_metadata(connection: Connection, schema: EventSchema, metric: str) -> Mapping[str, Any]:
    """The newest windows of a metric as a chart; nothing where it has no values."""
    spec, table = schema.all_metrics[metric], metric_table(schema, metric)
    newest = connection.execute(f"SELECT max(window_start) FROM {table}").fetchall()[0][0]
    if newest is None:
        return {}
    since = newest - CHARTED_WINDOWS * LONGEST[spec.window]
    chart = chart_of(connection, schema, metric, f"{table} WHERE window_start > ?", [since])
    try:
        picture = base64.b64encode(drawn(chart, "svg")).decode("ascii")
    except Exception as error:
        # The values are computed; that they cannot be drawn takes nothing from them.
        return {"chart": dg.MetadataValue.text(f"It cannot be drawn: {printable(str(error))}")}
    # An image runs nothing and loads nothing, whatever customers are called.
    return {"chart": dg.MetadataValue.md(f"![{metric}](data:image/svg+xml;base64,{picture})")}


def _change(amount: Decimal, before: Decimal, *, open_now: bool) -> Mapping[str, Any]:
    # Amounts have up to 38 digits; Python's own precision would keep 28 of them.
    with localcontext(prec=80):
        difference = amount - before
        percent = difference / before * 100 if before > 0 else None
    sign = "+" if difference > 0 else ""
    words = f"{sign}{plain_number(difference)} against {plain_number(before)} in the window before"
    if open_now:
        words += "; this window is not finished"
    shown: dict[str, Any] = {"change": dg.MetadataValue.text(words)}
    if percent is not None:
        shown["change_percent"] = dg.MetadataValue.float(round(float(percent), 2))
    return shown


def _local(moment: datetime, spec: MetricSpec) -> str:
    # The UI shows timestamps in the reader's time zone, and without the year.
    local = moment.astimezone(ZoneInfo(spec.time_zone))
    return f"{local.isoformat(' ', 'minutes')} {spec.time_zone}"
