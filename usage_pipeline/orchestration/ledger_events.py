"""Ingestion and the metrics that follow from it, told to Dagster partition by partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from usage_pipeline.flow import Flow
from usage_pipeline.ledger import ConflictRefused, Followed, LedgerLost, LedgerShapeChanged
from usage_pipeline.metering import ComputedWindow, MetricFailed
from usage_pipeline.orchestration import metadata
from usage_pipeline.orchestration.checks import conflict_evaluation
from usage_pipeline.orchestration.confirmation_check import confirmation_events
from usage_pipeline.orchestration.metric_metadata import window_metadata
from usage_pipeline.orchestration.partitions import window_key, window_partitions
from usage_pipeline.orchestration.resources import UsageWarehouse
from usage_pipeline.register import Upload
from usage_pipeline.schema import EventSchema

LedgerEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation


def open_ledger(flow: Flow) -> None:
    """Have the ledger ready, or fail the step with what has to be done first."""
    try:
        flow.open_ledger()
    except (LedgerShapeChanged, LedgerLost) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


def settle_and_meter(
    instance: dg.DagsterInstance,
    flow: Flow,
    warehouse: UsageWarehouse,
    uploads: list[Upload],
    troubles: dict[str, str],
    refused: dict[str, str],
) -> Iterator[LedgerEvent]:
    """Have the ledger follow what is decided, and compute the windows that this touches.

    What cannot be followed is added, with the reason, to `troubles`, or to `refused` where the
    rows themselves are the reason; it stops none of the others.
    """
    table = dg.AssetKey([flow.schema.name, "ingestion_table"])
    with warehouse.get_connection() as connection:
        for upload, outcome in flow.settle(connection, uploads):
            if isinstance(outcome, Followed):
                told = flow.register.history(upload) if upload.state == "voided" else []
                shown = metadata.ledger_metadata(upload, outcome, told)
                yield dg.AssetMaterialization(table, partition=upload.upload, metadata=shown)
                yield from confirmation_events(instance, flow, upload)
            elif isinstance(outcome, ConflictRefused):
                refused[upload.upload] = str(outcome)
                yield from confirmation_events(instance, flow, upload)
                if upload.state == "failed":
                    yield conflict_evaluation(flow, upload)
            else:
                troubles[upload.upload] = str(outcome)
        for metric, computed in flow.refresh(connection):
            if isinstance(computed, MetricFailed):
                troubles[metric] = str(computed)
                continue
            yield from window_events(flow.schema, metric, computed)


def fail_if(troubles: dict[str, str]) -> None:
    """End the step in failure, naming each upload and why, after all others are done."""
    if troubles:
        raise dg.Failure(
            description="\n".join(f"{key}: {why}" for key, why in troubles.items()),
            allow_retries=False,
        )


def window_events(
    schema: EventSchema,
    metric: str,
    computed: list[ComputedWindow],
    chart: Mapping[str, Any] | None = None,
) -> Iterator[dg.AssetMaterialization]:
    """A materialization per computed window of a metric; the last one has the chart, if any."""
    partitions = window_partitions(schema, schema.all_metrics[metric])
    for one in computed:
        shown = window_metadata(schema, metric, one, chart if one is computed[-1] else None)
        yield dg.AssetMaterialization(
            dg.AssetKey([schema.name, metric]),
            partition=window_key(partitions, one.window),
            metadata=shown,
        )
