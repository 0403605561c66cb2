"""The check `confirmation` fails on just the uploads that wait for a person."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from usage_pipeline.orchestration.confirmation_check import confirmation_specs
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline_tests.cli.undoing import change_yaml
from usage_pipeline_tests.orchestration.pressing import MAPPED, bad, good, launch
from usage_pipeline_tests.workplace import Workplace

BY = ("--by", "Rita", "--reason", "because")


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    change_yaml(work, "confirm: automatic", "confirm: manual")
    with open_instance(work.folder) as opened:
        yield opened


def waiting(instance: dg.DagsterInstance, *uploads: str) -> set[str]:
    """The uploads on which the check failed last."""
    key = dg.AssetCheckKey(MAPPED, "confirmation")
    found = set()
    for upload in uploads:
        [record] = instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, partition_filter=PartitionKeyFilter(key=upload)
        )
        if record.status is AssetCheckExecutionRecordStatus.FAILED:
            found.add(upload)
    return found


def test_it_lists_what_passed_and_not_what_failed(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    rows = work.ingest(good(work, "good.csv"), bad(work, "bad.csv"))
    passed, failed = (row["upload"] for row in rows)
    assert waiting(instance, passed, failed) == {passed}


@pytest.mark.parametrize("step", ["confirm", "refuse"])
def test_a_decision_in_the_launchpad_takes_it_off(
    work: Workplace, instance: dg.DagsterInstance, step: str
) -> None:
    [row] = work.ingest(good(work, "good.csv"))
    words = {"note": "fine"} if step == "confirm" else {"reason": "wrong"}
    assert launch(instance, step, row["upload"], by="Rita", **words).success
    assert waiting(instance, row["upload"]) == set()


def test_decisions_on_a_terminal_are_told_each_time(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    upload = work.ingest(good(work, "good.csv"))[0]["upload"]
    for command, waits in (("refuse", False), ("reopen", True), ("refuse", False)):
        assert work.run(command, upload, *BY).exit_code == 0
        assert (waiting(instance, upload) == {upload}) is waits


def test_a_newer_reading_waits_until_the_rows_are_taken_out(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    upload = work.ingest(good(work, "good.csv"))[0]["upload"]
    work.run("confirm", upload, "--by", "Rita")
    assert waiting(instance, upload) == set()
    work.run("map", upload, "--set", "customer_id=region")
    assert waiting(instance, upload) == {upload}
    work.run("void", upload, *BY)
    assert waiting(instance, upload) == set()


def test_a_newer_reading_goes_on_waiting_when_another_upload_moves(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    event = "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east"
    files = [work.api_file("first.csv", event), work.api_file("second.csv", event, "")]
    first, second = (row["upload"] for row in work.ingest(*files))
    for upload in (first, second):
        work.run("confirm", upload, "--by", "Rita")
    work.run("map", second, "--set", "customer_id=region")
    # The event of the second upload counts now that the first one is out.
    work.run("void", first, *BY)
    assert work.upload(second).ingested == 1
    assert waiting(instance, first, second) == {second}


def test_where_nobody_is_asked_there_is_no_such_check(work: Workplace) -> None:
    schema = work.flow().schema
    assert confirmation_specs(schema, MAPPED, upload_partitions(schema)) == []
