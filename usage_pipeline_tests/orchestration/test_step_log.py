"""The log of a step says how far long work is, and nothing of what is soon done."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from usage_pipeline.orchestration.build import schema_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.live_runs import let_go
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.resources import UsageWarehouse
from usage_pipeline.orchestration.step_log import LARGE_BYTES, StepLog
from usage_pipeline.reading import Advance
from usage_pipeline_tests.workplace import Workplace

PHASES = ("reading", "checking", "ingesting", "computing metrics")


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


def logged(
    work: Workplace, instance: dg.DagsterInstance, warehouse: UsageWarehouse
) -> tuple[str, list[str]]:
    """A run over a file of two rows: (upload, what its step says of how far it is)."""
    flow = work.flow()
    rows = [f"e{number},acme,2024-10-01T10:00:00Z,1,1.5,us-east" for number in (1, 2)]
    [receipt] = flow.receive([work.api_file("october.csv", *rows)], by="a test")
    key = receipt.upload.upload
    instance.add_dynamic_partitions(upload_partitions(flow.schema).name or "", [key])
    known = dg.Definitions.merge(
        schema_definitions(flow.schema),
        dg.Definitions(resources={"warehouse": warehouse}, executor=dg.in_process_executor),
    )
    result = known.resolve_job_def("api_usage_ingest").execute_in_process(
        instance=instance, partition_key=key
    )
    let_go(result.run_id, work.folder)
    assert work.upload(key).state == "ingested"
    # What Dagster itself tells has an event.
    log = instance.all_logs(result.run_id)
    return key, [entry.user_message for entry in log if entry.dagster_event is None]


def test_a_run_says_in_its_log_how_far_it_is(work: Workplace, instance: dg.DagsterInstance) -> None:
    warehouse = UsageWarehouse(
        database=str(work.folder.warehouse),
        data_folder=str(work.data),
        log_first_seconds=0,
        log_every_seconds=0,
    )
    key, lines = logged(work, instance, warehouse)
    assert any(line.startswith(f"{key}: 100 % read, 2 rows, ") for line in lines)
    assert f"{key}: checking 2 rows" in lines
    assert f"{key}: ingesting 2 rows" in lines
    assert lines[-1] == "api_usage: computing metrics"


def test_a_small_file_leaves_no_line(work: Workplace, instance: dg.DagsterInstance) -> None:
    _, lines = logged(work, instance, UsageWarehouse.current())
    assert lines == []


def reading(done: int) -> Advance:
    return Advance("october.csv-1", "reading", done, 100, 1_234_567 * done)


def test_after_one_line_the_next_waits_for_its_time() -> None:
    said: list[str] = []
    log = StepLog(said.append, first=0, every=1000)
    for done in range(100):
        log(reading(done))
    assert len(said) == 1
    assert said[0].startswith("october.csv-1: 1 % read, 1,234,567 rows, ")


def test_before_its_time_there_is_none() -> None:
    said: list[str] = []
    log = StepLog(said.append, first=1000, every=0)
    for done in range(100):
        log(reading(done))
    log(Advance("october.csv-1", "checking", 100, 100, 5))
    log(Advance("api_usage", "computing metrics"))
    assert said == []


def test_phases_of_a_large_file_are_named_when_they_begin() -> None:
    said: list[str] = []
    log = StepLog(said.append)
    log(Advance("october.csv-1", "checking", LARGE_BYTES, LARGE_BYTES, 3_000_000))
    log(Advance("october.csv-1", "ingesting", LARGE_BYTES, LARGE_BYTES, 3_000_000))
    log(Advance("api_usage", "computing metrics"))
    assert said == [
        "october.csv-1: checking 3,000,000 rows",
        "october.csv-1: ingesting 3,000,000 rows",
        "api_usage: computing metrics",
    ]


def test_a_name_cannot_forge_a_line() -> None:
    said: list[str] = []
    StepLog(said.append, first=0)(Advance("a\nb", "reading", 1, 2, 3))
    assert "\n" not in said[0]
