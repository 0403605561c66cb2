"""Dagster's records on open connections: as durable, and in the same place, as on its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import event
from sqlalchemy.pool import Pool

from usage_pipeline.orchestration.batches import UPLOADS_PER_RUN, batches, run_tags
from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.jobs import ingest_job_name
from usage_pipeline.orchestration.storage import OpenEventLog, OpenStorage
from usage_pipeline_tests.workplace import Workplace

ASSET = dg.AssetKey(["api_usage", "raw_upload"])


@dg.op(out=dg.Out(dg.Nothing), config_schema={"partitions": int})
def tell(context):  # type: ignore[no-untyped-def]
    for number in range(context.op_config["partitions"]):
        yield dg.AssetMaterialization(ASSET, partition=str(number))
    yield dg.Output(None)


@dg.job
def telling() -> None:
    tell()


def tell_of(instance: dg.DagsterInstance, partitions: int) -> str:
    config = {
        "ops": {"tell": {"config": {"partitions": partitions}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return telling.execute_in_process(config, instance=instance).run_id


def told(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(ASSET))


@contextmanager
def counted_connections() -> Iterator[list[object]]:
    made: list[object] = []

    def count(connection: object, _record: object) -> None:
        made.append(connection)

    event.listen(Pool, "connect", count)
    try:
        yield made
    finally:
        event.remove(Pool, "connect", count)


def test_the_settings_that_come_along_name_the_storage(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        assert isinstance(instance.event_log_storage, OpenEventLog)


def test_more_events_open_no_more_connections(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        tell_of(instance, 1)
        with counted_connections() as few:
            tell_of(instance, 1)
        with counted_connections() as many:
            tell_of(instance, 50)
    assert len(many) == len(few)


def test_records_lie_where_dagsters_own_storage_finds_them(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        run_id = tell_of(instance, 3)
        assert told(instance) == {"0", "1", "2"}
        own = SqliteEventLogStorage(str(work.folder.dagster_home / "history" / "runs"))
        own.register_instance(instance)
        assert set(own.get_materialized_partitions(ASSET)) == {"0", "1", "2"}
        events = [one.dagster_event_type for one in own.get_logs_for_run(run_id)]
        assert dg.DagsterEventType.RUN_SUCCESS in events


def test_records_of_dagsters_own_storage_are_read_and_added_to(work: Workplace) -> None:
    home = work.folder.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with open_instance(work.folder) as instance:
        assert not isinstance(instance.event_log_storage, OpenEventLog)
        tell_of(instance, 2)
    (home / "dagster.yaml").unlink()
    with open_instance(work.folder) as instance:
        assert isinstance(instance.event_log_storage, OpenEventLog)
        assert told(instance) == {"0", "1"}
        tell_of(instance, 3)
        assert told(instance) == {"0", "1", "2"}


def test_the_page_of_a_run_is_told_of_what_the_runs_process_stores(work: Workplace) -> None:
    tell = """
import sys
from pathlib import Path
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.orchestration.instance import open_instance
with open_instance(DataFolder(Path(sys.argv[1]))) as instance:
    instance.report_engine_event("on its way", instance.get_run_by_id(sys.argv[2]))
    sys.stdin.read()
"""
    seen: Queue[str] = Queue()
    with open_instance(work.folder) as instance:
        run_id = tell_of(instance, 1)
        instance.watch_event_logs(run_id, None, lambda event, _: seen.put(event.message))
        teller = subprocess.Popen(
            [sys.executable, "-c", tell, work.folder.root, run_id], stdin=subprocess.PIPE
        )
        try:
            # While the run's process lives: at its end, files are closed, and so is the question.
            while seen.get(timeout=30) != "on its way":
                pass
        finally:
            teller.kill()
            teller.wait()


def test_a_record_is_there_although_its_process_was_killed(work: Workplace) -> None:
    kill = """
import os, signal, sys
from pathlib import Path
from typing import Any
import dagster as dg
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline_tests.orchestration.test_storage import ASSET
with open_instance(DataFolder(Path(sys.argv[1]))) as instance:
    instance.report_runless_asset_event(dg.AssetMaterialization(ASSET, partition="kept"))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", kill, work.folder.root], check=False)
    assert killed.returncode == -9
    with open_instance(work.folder) as instance:
        assert told(instance) == {"kept"}


