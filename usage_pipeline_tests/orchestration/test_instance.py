"""The Dagster instance: its settings are correctness, dead runs end, many commands at once work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from usage_pipeline.data_folder import PROJECT
from usage_pipeline.orchestration.batches import contiguous
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.live_runs import end_dead_runs, hold, let_go
from usage_pipeline_tests.workplace import Workplace

COMMAND = Path(sys.executable).parent / "usage-pipeline"


def settings() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = yaml.safe_load(
        (PROJECT / "data" / "dagster_home" / "dagster.yaml").read_text()
    )
    return found


def test_the_pool_has_a_limit_of_one_run() -> None:
    # Without a limit a pool does nothing: 4 of 6 runs failed on the file lock.
    assert settings()["concurrency"]["pools"] == {"default_limit": 1, "granularity": "run"}


def test_slots_of_killed_runs_come_free() -> None:
    monitoring = settings()["run_monitoring"]
    assert monitoring["enabled"] is True
    assert monitoring["free_slots_after_run_end_seconds"] == 5


def test_nothing_is_sent_home() -> None:
    assert settings()["telemetry"]["enabled"] is False
    assert settings()["nux"]["enabled"] is False


def test_queued_runs_start_within_a_second() -> None:
    config = settings()["run_coordinator"]["config"]
    assert config == {"dequeue_interval_seconds": 1}


def test_ticks_are_not_kept_for_ever() -> None:
    assert set(settings()["retention"]) == {"sensor", "schedule"}


def test_dagster_takes_the_settings(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled


def test_steps_run_in_process_and_in_the_pool_of_the_warehouse() -> None:
    from usage_pipeline.definitions import defs

    definitions = defs()
    assert definitions.executor is dg.in_process_executor
    made = [one for one in definitions.resolve_asset_graph().assets_defs if one.is_executable]
    assert made
    for asset in made:
        assert asset.op.pool == "warehouse"


def test_a_run_whose_process_was_killed_is_ended_by_the_next_command(work: Workplace) -> None:
    kill = """
import os, signal, sys
from usage_pipeline.register.decisions import Decisions
Decisions.committing = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from usage_pipeline.cli import main
sys.argv = ["usage-pipeline", "ingest", sys.argv[1], "--schema", "api_usage"]
main()
"""
    file = work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east")
    killed = subprocess.run([sys.executable, "-c", kill, file], check=False, capture_output=True)
    assert killed.returncode == -9
    os.environ["DAGSTER_HOME"] = str(work.folder.dagster_home)
    with dg.DagsterInstance.get() as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]
    [row] = work.ingest(file)
    assert row["state"] == "ingested"
    with dg.DagsterInstance.get() as instance:
        assert [run.status for run in instance.get_runs()] == [
            dg.DagsterRunStatus.SUCCESS,
            dg.DagsterRunStatus.FAILURE,
        ]


def test_a_run_that_is_alive_is_left_alone(work: Workplace) -> None:
    with open_instance(work.folder) as instance:
        run = instance.create_run_for_job(_job(), status=dg.DagsterRunStatus.STARTED)
        hold(run.run_id, work.folder)
        assert end_dead_runs(instance, work.folder) == []
        let_go(run.run_id, work.folder)
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED  # type: ignore[union-attr]


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def idle() -> None:
        nothing()

    return idle


@pytest.mark.slow
def test_eight_ingests_at_once_all_succeed(work: Workplace) -> None:
    shared = "both,acme,2024-10-01T10:00:00Z,1,1,us-east"
    files = [
        work.api_file(f"{n}.csv", f"e{n},acme,2024-10-0{n}T10:00:00Z,10,1.5,us-east", shared)
        for n in range(1, 9)
    ]
    running = [
        subprocess.Popen(
            [COMMAND, "ingest", file, "--schema", "api_usage", "--format", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for file in files
    ]
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert '"state": "ingested"' in out
    assert len(work.listing("events", "--schema", "api_usage")) == 9
    assert sum(row["value"] for row in work.listing("metrics", "api_calls")) == 81
    assert work.run("verify").exit_code == 0


def test_a_run_names_neighbours_only() -> None:
    ordered = ["a", "b", "c", "d", "e"]
    assert contiguous(ordered, ["a", "b", "d"], most=10) == [["a", "b"], ["d"]]
    assert contiguous(ordered, ["e", "a", "c", "b", "d"], most=2) == [["a", "b"], ["c", "d"], ["e"]]
    assert contiguous(ordered, [], most=2) == []
