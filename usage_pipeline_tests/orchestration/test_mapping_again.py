"""An upload that is in is read anew by today's schema: its rows are replaced at its place."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline_tests.cli.undoing import (
    calls_of,
    calls_per_day,
    change_yaml,
    choose_policy,
    counts_of,
    restore,
    row,
    taken_in,
    void,
    whole,
)
from usage_pipeline_tests.orchestration.pressing import MAPPED, TABLE, materialize
from usage_pipeline_tests.workplace import Workplace

HEADER = "Event ID,Account,When,API Calls,Storage GB,region,Calls Billed"


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


@pytest.fixture
def upload(work: Workplace) -> str:
    """An upload whose file has two columns that could be the calls: 10, and 4 of them billed."""
    text = f"{HEADER}\ne1,acme,2024-10-01T10:00:00Z,10,1.5,us-east,4\n"
    [found] = work.ingest(work.file("a.csv", text))
    assert found["state"] == "ingested"
    return str(found["upload"])


def meter_what_is_billed(work: Workplace) -> None:
    change_yaml(work, 'from: ["API Calls"]', 'from: ["Calls Billed"]')


def press(
    work: Workplace, instance: dg.DagsterInstance, upload: str, *assets: dg.AssetKey
) -> dg.ExecuteInProcessResult:
    return materialize(work, instance, upload, *(assets or (MAPPED, TABLE)))


def test_another_header_gives_other_values(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    assert calls_of(work) == {"e1": 10}
    meter_what_is_billed(work)
    assert press(work, instance, upload).success
    assert calls_of(work) == {"e1": 4}


def test_the_metrics_follow(work: Workplace, instance: dg.DagsterInstance, upload: str) -> None:
    meter_what_is_billed(work)
    press(work, instance, upload)
    assert calls_per_day(work) == {"2024-10-01": 4}


def test_the_ledger_holds_and_knows_the_version_in_force(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    meter_what_is_billed(work)
    press(work, instance, upload)
    assert work.upload(upload).schema_version == work.flow().version
    outcome = work.run("verify", "--rebuild")
    assert outcome.exit_code == 0, outcome.out


def test_the_rows_stay_at_their_place(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    later = taken_in(work, "later.csv", row("e1", 99))
    place = work.upload(upload).place
    meter_what_is_billed(work)
    assert press(work, instance, upload).success
    assert work.upload(upload).place == place
    assert calls_of(work) == {"e1": 4}
    assert counts_of(work, later) == (0, 1, 0)


def test_a_schema_that_did_not_change_changes_nothing(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    before = whole(work)
    assert press(work, instance, upload).success
    assert whole(work) == before


def test_without_pressing_the_rows_stay_as_they_were_read(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    meter_what_is_billed(work)
    [again] = work.ingest(work.files / "a.csv")
    assert again["upload"] == upload
    assert calls_of(work) == {"e1": 10}


def test_a_newer_reading_that_fails_leaves_the_old_rows_counting(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    before = whole(work)
    change_yaml(work, "unit: call, minimum: 0", "unit: call, minimum: 50")
    press(work, instance, upload)
    assert whole(work) == before
    assert work.upload(upload).state == "ingested"
    outcome = work.run("verify", "--rebuild")
    assert outcome.exit_code == 0, outcome.out


def test_a_newer_reading_that_failed_is_told_in_the_history(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    change_yaml(work, "unit: call, minimum: 0", "unit: call, minimum: 50")
    press(work, instance, upload)
    last = work.listing("history", upload)[-1]
    assert last["schema_version"] == work.flow().version
    assert last["details"]["passed"] is False


def test_void_and_restore_bring_back_the_reading_in_force(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    meter_what_is_billed(work)
    press(work, instance, upload)
    before = whole(work)
    void(work, upload)
    assert restore(work, upload).exit_code == 0
    assert whole(work) == before


def test_a_restore_brings_back_the_rows_as_they_were_not_as_todays_schema_reads_them(
    work: Workplace, instance: dg.DagsterInstance, upload: str
) -> None:
    before = whole(work)
    void(work, upload)
    meter_what_is_billed(work)
    assert restore(work, upload).exit_code == 0
    assert whole(work) == before


class TestWithAPersonsConfirmation:
    @pytest.fixture(autouse=True)
    def _manual(self, work: Workplace, upload: str) -> None:
        assert work.upload(upload).state == "ingested"
        change_yaml(work, "confirm: automatic", "confirm: manual")

    def test_the_newer_reading_waits(
        self, work: Workplace, instance: dg.DagsterInstance, upload: str
    ) -> None:
        before = whole(work)
        meter_what_is_billed(work)
        press(work, instance, upload)
        assert whole(work) == before

    def test_confirm_replaces_the_rows(
        self, work: Workplace, instance: dg.DagsterInstance, upload: str
    ) -> None:
        meter_what_is_billed(work)
        press(work, instance, upload, MAPPED)
        outcome = work.run("confirm", upload, "--by", "rita")
        assert outcome.exit_code == 0, outcome.err
        assert calls_of(work) == {"e1": 4}
        assert calls_per_day(work) == {"2024-10-01": 4}

    def test_confirm_before_it_was_read_anew_is_refused_with_advice(
        self, work: Workplace, upload: str
    ) -> None:
        meter_what_is_billed(work)
        outcome = work.run("confirm", upload, "--by", "rita")
        assert outcome.exit_code == 1
        assert "materialize mapped_events first" in outcome.err
        assert calls_of(work) == {"e1": 10}

    def test_confirm_of_a_newer_reading_that_fails_is_refused(
        self, work: Workplace, instance: dg.DagsterInstance, upload: str
    ) -> None:
        change_yaml(work, "unit: call, minimum: 0", "unit: call, minimum: 50")
        press(work, instance, upload, MAPPED)
        outcome = work.run("confirm", upload, "--by", "rita")
        assert outcome.exit_code == 1
        assert "by today's schema the file fails" in outcome.err
        assert calls_of(work) == {"e1": 10}


class TestUnderRefuse:
    @pytest.fixture(autouse=True)
    def _policy(self, work: Workplace) -> None:
        choose_policy(work, "refuse")

    def test_a_newer_reading_that_would_conflict_leaves_the_old_rows_counting(
        self, work: Workplace, instance: dg.DagsterInstance, upload: str
    ) -> None:
        taken_in(work, "same.csv", row("e1", 10))
        before = whole(work)
        meter_what_is_billed(work)
        press(work, instance, upload)
        assert whole(work) == before
        assert work.upload(upload).state == "ingested"
        outcome = work.run("verify", "--rebuild")
        assert outcome.exit_code == 0, outcome.out