def test_what_another_process_records_is_seen_at_once(work: Workplace) -> None:
    with open_instance(work.folder) as mine, open_instance(work.folder) as other:
        tell_of(mine, 1)
        tell_of(other, 2)
        assert told(mine) == {"0", "1"}


def test_each_record_is_synced_before_the_next(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, OpenEventLog)
        with storage.index_connection() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_files_of_at_most_one_run_stay_open(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, OpenEventLog)
        last = [tell_of(instance, 1) for _ in range(3)][-1]
        assert set(storage._open) <= {"index", last}


def test_wiped_records_are_gone_and_new_ones_are_kept(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        tell_of(instance, 2)
        instance.event_log_storage.wipe()
        assert told(instance) == set()
        tell_of(instance, 1)
        assert told(instance) == {"0"}


def test_a_storage_without_instance_has_the_same_place(tmp_path: Path) -> None:
    storage = OpenStorage.from_config_value(None, {"base_dir": str(tmp_path)})  # type: ignore[arg-type]
    assert isinstance(storage.event_log_storage, OpenEventLog)
    assert (tmp_path / "history" / "runs" / "index.db").exists()


def test_closing_twice_does_no_harm(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        tell_of(instance, 1)
        instance.event_log_storage.dispose()
        instance.event_log_storage.dispose()
        assert told(instance) == {"0"}


@contextmanager
def counted_commits(storage: OpenEventLog) -> Iterator[list[object]]:
    made: list[object] = []

    def count(connection: object) -> None:
        made.append(connection)

    with storage.index_connection():
        pass
    engine = storage._open["index"]
    event.listen(engine, "commit", count)
    try:
        yield made
    finally:
        event.remove(engine, "commit", count)


def checks_of(upload: str, passed: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["api_usage", "mapped_events"]),
        check_name="values",
        partition=upload,
        passed=passed,
    )


def test_the_result_of_a_check_is_one_transaction_in_the_index(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, OpenEventLog)
        with counted_commits(storage) as made:
            instance.report_runless_asset_event(checks_of("a", passed=False))
        assert len(made) == 1
        key = dg.AssetCheckKey(dg.AssetKey(["api_usage", "mapped_events"]), "values")
        [record] = storage.get_asset_check_execution_history(key, limit=5)
        assert record.status.value == "FAILED"
        assert record.partition == "a"


def test_events_that_cannot_all_be_stored_leave_none(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        run_id = tell_of(instance, 2)
        storage = instance.event_log_storage
        stored = storage.get_records_for_run(run_id).records
        again = [one.event_log_entry for one in stored][:3]
        broken: Any = None
        with pytest.raises(Exception):  # noqa: B017
            storage.store_event_batch([*again, broken])
        assert len(storage.get_records_for_run(run_id).records) == len(stored)
        assert told(instance) == {"0", "1"}


def test_a_run_of_many_partitions_is_planned_in_few_transactions(work: Workplace) -> None:
    files = [
        work.api_file(f"{n}.csv", f"e{n},acme,2024-10-01T10:00:00Z,10,1.5,us-east")
        for n in range(40)
    ]
    flow = work.flow("api_usage")
    uploads = [receipt.upload.upload for receipt in flow.receive(files, "me")]
    with open_instance(work.folder) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, OpenEventLog)
        definitions = dg.Definitions.merge(schema_definitions(flow.schema), shared_definitions())
        job = definitions.resolve_job_def(ingest_job_name(flow.schema))
        batches(instance, flow.schema, uploads, UPLOADS_PER_RUN)
        with counted_commits(storage) as made:
            instance.create_run_for_job(
                job, tags=run_tags(flow.schema, uploads), asset_selection=job.asset_selection
            )
        assert len(made) < 40
        raw = dg.AssetKey(["api_usage", "raw_upload"])
        planned = [storage.get_latest_planned_materialization_info(raw, one) for one in uploads]
        assert None not in planned
