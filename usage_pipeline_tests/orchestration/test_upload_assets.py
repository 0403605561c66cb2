"""The stored verdict decides what is ingested, whatever button is pressed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg
import pytest

from usage_pipeline.orchestration.checks import check_specs
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.local_runs import run_ingest
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.validation.codes import CHECKS
from usage_pipeline_tests.orchestration.pressing import MAPPED, RAW, TABLE, bad, good, materialize
from usage_pipeline_tests.workplace import HEADER, Workplace


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


class TestTheVerdictIsTheGate:
    def test_a_failed_upload_is_refused_whatever_button_is_pressed(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        [row] = work.ingest(bad(work, "bad.csv"))
        result = materialize(work, instance, row["upload"], TABLE)
        assert not result.success
        assert work.listing("events", "--schema", "api_usage") == []

    def test_an_unconfirmed_upload_is_refused_with_advice(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
        work.describe("api_usage", yaml.replace("confirm: automatic", "confirm: manual"))
        [row] = work.ingest(good(work, "waits.csv"))
        assert row["state"] == "passed"
        result = materialize(work, instance, row["upload"], TABLE)
        [failure] = [event for event in result.all_events if event.is_step_failure]
        told = failure.step_failure_data.user_failure_data
        assert told is not None
        assert "waits for confirmation: launch the job api_usage_confirm_upload" in str(
            told.description
        )
        assert work.upload(row["upload"]).state == "passed"

    def test_a_key_the_register_does_not_know_fails_and_says_so(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        name = upload_partitions(work.flow().schema).name
        assert name is not None
        instance.add_dynamic_partitions(name, ["made-up"])
        assert not materialize(work, instance, "made-up", RAW, MAPPED, TABLE).success

    def test_an_upload_whose_archived_file_is_gone_stops_none_of_the_others(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        flow = work.flow()
        receipts = flow.receive([good(work, "a.csv"), good(work, "b.csv")], by="a test")
        first, second = (receipt.upload.upload for receipt in receipts)
        flow.archive.original("api_usage", first).unlink()
        [report] = run_ingest(instance, work.folder, flow.schema, [first, second])
        assert first in report.problems[0]
        assert work.upload(first).state == "received"
        assert work.upload(second).state == "ingested"


def test_check_specs_carry_the_partitions_on_which_their_results_hang(work: Workplace) -> None:
    schema = work.flow().schema
    partitions = upload_partitions(schema)
    specs = check_specs(MAPPED, partitions)
    assert [spec.name for spec in specs] == list(CHECKS)
    assert all(spec.partitions_def == partitions for spec in specs)


def test_text_of_a_file_is_never_markdown(work: Workplace, instance: dg.DagsterInstance) -> None:
    header = HEADER.replace("region", "<b>region</b>")
    file = work.file("[x](y).csv", f"{header}\n**e1**,acme,2024-10-01T10:00:00Z,1,1,us-east\n")
    [row] = work.ingest(file)
    for asset in (RAW, MAPPED):
        [record] = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[row["upload"]]), limit=1
        ).records
        materialization = record.asset_materialization
        assert materialization is not None
        kinds = {type(value) for value in materialization.metadata.values()}
        assert dg.MarkdownMetadataValue not in kinds
    assert os.sep not in row["upload"]
