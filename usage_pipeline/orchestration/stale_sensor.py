"""Metric windows that no upload's own run has computed: after a crash, or a change of the YAML.

The register knows them all, so a sensor that looks at it heals whatever happened before.
"""

import hashlib
import json
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import dagster as dg

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.metering.tables import metric_definitions
from usage_pipeline.orchestration.ask import concerns
from usage_pipeline.orchestration.batches import SCHEMA_TAG
from usage_pipeline.orchestration.jobs import refresh_job_name
from usage_pipeline.orchestration.live_runs import live_runs
from usage_pipeline.schema import EventSchema

INTERVAL_SECONDS = 14

#: Runs asked for the same stale windows; one more would fail like these.
ATTEMPTS = 3

STALE_TAG = "usage_pipeline/stale"


def stale_sensor(schema: EventSchema, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Asks for a run of `job`, which computes the stale windows of a schema's metrics."""

    def watch(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        flow = Flow(schema, DataFolder.current())
        alive = [run for run in live_runs(context.instance, flow.folder) if concerns(run, schema)]
        stale = _stale(flow)
        if not stale:
            return dg.SkipReason("Every metric value follows from the ingestion table.")
        if alive:
            return dg.SkipReason(f"The run {alive[0].run_id} is at work on {schema.name}.")
        mark = hashlib.sha256(json.dumps(stale, default=str).encode()).hexdigest()[:16]
        runs = context.instance.get_runs(
            dg.RunsFilter(job_name=refresh_job_name(schema), tags={STALE_TAG: mark})
        )
        # The same windows may fall behind again: only what failed since they were last computed.
        tried = list(takewhile(lambda run: run.status != dg.DagsterRunStatus.SUCCESS, runs))
        if len(tried) >= ATTEMPTS:
            return dg.SkipReason(
                f"{_in_words(stale)} stay behind: {len(tried)} runs could not compute them; "
                f"the last, {tried[0].run_id}, says why. When that is mended, launch the job "
                f"{refresh_job_name(schema)}."
            )
        return dg.RunRequest(
            run_key=f"{mark}-{len(runs) + 1}", tags={SCHEMA_TAG: schema.name, STALE_TAG: mark}
        )

    return dg.SensorDefinition(
        name=f"{schema.name}_stale_metrics",
        evaluation_fn=watch,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has metric windows computed that a crash or a change of the YAML left behind.",
    )


def _stale(flow: Flow) -> dict[str, Any]:
    """What has to be computed: {metric: window starts}, and metrics whose definition changed."""
    found: dict[str, Any] = dict(flow.register.windows.stale(flow.schema.name))
    if flow.metrics_changed:
        found["definitions"] = metric_definitions(flow.schema)
    return found


def _in_words(stale: Mapping[str, Any]) -> str:
    windows = {metric: len(starts) for metric, starts in stale.items() if metric != "definitions"}
    return ", ".join(f"{count} windows of {metric}" for metric, count in windows.items()) or (
        "Changed metrics"
    )
