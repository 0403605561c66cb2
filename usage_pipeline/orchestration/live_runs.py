"""Which runs are alive: a run that lost its process would hold the warehouse's pool for ever.

Dagster's default launcher notices a killed worker only while the code server that started it
lives. So each run holds a lock file from its first step on; the system lets go of it however the
process ends, and whoever finds it free knows.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from usage_pipeline.data_folder import DataFolder

#: A worker that has not come to its first step by then never will.
START_SECONDS = 120.0

_LAUNCHED_BY = ".dagster/grpc_info"
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

#: Held until this process ends: Dagster records a run's end only after its last step.
_held: dict[str, FileLock] = {}


def hold(run_id: str, folder: DataFolder) -> None:
    """Show that this process works on a run, for as long as the process lives."""
    if run_id not in _held:
        path = _lock_file(run_id, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        _held[run_id] = FileLock(path)
        _held[run_id].acquire()


def let_go(run_id: str, folder: DataFolder) -> None:
    """A run that ended before its process does needs no sign of life any more."""
    lock = _held.pop(run_id, None)
    if lock is not None:
        lock.release()
        _lock_file(run_id, folder).unlink(missing_ok=True)


def live_runs(instance: dg.DagsterInstance, folder: DataFolder) -> list[dg.DagsterRun]:
    """Runs that are queued, about to start, or at work; those that are dead are ended first."""
    end_dead_runs(instance, folder)
    return list(
        instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED, *_UNFINISHED]))
    )


def end_dead_runs(instance: dg.DagsterInstance, folder: DataFolder) -> list[str]:
    """Mark runs as failed whose process is gone, and free what they held in the pool."""
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED)):
        run = record.dagster_run
        if _is_dead(record, folder):
            instance.report_run_failed(run, "The process that ran it is gone.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    for path in _locks(folder).glob("*"):
        if path.name in ended or (not _is_held(path) and _is_finished(instance, path.name)):
            path.unlink(missing_ok=True)
    return ended


def _is_dead(record: dg.RunRecord, folder: DataFolder) -> bool:
    path = _lock_file(record.dagster_run.run_id, folder)
    if path.exists():
        # Twice, because a worker makes the file an instant before it locks it.
        return not _is_held(path) and not _is_held(path, wait=0.2)
    launched_by = record.dagster_run.tags.get(_LAUNCHED_BY)
    if launched_by is not None and not _answers(json.loads(launched_by)):
        return True
    since = record.start_time or record.create_timestamp.timestamp()
    return time.time() - since > START_SECONDS and record.dagster_run.status in (
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    )


def _answers(server: dict[str, str | int]) -> bool:
    """Whether the code server that was to start a run is there."""
    try:
        if "socket" in server:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(server["socket"]))
        else:
            address = (str(server["host"]), int(server["port"]))
            socket.create_connection(address, timeout=1).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError:
        return True  # slow is not gone
    return True


def _is_finished(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished


def _is_held(path: Path, wait: float = 0) -> bool:
    time.sleep(wait)
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def _lock_file(run_id: str, folder: DataFolder) -> Path:
    return _locks(folder) / run_id


def _locks(folder: DataFolder) -> Path:
    return folder.root / "warehouse" / "processes"
