"""Runs in this process, recorded in the Dagster instance like any other: what commands launch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.utils import make_new_run_id

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.orchestration.batches import (
    SCHEMA_TAG,
    UPLOADS_PER_RUN,
    batches,
    name_tags,
    run_tags,
)
from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import add_partitions
from usage_pipeline.orchestration.jobs import ingest_job_name, refresh_job_name
from usage_pipeline.orchestration.live_runs import hold, let_go
from usage_pipeline.orchestration.map_job import map_job_name, map_op_name
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.review_jobs import Step, review_job_name, review_op_name
from usage_pipeline.orchestration.run_problems import in_words
from usage_pipeline.schema import EventSchema

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class RunReport:
    """One finished run; `problems` says in words what failed, empty when nothing did."""

    run_id: str
    problems: tuple[str, ...]


def run_ingest(
    instance: dg.DagsterInstance, folder: DataFolder, schema: EventSchema, uploads: Sequence[str]
) -> list[RunReport]:
    """Take uploads through the job that the UI launches, many in one run."""
    return [
        _execute(instance, folder, schema, ingest_job_name(schema), keys)
        for keys in batches(instance, schema, uploads, UPLOADS_PER_RUN)
    ]


def run_decision(
    instance: dg.DagsterInstance,
    folder: DataFolder,
    schema: EventSchema,
    step: Step,
    upload: str,
    words: Mapping[str, str],
) -> RunReport:
    """Decide on an upload by the job that the UI launches on its partition; see `review_jobs`."""
    config = {"ops": {review_op_name(schema, step): {"config": dict(words)}}}
    # Dagster's home can be lost; the register knows the upload all the same.
    add_partitions(instance, upload_partitions(schema), [upload])
    return _execute(instance, folder, schema, review_job_name(schema, step), [upload], config)


def run_map(
    instance: dg.DagsterInstance,
    folder: DataFolder,
    schema: EventSchema,
    upload: str,
    config: Mapping[str, Any],
) -> RunReport:
    """Map an upload by the job that the UI launches on its partition; see `map_job.ByPerson`."""
    add_partitions(instance, upload_partitions(schema), [upload])
    ops = {"ops": {map_op_name(schema): {"config": dict(config)}}}
    return _execute(instance, folder, schema, map_job_name(schema), [upload], ops)


def run_settle(
    instance: dg.DagsterInstance, folder: DataFolder, schema: EventSchema, uploads: Sequence[str]
) -> RunReport:
    """Have the ledger follow what is decided, on `uploads` and any others, metrics included."""
    add_partitions(instance, upload_partitions(schema), uploads)
    tags = name_tags(schema, uploads) if uploads else {SCHEMA_TAG: schema.name}
    return _execute(instance, folder, schema, refresh_job_name(schema), (), tags=tags)


def _execute(
    instance: dg.DagsterInstance,
    folder: DataFolder,
    schema: EventSchema,
    job: str,
    uploads: Sequence[str],
    config: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> RunReport:
    definitions = dg.Definitions.merge(schema_definitions(schema), shared_definitions())
    run_id = make_new_run_id()
    hold(run_id, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = definitions.resolve_job_def(job).execute_in_process(
                run_id=run_id,
                instance=instance,
                run_config={**(config or {}), **_QUIET},
                partition_key=uploads[0] if len(uploads) == 1 else None,
                tags=run_tags(schema, uploads) if uploads else tags,
                raise_on_error=False,
            )
    finally:
        let_go(run_id, folder)
    problems = [
        in_words(event)
        for event in result.all_events
        if event.is_step_failure or event.event_type == dg.DagsterEventType.RUN_FAILURE
    ]
    return RunReport(result.run_id, () if result.success else tuple(problems[:1]))
