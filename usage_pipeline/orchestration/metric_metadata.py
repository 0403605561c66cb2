"""What the UI shows of a metric: its columns, and of each window how much there is and whose."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import dagster as dg

from usage_pipeline.metering import ComputedWindow
from usage_pipeline.metering.aggregates import value_type
from usage_pipeline.metering.refresh import is_open
from usage_pipeline.orchestration.metadata import field_column
from usage_pipeline.printable import plain_number, printable
from usage_pipeline.reading import clip
from usage_pipeline.schema import EventSchema, MetricSpec

_LONGEST_NAME = 200


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
            dg.TableColumn(
                "ledger_state", "BIGINT", "The last decision that the ledger had followed then"
            ),
        ]
    )


def window_metadata(computed: ComputedWindow, spec: MetricSpec) -> Mapping[str, Any]:
    """Of a metric's window: how much there is, whose, and how it differs from the window before.

    Numbers stand there twice: as what Dagster plots, and exactly, as text.
    """
    amount = "total" if spec.adds_up else "largest"
    shown: dict[str, Any] = {
        "dagster/row_count": computed.values,
        "customers": computed.customers,
        "events": computed.events,
        "window_start": dg.MetadataValue.timestamp(computed.window.start),
        "window_end": dg.MetadataValue.timestamp(computed.window.end),
        "open": is_open(computed.window),
    }
    if computed.amount is not None:
        shown[amount] = dg.MetadataValue.float(float(computed.amount))
        shown[f"exact_{amount}"] = dg.MetadataValue.text(plain_number(computed.amount))
    if computed.amount is not None and computed.before is not None:
        shown |= _change(computed.amount, computed.before)
    if computed.top:
        rows = [
            dg.TableRecord(
                {"customer": clip(printable(name), _LONGEST_NAME), "value": plain_number(value)}
            )
            for name, value in computed.top
        ]
        shown["top_customers"] = dg.MetadataValue.table(rows)
    return shown


def _change(amount: Decimal, before: Decimal) -> Mapping[str, Any]:
    words = f"{plain_number(amount - before)} against {plain_number(before)} in the window before"
    shown: dict[str, Any] = {"change": dg.MetadataValue.text(words)}
    if before > 0:
        shown["change_percent"] = dg.MetadataValue.float(float((amount - before) / before * 100))
    return shown
