"""Twenty uploads in one run: each has its own materializations, checks and verdict."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.local_runs import run_ingest
from usage_pipeline.validation.codes import CHECKS
from usage_pipeline_tests.orchestration.pressing import MAPPED, RAW, TABLE, bad, good
from usage_pipeline_tests.workplace import Workplace

#: Bad uploads among the twenty, each in its own way.
BAD = (3, 7, 11, 15)


def evaluations(
    instance: dg.DagsterInstance, upload: str, run_id: str
) -> dict[str, dg.AssetCheckEvaluation]:
    found = {}
    for record in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluation = record.get_dagster_event().asset_check_evaluation_data
        if evaluation.partition == upload:
            found[evaluation.check_name] = evaluation
    return found


@pytest.fixture(scope="module")
def instance(shared_work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(shared_work.folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def uploads(shared_work: Workplace, instance: dg.DagsterInstance) -> list[str]:
    work = shared_work
    files = [good(work, f"u{number:02d}.csv", 1 + number % 5) for number in range(20)]
    files[3] = work.file("u03.csv", "")
    files[7] = bad(work, "u07.csv")
    files[11] = work.api_file("u11.csv", "e11,acme,2024-10-01T10:00:00Z,1")
    files[15] = work.api_file("u15.csv", 'e15,"acme,2024-10-01T10:00:00Z,1,1,us-east')
    flow = work.flow()
    keys = [receipt.upload.upload for receipt in flow.receive(files, by="a test")]
    reports = run_ingest(instance, work.folder, flow.schema, keys)
    assert [report.problems for report in reports] == [()]
    return keys


def test_there_is_one_run_and_it_succeeds(uploads: list[str], instance: dg.DagsterInstance) -> None:
    assert len(uploads) == 20
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]


def test_each_good_upload_is_ingested_and_each_bad_one_failed(
    uploads: list[str], shared_work: Workplace
) -> None:
    states = [shared_work.upload(key).state for key in uploads]
    assert states == ["failed" if n in BAD else "ingested" for n in range(20)]


def test_partitions_claim_what_was_made_and_nothing_else(
    uploads: list[str], instance: dg.DagsterInstance
) -> None:
    assert instance.get_materialized_partitions(RAW) == set(uploads)
    # Without a frame (empty file, unclosed quote) there is nothing to claim.
    unreadable = {uploads[3], uploads[15]}
    assert instance.get_materialized_partitions(MAPPED) == set(uploads) - unreadable
    failed = {uploads[number] for number in BAD}
    assert instance.get_materialized_partitions(TABLE) == set(uploads) - failed


def test_every_upload_has_every_check(uploads: list[str], instance: dg.DagsterInstance) -> None:
    run = instance.get_runs()[0]
    for key in uploads:
        assert set(evaluations(instance, key, run.run_id)) == set(CHECKS)


def test_the_checks_say_what_is_wrong_where(
    uploads: list[str], instance: dg.DagsterInstance
) -> None:
    run = instance.get_runs()[0]
    found = evaluations(instance, uploads[7], run.run_id)
    failed = {name for name, evaluation in found.items() if not evaluation.passed}
    assert failed == {"values", "timestamps"}
    samples = found["timestamps"].metadata["samples"]
    assert isinstance(samples, dg.TableMetadataValue)
    sample = samples.records[0].data
    assert (sample["line"], sample["column"], sample["value"], sample["code"]) == (
        2,
        "When",
        "nonsense",
        "timestamp-format",
    )


def test_a_check_is_about_the_materialization_of_its_partition(
    uploads: list[str], instance: dg.DagsterInstance
) -> None:
    run = instance.get_runs()[0]
    evaluation = evaluations(instance, uploads[0], run.run_id)["values"]
    target = evaluation.target_materialization_data
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=MAPPED, asset_partitions=[uploads[0]]), limit=1
    ).records
    assert target is not None
    assert (target.storage_id, target.run_id) == (records[0].storage_id, run.run_id)


def test_a_partition_tells_what_file_it_is_and_how_it_was_mapped(
    uploads: list[str], instance: dg.DagsterInstance
) -> None:
    def metadata(asset: dg.AssetKey) -> dict[str, object]:
        [record] = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[uploads[0]]), limit=1
        ).records
        assert record.asset_materialization is not None
        return {name: found.value for name, found in record.asset_materialization.metadata.items()}

    raw, mapped, table = metadata(RAW), metadata(MAPPED), metadata(TABLE)
    assert (raw["file_name"], raw["delimiter"], raw["encoding"]) == ("u00.csv", "','", "UTF-8")
    assert str(raw["header"]).startswith("Event ID, Account")
    assert str(raw["first_lines"]).startswith("Event ID,Account")
    assert len(str(raw["sha256"])) == 64
    assert (mapped["dagster/row_count"], mapped["valid"], mapped["verdict"]) == (1, 1, "passed")
    assert str(mapped["dagster/uri"]).startswith("file:///")
    assert (table["dagster/row_count"], table["duplicates"], table["place"]) == (1, 0, 1)


def test_metric_windows_show_up_as_partitions(
    uploads: list[str],
    instance: dg.DagsterInstance,
) -> None:
    days = instance.get_materialized_partitions(dg.AssetKey(["api_usage", "api_calls"]))
    assert days == {f"2024-10-0{day}" for day in range(1, 6)}
    months = instance.get_materialized_partitions(dg.AssetKey(["api_usage", "peak_storage"]))
    assert months == {"2024-10-01"}


def test_running_the_partitions_again_changes_nothing(
    uploads: list[str], instance: dg.DagsterInstance, shared_work: Workplace
) -> None:
    work = shared_work
    before = (work.listing("events", "--schema", "api_usage"), work.listing("uploads"))
    run_ingest(instance, work.folder, work.flow().schema, uploads)
    assert (work.listing("events", "--schema", "api_usage"), work.listing("uploads")) == before
