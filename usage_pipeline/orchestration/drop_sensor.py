"""The watched folder: a sensor per schema takes what was dropped and asks for runs.

Every tick compares what lies in the folder, what the register says and which runs are alive; it
remembers nothing. So nothing is lost with a tick, a run or a machine: the next tick goes on.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.target import ExecutableDefinition

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.intake.drop_folder import NOT_TAKEN
from usage_pipeline.intake.notes import one_line
from usage_pipeline.intake.take import Large, TakenElsewhere
from usage_pipeline.intake.unknown_folders import tell_unknown_folders
from usage_pipeline.orchestration.ask import ask_for_runs
from usage_pipeline.orchestration.batches import SCHEMA_TAG
from usage_pipeline.orchestration.jobs import (
    FILES_PER_RUN,
    take_job_name,
)
from usage_pipeline.orchestration.live_runs import live_runs
from usage_pipeline.outcomes import tell_outcomes
from usage_pipeline.schema import EventSchema

#: Dagster looks every 5 seconds at which sensors are due. An interval of 5 would often miss that
#: by milliseconds, and come every 10.
INTERVAL_SECONDS = 4

#: What one tick does at most: Dagster ends a tick from outside after 60 seconds.
TAKE_SECONDS = 10.0
TELL_SECONDS = 3.0

#: How long after a failure to archive large files (a full disk, say) until the next try.
RETRY_SECONDS = 60.0

_NAMED = 20


class DropFolderTrouble(RuntimeError):
    """Something about the drop folder that a person must mend; the tick is red."""


@dataclass(slots=True)
class Remarks:
    """What a tick has to say."""

    done: list[str] = field(default_factory=list)
    left_alone: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        named = [one_line(f"{name}: {why}") for name, why in list(self.left_alone.items())[:_NAMED]]
        more = len(self.left_alone) - len(named)
        left = ["Left alone: " + "; ".join(named) + (f"; and {more} more" if more > 0 else "")]
        return "\n".join([*self.troubles, *self.done, *(left if named else [])])


def drop_sensor_name(schema: str) -> str:
    return f"{schema}_drop_folder"


def drop_sensor(schema: EventSchema, jobs: Sequence[ExecutableDefinition]) -> dg.SensorDefinition:
    """Watches `drop/<schema>/`; `jobs` are the schema's ingest job and take job."""

    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        flow, remarks = Flow(schema, DataFolder.current()), Remarks()
        # The living first: what ends after this look has its outcome in the register by then.
        alive = live_runs(context.instance, flow.folder)
        requests = _take(context.instance, flow, alive, remarks)
        _look_beside(context, flow, remarks)
        if (problem := flow.customers_problem()) is not None:
            remarks.troubles.append(problem)
        requests += ask_for_runs(context.instance, flow, alive, remarks.done)
        try:
            tell_outcomes(flow, TELL_SECONDS)
        except OSError as error:
            remarks.troubles.append(f"A note for ops cannot be written: {error}")
        return _result(context, flow, requests, remarks)

    return dg.SensorDefinition(
        name=drop_sensor_name(schema.name),
        evaluation_fn=watch,
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Takes complete files from drop/{schema.name}/ and has them ingested.",
    )


def _take(
    instance: dg.DagsterInstance, flow: Flow, alive: Sequence[dg.DagsterRun], remarks: Remarks
) -> list[dg.RunRequest]:
    """Take files; asks for a run to take those that are too large for a tick."""
    job = take_job_name(flow.schema)
    failed_lately = _failed_lately(instance, job)
    large: Large = "pass over" if failed_lately else "wait"
    try:
        flow.drop_folder.mkdir(exist_ok=True)
        (flow.drop_folder / NOT_TAKEN).unlink(missing_ok=True)
        taken = flow.take_dropped(most=FILES_PER_RUN, seconds=TAKE_SECONDS, large=large)
    except TakenElsewhere as elsewhere:
        remarks.done.append(f"{elsewhere}.")
        return []
    except OSError as error:
        remarks.troubles.append(f"Files cannot be taken from {flow.drop_folder}: {error}")
        return []
    remarks.left_alone |= taken.left_alone
    if taken.receipts:
        remarks.done.append(f"{len(taken.receipts)} files taken.")
    if taken.waiting:
        remarks.done.append(f"{taken.waiting} more wait for the next ticks.")
    if not taken.large:
        return []
    if failed_lately:
        remarks.done.append(f"{taken.large[0]} is large; its last run failed, another follows.")
        return []
    remarks.done.append(f"{taken.large[0]} is large, and is taken in a run of its own.")
    if any(run.job_name == job for run in alive):
        return []
    return [dg.RunRequest(job_name=job, tags={SCHEMA_TAG: flow.schema.name})]


def _failed_lately(instance: dg.DagsterInstance, job: str) -> bool:
    last = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    return bool(
        last
        and last[0].dagster_run.status == dg.DagsterRunStatus.FAILURE
        and time.time() - (last[0].end_time or 0) < RETRY_SECONDS
    )


def _look_beside(context: dg.SensorEvaluationContext, flow: Flow, remarks: Remarks) -> None:
    repository = context.repository_def
    if repository is None:
        return
    try:
        remarks.left_alone |= tell_unknown_folders(
            flow.folder.drop, lambda name: repository.has_sensor_def(drop_sensor_name(name))
        )
    except OSError as error:
        remarks.troubles.append(f"{flow.folder.drop} cannot be looked at: {error}")


def _result(
    context: dg.SensorEvaluationContext,
    flow: Flow,
    requests: list[dg.RunRequest],
    remarks: Remarks,
) -> dg.SensorResult | dg.SkipReason:
    """Requests go out whatever else there is; without any, trouble turns the tick red."""
    if requests:
        # A tick with requests has no other place for words than its log.
        context.log.info("%s", remarks)
        return dg.SensorResult(run_requests=requests)
    if remarks.troubles:
        raise DropFolderTrouble(str(remarks))
    return dg.SkipReason(str(remarks) or f"Nothing lies in {flow.drop_folder}.")
