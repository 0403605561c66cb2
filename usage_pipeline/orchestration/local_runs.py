"""Runs in this process, recorded in the Dagster instance like any other: what commands launch."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterInvalidInvocationError
from filelock import FileLock, Timeout
from sqlalchemy.exc import IntegrityError

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.jobs import confirm_job_name, ingest_job_name
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.schema import EventSchema

#: More uploads make one run's page, and what a crash repeats, needlessly large.
UPLOADS_PER_RUN = 200

_ALIVE_TAG = "usage_pipeline/process"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class RunReport:
    """One finished run; `problems` says in words what failed, empty when nothing did."""

    run_id: str
    problems: tuple[str, ...]


@contextmanager
def open_instance(folder: DataFolder) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the data folder; runs that died with their process are ended."""
    home = folder.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    with ExitStack() as stack:
        # Two processes that make Dagster's databases at the same moment fail each other.
        with FileLock(home / ".opening"):
            _install_settings(home)
            instance = stack.enter_context(dg.DagsterInstance.get())
            end_dead_runs(instance, folder)
        yield instance


def run_ingest(
    instance: dg.DagsterInstance, folder: DataFolder, schema: EventSchema, uploads: Sequence[str]
) -> list[RunReport]:
    """Take uploads through the job that the UI launches, many in one run."""
    name = upload_partitions(schema).name
    assert name is not None
    _add_partitions(instance, name, uploads)
    return [
        _execute(
            instance,
            folder,
            schema,
            ingest_job_name(schema),
            {_RANGE_START: keys[0], _RANGE_END: keys[-1]},
            partition_key=keys[0] if len(keys) == 1 else None,
        )
        for keys in contiguous(instance.get_dynamic_partitions(name), uploads, UPLOADS_PER_RUN)
    ]


def run_confirm(
    instance: dg.DagsterInstance,
    folder: DataFolder,
    schema: EventSchema,
    upload: str,
    by: str,
    note: str,
) -> RunReport:
    """Confirm an upload by the job that the UI launches on its partition."""
    config = {"ops": {f"{schema.name}_confirm": {"config": {"by": by, "note": note}}}}
    job = confirm_job_name(schema)
    # Dagster's home can be lost; the register knows the upload all the same.
    _add_partitions(instance, upload_partitions(schema).name or "", [upload])
    return _execute(instance, folder, schema, job, {}, partition_key=upload, config=config)


def contiguous(ordered: Sequence[str], wanted: Sequence[str], most: int) -> list[list[str]]:
    """Split `wanted` into runs of neighbours in `ordered`, at most `most` in each.

    Dagster names the partitions of a run by the first and the last key, in the order in which
    the keys were added; whatever lies between would run too.
    """
    place = {key: index for index, key in enumerate(ordered)}
    groups: list[list[str]] = []
    for key in sorted(wanted, key=place.__getitem__):
        last = groups[-1] if groups else []
        if last and len(last) < most and place[key] == place[last[-1]] + 1:
            last.append(key)
        else:
            groups.append([key])
    return groups


def end_dead_runs(instance: dg.DagsterInstance, folder: DataFolder) -> list[str]:
    """Mark runs as failed whose process is gone: Dagster watches only what its daemon launched."""
    unfinished = instance.get_runs(
        dg.RunsFilter(
            statuses=[
                dg.DagsterRunStatus.NOT_STARTED,
                dg.DagsterRunStatus.STARTING,
                dg.DagsterRunStatus.STARTED,
                dg.DagsterRunStatus.CANCELING,
            ]
        )
    )
    ended = []
    for run in unfinished:
        alive = run.tags.get(_ALIVE_TAG)
        if alive is None or _is_held(_process_locks(folder) / alive):
            continue
        instance.report_run_failed(run, "The process that ran it is gone. Ingest again to go on.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        (_process_locks(folder) / alive).unlink(missing_ok=True)
        ended.append(run.run_id)
    return ended


def _execute(
    instance: dg.DagsterInstance,
    folder: DataFolder,
    schema: EventSchema,
    job: str,
    tags: dict[str, str],
    partition_key: str | None,
    config: dict[str, Any] | None = None,
) -> RunReport:
    definitions = dg.Definitions.merge(schema_definitions(schema), shared_definitions())
    with _sign_of_life(folder) as alive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_config={**(config or {}), **_QUIET},
            partition_key=partition_key,
            tags={_ALIVE_TAG: alive, "usage_pipeline/schema": schema.name}
            | (tags if partition_key is None else {}),
            raise_on_error=False,
        )
    problems = [
        _in_words(event)
        for event in result.all_events
        if event.is_step_failure or event.event_type == dg.DagsterEventType.RUN_FAILURE
    ]
    return RunReport(result.run_id, () if result.success else tuple(problems[:1]))


def _in_words(event: dg.DagsterEvent) -> str:
    data = event.event_specific_data
    told = getattr(data, "user_failure_data", None)
    if told is not None and told.description:
        return str(told.description)
    error = getattr(data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else event.message or "the run failed"


def _add_partitions(instance: dg.DagsterInstance, name: str, keys: Sequence[str]) -> None:
    for _ in range(10):
        try:
            instance.add_dynamic_partitions(name, list(keys))
        except (IntegrityError, DagsterInvalidInvocationError):
            continue  # another process added one of them at the same moment
        return
    raise RuntimeError(f"could not add partitions to {name}")


@contextmanager
def _sign_of_life(folder: DataFolder) -> Iterator[str]:
    """A lock held as long as this process lives; the system lets go of it however it ends."""
    locks = _process_locks(folder)
    locks.mkdir(parents=True, exist_ok=True)
    name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with FileLock(locks / name):
        yield name
    (locks / name).unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def _process_locks(folder: DataFolder) -> Path:
    return folder.root / "warehouse" / "processes"


def _install_settings(home: Path) -> None:
    """A data folder elsewhere gets the project's `dagster.yaml`: without it nothing is safe."""
    settings = home / "dagster.yaml"
    if not settings.exists():
        shipped = Path(__file__).parents[2] / "data" / "dagster_home" / "dagster.yaml"
        settings.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
