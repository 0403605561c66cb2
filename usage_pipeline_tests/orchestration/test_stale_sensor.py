"""Metric windows that fell behind are computed, whatever they fell behind for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from usage_pipeline.orchestration.build import schema_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.dropping import drop, look_fast, take, usage, work_off
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.orchestration.ticking import STALE, asked, execute, launch, words
from usage_pipeline_tests.workplace import Workplace

REFRESH = "api_usage_refresh_metrics"
FAILURE = dg.DagsterRunStatus.FAILURE
IN_STEP = "Every metric value follows from the ingestion table."


def day(number: int) -> datetime:
    return datetime(2024, 10, number, tzinfo=UTC)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    look_fast(monkeypatch)
    with memory_folder() as folder:
        yield workplace(folder, monkeypatch)


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


@pytest.fixture
def ingested(work: Workplace) -> None:
    """An upload whose events are in, and counted in the metrics."""
    drop(work, "a.csv", usage("e1"))
    take(work)
    work_off(work.flow())


def ingest_only(work: Workplace, name: str, day: int) -> None:
    """Events come in, and the run dies before it computes their windows."""
    drop(work, name, usage(name, day))
    take(work)
    flow = work.flow()
    flow.open_ledger()
    list(flow.check(flow.register.uploads("api_usage", ["received"])))
    with flow.warehouse.open() as connection:
        list(flow.settle(connection, []))


def mark_stale(work: Workplace, *days: int) -> None:
    work.register.windows.mark("api_usage", {"api_calls": [day(number) for number in days]})


def change_metric(work: Workplace, before: str, after: str) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    assert before in yaml
    work.describe("api_usage", yaml.replace(before, after))


def calls(work: Workplace) -> list[tuple[str, int]]:
    """The metric `api_calls`: {day: value}."""
    return [
        (row["window_start"][:10], int(row["value"]))
        for row in work.listing("metrics", "api_calls", "--schema", "api_usage")
    ]


class TestNothingToDo:
    def test_nothing_ingested_asks_for_nothing(self, instance: dg.DagsterInstance) -> None:
        assert words(instance, STALE) == IN_STEP

    @pytest.mark.usefixtures("ingested")
    def test_nothing_stale_asks_for_nothing(self, instance: dg.DagsterInstance) -> None:
        assert words(instance, STALE) == IN_STEP

    def test_what_is_stale_for_another_schema_is_its_own(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        work.register.windows.mark("focus_usage", {"charges": [day(1)]})
        assert words(instance, STALE) == IN_STEP

    def test_looking_opens_no_warehouse(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        mark_stale(work, 1)
        asked(instance, STALE)
        assert not work.folder.warehouse.exists()


class TestStaleWindows:
    def test_a_run_is_asked_for(self, work: Workplace, instance: dg.DagsterInstance) -> None:
        mark_stale(work, 1)
        [request] = asked(instance, STALE)
        assert request.tags["usage_pipeline/schema"] == "api_usage"

    def test_the_run_computes_what_a_crash_left_behind(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        ingest_only(work, "a.csv", 1)
        [request] = asked(instance, STALE)
        assert execute(work, instance, request, REFRESH)
        assert calls(work) == [("2024-10-01", 10)]

    def test_then_nothing_is_left_to_do(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        ingest_only(work, "a.csv", 1)
        execute(work, instance, asked(instance, STALE)[0], REFRESH)
        assert work.register.windows.stale("api_usage") == {}
        assert words(instance, STALE) == IN_STEP

    def test_the_windows_show_up_as_materialized(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        ingest_only(work, "a.csv", 1)
        execute(work, instance, asked(instance, STALE)[0], REFRESH)
        metric = dg.AssetKey(["api_usage", "api_calls"])
        assert instance.get_materialized_partitions(metric) == {"2024-10-01"}

    def test_a_run_that_is_at_work_on_the_schema_is_let_finish(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        mark_stale(work, 1)
        run = launch(instance, dg.RunRequest(partition_key="u001"))
        assert words(instance, STALE) == f"The run {run.run_id} is at work on api_usage."

    def test_a_run_of_another_schema_holds_up_nothing(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        mark_stale(work, 1)
        launch(instance, dg.RunRequest(job_name="focus_usage_ingest", partition_key="u001"))
        assert len(asked(instance, STALE)) == 1


class TestFailures:
    def fail_three_times(self, instance: dg.DagsterInstance) -> dg.DagsterRun:
        for _ in range(3):
            [request] = asked(instance, STALE)
            run = launch(instance, request, FAILURE, REFRESH)
        return run

    def test_every_try_has_a_key_of_its_own(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        mark_stale(work, 1)
        keys = set()
        for _ in range(3):
            [request] = asked(instance, STALE)
            keys.add(request.run_key)
            launch(instance, request, FAILURE, REFRESH)
        assert len(keys) == 3

    def test_a_request_that_no_run_came_of_keeps_its_key(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        mark_stale(work, 1)
        assert asked(instance, STALE)[0].run_key == asked(instance, STALE)[0].run_key

    def test_after_three_it_stops_and_says_so(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        mark_stale(work, 1, 2)
        last = self.fail_three_times(instance)
        told = words(instance, STALE)
        assert told.startswith("2 windows of api_calls stay behind: 3 runs could not compute them")
        assert last.run_id in told
        assert REFRESH in told

    def test_another_stale_window_starts_it_again(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        mark_stale(work, 1)
        self.fail_three_times(instance)
        mark_stale(work, 2)
        assert len(asked(instance, STALE)) == 1

    def test_a_window_that_falls_behind_ever_again_is_computed_ever_again(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        ingest_only(work, "a.csv", 1)
        keys = set()
        for _ in range(5):
            [request] = asked(instance, STALE)
            keys.add(request.run_key)
            assert execute(work, instance, request, REFRESH)
            mark_stale(work, 1)
        assert len(keys) == 5

    def test_failures_before_a_success_do_not_count(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        ingest_only(work, "a.csv", 1)
        windows = work.register.windows.stale("api_usage")
        for _ in range(2):
            launch(instance, asked(instance, STALE)[0], FAILURE, REFRESH)
        assert execute(work, instance, asked(instance, STALE)[0], REFRESH)
        work.register.windows.mark("api_usage", windows)
        launch(instance, asked(instance, STALE)[0], FAILURE, REFRESH)
        assert len(asked(instance, STALE)) == 1


@pytest.mark.usefixtures("ingested")
class TestChangesOfTheYaml:
    def test_a_changed_metric_is_computed_anew(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        change_metric(work, "{aggregation: sum, field: api_call_count", "{aggregation: count")
        [request] = asked(instance, STALE)
        assert execute(work, instance, request, REFRESH)
        assert calls(work) == [("2024-10-01", 1)]

    def test_then_nothing_is_left_to_do(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        change_metric(work, "window: day, group_by: [region]", "window: month")
        execute(work, instance, asked(instance, STALE)[0], REFRESH)
        assert words(instance, STALE) == IN_STEP

    def test_a_new_metric_is_computed(self, work: Workplace, instance: dg.DagsterInstance) -> None:
        change_metric(
            work, "  metrics:\n", "  metrics:\n    events: {aggregation: count, window: day}\n"
        )
        execute(work, instance, asked(instance, STALE)[0], REFRESH)
        [row] = work.listing("metrics", "events", "--schema", "api_usage")
        assert row["value"] == 1

    def test_a_removed_metric_is_noticed_and_forgotten(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
        kept = [line for line in yaml.splitlines() if "peak_storage:" not in line]
        work.describe("api_usage", "\n".join(kept) + "\n")
        [request] = asked(instance, STALE)
        assert execute(work, instance, request, REFRESH)
        assert words(instance, STALE) == IN_STEP

    def test_a_metric_that_comes_back_counts_what_came_meanwhile(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
        kept = [line for line in yaml.splitlines() if "api_calls:" not in line]
        work.describe("api_usage", "\n".join(kept) + "\n")
        execute(work, instance, asked(instance, STALE)[0], REFRESH)
        drop(work, "b.csv", usage("e2", 2))
        take(work)
        work_off(work.flow())
        work.describe("api_usage", yaml)
        execute(work, instance, asked(instance, STALE)[0], REFRESH)
        assert calls(work) == [("2024-10-01", 10), ("2024-10-02", 10)]

    def test_another_description_is_no_change(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        change_metric(work, "API calls per day and region", "Calls")
        assert words(instance, STALE) == IN_STEP

    def test_failures_of_a_changed_metric_end_too(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        change_metric(work, "window: day, group_by: [region]", "window: month")
        for _ in range(3):
            launch(instance, asked(instance, STALE)[0], FAILURE, REFRESH)
        assert words(instance, STALE).startswith("Changed metrics stay behind: 3 runs")


def test_the_sensor_runs_unless_somebody_stops_it(work: Workplace) -> None:
    sensors = schema_definitions(work.flow().schema).sensors or []
    [found] = [one for one in sensors if isinstance(one, dg.SensorDefinition) and one.name == STALE]
    assert found.default_status == dg.DefaultSensorStatus.RUNNING
