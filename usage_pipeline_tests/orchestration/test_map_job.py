"""The job by which a person maps an upload from the UI."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.run_problems import why_it_failed
from usage_pipeline_tests.orchestration.pressing import MAPPED, TABLE, launch
from usage_pipeline_tests.workplace import HEADER, Workplace

TIME = "2024-10-01T10:00:00Z"


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


@pytest.fixture
def upload(work: Workplace) -> str:
    header = HEADER.replace("Account", "Acct No")
    [row] = work.ingest(work.file("a.csv", f"{header}\ne1,acme,{TIME},10,1.5,us-east\n"))
    assert row["state"] == "failed"
    return str(row["upload"])


def mapped(
    instance: dg.DagsterInstance, upload: str, label: str = "Acct No", by: str = "Ada"
) -> dg.ExecuteInProcessResult:
    return launch(instance, "map", upload, by=by, mapping={"customer_id": label})


def test_the_upload_is_checked_and_ingested_in_the_same_run(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    assert mapped(instance, upload).success
    assert work.upload(upload).state == "ingested"


def test_its_partition_shows_the_mapping_and_who_matched_it(
    instance: dg.DagsterInstance, upload: str
) -> None:
    result = mapped(instance, upload)
    made = {
        event.asset_key: event.materialization.metadata
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }
    assert {MAPPED, TABLE} <= made.keys()
    table = made[MAPPED]["mapping"]
    assert isinstance(table, dg.TableMetadataValue)
    rows = [record.data for record in table.records]
    [customer] = [row for row in rows if row["field"] == "customer_id"]
    assert (customer["header"], customer["matched_by"]) == ("Acct No", "person")


def test_the_checks_are_told_anew(instance: dg.DagsterInstance, upload: str) -> None:
    result = mapped(instance, upload)
    told = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert told["mapping"] is True
    assert len(told) == 5


@pytest.mark.parametrize(
    ("label", "by", "words"),
    [("Payer", "Ada", "no column 'Payer'. Its columns: 'Event ID'"), ("When", " ", "Say who")],
)
def test_what_cannot_be_meant_is_told_in_words_and_changes_nothing(
    work: Workplace,
    instance: dg.DagsterInstance,
    upload: str,
    label: str,
    by: str,
    words: str,
) -> None:
    result = mapped(instance, upload, label, by)
    assert not result.success
    assert words in why_it_failed(instance, result.run_id)
    assert work.upload(upload).state == "failed"
    assert [one for one in work.listing("history", upload) if one["action"] == "map"] == []
