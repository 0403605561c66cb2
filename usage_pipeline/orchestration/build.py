"""Everything Dagster gets to know of one event schema."""

from __future__ import annotations

import dagster as dg

from usage_pipeline.orchestration.drop_sensor import drop_sensor
from usage_pipeline.orchestration.jobs import ingest_job, refresh_job, take_job
from usage_pipeline.orchestration.map_job import map_job
from usage_pipeline.orchestration.metric_assets import metric_asset
from usage_pipeline.orchestration.reconciliation import (
    reconcile_job,
    reconcile_schedule,
)
from usage_pipeline.orchestration.resources import UsageWarehouse
from usage_pipeline.orchestration.review_jobs import review_jobs
from usage_pipeline.orchestration.stale_sensor import stale_sensor
from usage_pipeline.orchestration.upload_assets import drop_folder_asset, upload_assets
from usage_pipeline.schema import EventSchema


def schema_definitions(schema: EventSchema) -> dg.Definitions:
    """Assets, checks, jobs and sensors of a schema; needs the resource of `shared_definitions`."""
    ingest, take, refresh = ingest_job(schema), take_job(schema), refresh_job(schema)
    metered = dg.Definitions()
    if schema.all_metrics:
        reconcile = reconcile_job(schema)
        metered = dg.Definitions(
            assets=[metric_asset(schema, name) for name in schema.all_metrics],
            jobs=[reconcile],
            schedules=[reconcile_schedule(schema, reconcile)],
        )
    flow = dg.Definitions(
        assets=[
            drop_folder_asset(schema),
            upload_assets(schema),
        ],
        jobs=[ingest, *review_jobs(schema), map_job(schema), take, refresh],
        sensors=[drop_sensor(schema, [ingest, take]), stale_sensor(schema, refresh)],
    )
    return dg.Definitions.merge(flow, metered)


def shared_definitions() -> dg.Definitions:
    """What all schemas share: the warehouse, and the executor.

    In-process, because a step of its own process costs 3.5 s to start and saves nothing where
    one process at a time may hold the warehouse.
    """
    return dg.Definitions(
        resources={"warehouse": UsageWarehouse.current()}, executor=dg.in_process_executor
    )
