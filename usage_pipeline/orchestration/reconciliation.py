"""The check `reconciliation` of each metric: its stored values against the ingestion table.

Every run that materializes a metric ends with it, and every night there is one of all metrics.
"""

from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from usage_pipeline.metering.reconcile import Reconciliation, reconcile
from usage_pipeline.register import Register
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection

NAME = "reconciliation"

#: In UTC: between the end of a day in America and the start of one in Europe's offices.
_NIGHTLY = "0 5 * * *"


def reconciliation_spec(schema: EventSchema, metric: str) -> dg.AssetCheckSpec:
    """The check of one metric; the step that computes the metric evaluates it."""
    how = (
        "The sum of all values is the sum over the ingestion table"
        if schema.all_metrics[metric].adds_up_over_time
        else "Windows computed again have the same values"
    )
    return dg.AssetCheckSpec(NAME, asset=dg.AssetKey([schema.name, metric]), description=how)


def reconciliation_result(
    connection: Connection, register: Register, schema: EventSchema, metric: str
) -> dg.AssetCheckResult:
    """What the check says now."""
    return _result(
        reconcile(connection, register, schema, metric), dg.AssetKey([schema.name, metric])
    )


def _result(found: Reconciliation, asset: dg.AssetKey) -> dg.AssetCheckResult:
    words = f"Values: {found.values}. Ingestion table: {found.ledger}."
    if found.stale:
        words += f" {found.stale} stale windows are left out; the next refresh computes them."
    shown: dict[str, Any] = {
        "values": dg.MetadataValue.text(found.values),
        "ingestion_table": dg.MetadataValue.text(found.ledger),
        "stale_windows": found.stale,
    }
    if found.compared:
        wrong = ", ".join(start.isoformat() for start in found.wrong) or "none"
        shown["windows_compared"] = found.compared
        shown["wrong_windows"] = dg.MetadataValue.text(wrong)
    return dg.AssetCheckResult(
        asset_key=asset, check_name=NAME, passed=found.ok, description=words, metadata=shown
    )


def reconcile_job(schema: EventSchema) -> UnresolvedAssetJobDefinition:
    """Checks every metric of the schema, and computes nothing."""
    keys = [
        dg.AssetCheckKey(dg.AssetKey([schema.name, metric]), NAME) for metric in schema.all_metrics
    ]
    return dg.define_asset_job(
        f"{schema.name}_reconcile_metrics",
        selection=dg.AssetSelection.checks(*keys),
        description=f"Hold the metrics of {schema.name} against its ingestion table.",
    )


def reconcile_schedule(
    schema: EventSchema, job: UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    """Every night, so that a value that went wrong by itself is found before it is invoiced."""
    return dg.ScheduleDefinition(
        name=f"{schema.name}_reconcile_nightly",
        job=job,
        cron_schedule=_NIGHTLY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Has every metric held against the ingestion table.",
    )
