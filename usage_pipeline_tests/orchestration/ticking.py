"""Sensors, ticked as the daemon does, and the runs that the daemon would make of what they ask."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import RUN_KEY_TAG

from usage_pipeline.orchestration.batches import PARTITION
from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.live_runs import let_go
from usage_pipeline.schema import load_schemas
from usage_pipeline_tests.workplace import Workplace

DROPS = "api_usage_drop_folder"
STALE = "api_usage_stale_metrics"


def definitions() -> dg.Definitions:
    """What the code location holds, with the schemas as they are described now."""
    found = [schema_definitions(schema) for schema in load_schemas().values()]
    return dg.Definitions.merge(*found, shared_definitions())


def tick(instance: dg.DagsterInstance, sensor: str = DROPS) -> SensorExecutionData:
    """What a sensor answers.

    Raises what the sensor raises: the tick is red then.
    """
    known = definitions()
    with (
        partition_loading_context(dynamic_partitions_store=instance),
        dg.build_sensor_context(
            instance=instance, repository_def=known.get_repository_def()
        ) as context,
    ):
        return known.resolve_sensor_def(sensor).evaluate_tick(context)


def asked(instance: dg.DagsterInstance, sensor: str = DROPS) -> list[dg.RunRequest]:
    """The runs that a tick asks for."""
    return list(tick(instance, sensor).run_requests or [])


def words(instance: dg.DagsterInstance, sensor: str = DROPS) -> str:
    """What a tick says that asks for nothing."""
    found = tick(instance, sensor)
    assert not found.run_requests
    return found.skip_message or ""


def launch(
    instance: dg.DagsterInstance,
    request: dg.RunRequest,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.QUEUED,
    job: str = "api_usage_ingest",
) -> dg.DagsterRun:
    """The run that the daemon makes of a request, in whatever state it has come to."""
    tags = dict(request.tags)
    if request.run_key is not None:
        tags[RUN_KEY_TAG] = request.run_key
    if request.partition_key is not None:
        tags[PARTITION] = request.partition_key
    known = definitions().resolve_job_def(request.job_name or job)
    begun = dg.DagsterRunStatus.STARTED if status == dg.DagsterRunStatus.FAILURE else status
    # A run that waits in the queue must say from where it is to be loaded.
    location = RegisteredCodeLocationOrigin("usage_pipeline")
    origin = RemoteRepositoryOrigin(location, "__repository__").get_job_origin(known.name)
    run = instance.create_run_for_job(
        known,
        tags=tags,
        status=begun,
        remote_job_origin=origin,
    )
    if status == dg.DagsterRunStatus.FAILURE:
        instance.report_run_failed(run, "out of memory")
    return run


def fail(instance: dg.DagsterInstance, requests: Sequence[dg.RunRequest]) -> None:
    """Have the runs asked for come to nothing."""
    for request in requests:
        launch(instance, request, dg.DagsterRunStatus.FAILURE)


def execute(
    work: Workplace,
    instance: dg.DagsterInstance,
    request: dg.RunRequest,
    job: str = "api_usage_ingest",
) -> bool:
    """Do a run that was asked for; returns whether it went well."""
    tags = dict(request.tags)
    if request.run_key is not None:
        tags[RUN_KEY_TAG] = request.run_key
    result = (
        definitions()
        .resolve_job_def(request.job_name or job)
        .execute_in_process(
            instance=instance,
            partition_key=request.partition_key,
            tags=tags,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    )
    let_go(result.run_id, work.folder)
    return bool(result.success)
