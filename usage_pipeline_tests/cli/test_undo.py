"""Void and restore: a whole upload taken back out, and put back as if it had never been out."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.review_jobs import Step, review_job_name, review_op_name
from usage_pipeline.outcomes import tell_outcomes
from usage_pipeline.schema import load_schemas
from usage_pipeline_tests.cli.undoing import (
    calls_of,
    calls_per_day,
    change_yaml,
    choose_policy,
    counts_of,
    day_of_storage,
    let_every_line_count,
    restore,
    row,
    taken_in,
    void,
    whole,
)
from usage_pipeline_tests.dropping import drop, drop_place, take, work_off
from usage_pipeline_tests.orchestration.pressing import TABLE
from usage_pipeline_tests.workplace import Workplace

FIRST = (row("e1", 10), row("e2", 5, day=2))
SECOND = (row("e1", 99), row("e2", 5, day=2), row("e3", 7, day=3))


@pytest.fixture
def uploads(work: Workplace) -> tuple[str, str]:
    """Two uploads; of the second's rows one is a conflict, one a duplicate, one new."""
    return taken_in(work, "first.csv", *FIRST), taken_in(work, "second.csv", *SECOND)


class TestVoid:
    def test_brings_back_what_the_upload_had_displaced(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        first, _ = uploads
        assert calls_of(work) == {"e1": 10, "e2": 5, "e3": 7}
        assert void(work, first).exit_code == 0
        assert calls_of(work) == {"e1": 99, "e2": 5, "e3": 7}

    def test_takes_out_what_nobody_else_has(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        assert void(work, uploads[1]).exit_code == 0
        assert calls_of(work) == {"e1": 10, "e2": 5}

    def test_changes_the_metrics_without_being_asked(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        days = ["2024-10-01", "2024-10-02", "2024-10-03"]
        assert calls_per_day(work) == dict(zip(days, (10, 5, 7), strict=True))
        void(work, uploads[0])
        assert calls_per_day(work) == dict(zip(days, (99, 5, 7), strict=True))
        void(work, uploads[1])
        assert calls_per_day(work) == {}

    def test_leaves_a_ledger_that_a_rebuild_gives_too(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        void(work, uploads[0])
        outcome = work.run("verify", "--rebuild")
        assert outcome.exit_code == 0, outcome.out

    def test_leaves_no_row_of_the_upload_counted(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        [said] = void(work, uploads[0]).json
        assert said == {
            "upload": uploads[0],
            "state": "voided",
            "lines": 2,
            "valid": 2,
            "invalid": 0,
            "ingested": 0,
            "duplicates": 0,
            "superseded": 0,
        }
        assert counts_of(work, uploads[0]) == (0, 0, 0)
        assert counts_of(work, uploads[1]) == (3, 0, 0)

    def test_is_told_in_the_history_with_name_and_reason(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        void(work, uploads[0])
        restore(work, uploads[0])
        told = [
            (one["action"], one["by"], one["note"])
            for one in work.listing("history", uploads[0])
            if one["action"] in ("void", "restore")
        ]
        assert told == [("void", "rita", "sent twice"), ("restore", "rudi", "was right")]

    def test_of_one_that_is_out_is_refused_with_advice(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        void(work, uploads[0])
        before = whole(work)
        again = void(work, uploads[0])
        assert again.exit_code == 1
        assert f"usage-pipeline restore {uploads[0]} --by NAME --reason WHY" in again.err
        assert whole(work) == before

    def test_of_an_unknown_upload_is_wrong_use(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        before = whole(work)
        for outcome in (void(work, uploads[0], "no-such"), restore(work, "no-such")):
            assert outcome.exit_code == 2
            assert "no-such" in outcome.err
        assert whole(work) == before

    def test_the_same_upload_named_twice_is_voided_once(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        outcome = void(work, uploads[0], uploads[0])
        assert outcome.exit_code == 0
        assert [one["upload"] for one in outcome.json] == [uploads[0]]

    def test_of_a_waiting_upload_is_refused(self, work: Workplace) -> None:
        text = "Customer,Date,Class,GB Hours,Requests\nacme,2024-10-01,standard,1,1\n"
        [waits] = work.ingest(work.file("s.csv", text), schema="storage_summary")
        assert void(work, waits["upload"]).exit_code == 1
        assert work.upload(waits["upload"]).state == "passed"


@pytest.mark.parametrize("command", ["void", "restore"])
@pytest.mark.parametrize("option", ["--by", "--reason"])
def test_who_and_why_must_be_said(work: Workplace, command: str, option: str) -> None:
    words = {"--by": "rita", "--reason": "why"} | {option: " "}
    outcome = work.run(command, "any", *(word for pair in words.items() for word in pair))
    assert outcome.exit_code == 2
    assert f"{option} must not be empty" in outcome.err


class TestRestore:
    @pytest.mark.parametrize("policy", ["keep_first", "keep_last"])
    @pytest.mark.parametrize("which", [0, 1])
    def test_is_the_exact_inverse_of_void(self, work: Workplace, policy: str, which: int) -> None:
        choose_policy(work, policy)
        both = taken_in(work, "first.csv", *FIRST), taken_in(work, "second.csv", *SECOND)
        before = whole(work)
        assert void(work, both[which]).exit_code == 0
        assert whole(work) != before
        assert restore(work, both[which]).exit_code == 0
        assert whole(work) == before

    def test_in_another_order_than_the_voids_ends_the_same(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        before = whole(work)
        for step in (void, restore):
            for upload in uploads:
                assert step(work, upload).exit_code == 0
        assert whole(work) == before

    def test_gives_back_the_place_before_what_came_meanwhile(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        place = work.upload(first).place
        void(work, first)
        taken_in(work, "meanwhile.csv", row("e1", 77))
        assert calls_of(work) == {"e1": 77}
        restore(work, first)
        assert work.upload(first).place == place
        assert calls_of(work) == {"e1": 10}

    def test_of_one_that_is_in_is_refused_and_says_so(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        before = whole(work)
        outcome = restore(work, uploads[0])
        assert outcome.exit_code == 1
        assert f"{uploads[0]}" in outcome.err
        assert "its rows are in" in outcome.err
        assert whole(work) == before

    def test_brings_back_no_invalid_row(self, work: Workplace) -> None:
        change_yaml(work, "refuse_file", "quarantine_rows")
        upload = taken_in(work, "a.csv", row("e1"), row("e2", -1), row("e3", customer=""))
        before = whole(work)
        void(work, upload)
        assert calls_of(work) == {}
        restore(work, upload)
        assert whole(work) == before
        assert calls_of(work) == {"e1": 10}


class TestSeveralAtOnce:
    def test_go_out_and_come_back_together(self, work: Workplace, uploads: tuple[str, str]) -> None:
        before = whole(work)
        out = void(work, *uploads)
        assert out.exit_code == 0
        assert [(one["upload"], one["state"]) for one in out.json] == [
            (upload, "voided") for upload in uploads
        ]
        assert calls_of(work) == {}
        back = restore(work, *reversed(uploads))
        assert back.exit_code == 0
        assert whole(work) == before

    def test_may_be_of_two_schemas(self, work: Workplace) -> None:
        calls = taken_in(work, "calls.csv", *FIRST)
        storage = day_of_storage(work, "storage.csv", "10.5")
        before = whole(work)
        assert void(work, calls, storage).exit_code == 0
        out = whole(work)
        assert [one["state"] for one in out["uploads"]] == ["voided", "voided"]
        assert all(out[name] == [] for name in out if name != "uploads")
        assert restore(work, storage, calls).exit_code == 0
        assert whole(work) == before

    def test_a_file_of_two_schemas_goes_out_of_the_one_that_is_named(self, work: Workplace) -> None:
        yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
        work.describe("second", yaml.replace("name: api_usage", "name: second"))
        upload = taken_in(work, "calls.csv", *FIRST)
        [same] = work.ingest(work.files / "calls.csv", schema="second")
        assert same["upload"] == upload
        unnamed = void(work, upload)
        assert unnamed.exit_code == 2
        assert "add --schema: api_usage, second" in unnamed.err
        words = ("--by", "rita", "--reason", "sent twice", "--schema", "second")
        assert work.run("void", upload, *words).exit_code == 0
        assert work.listing("events", "--schema", "second") == []
        assert calls_of(work) == {"e1": 10, "e2": 5}

    def test_are_all_left_where_one_cannot_be_voided(self, work: Workplace) -> None:
        calls = taken_in(work, "calls.csv", *FIRST)
        storage = day_of_storage(work, "storage.csv", "10.5")
        void(work, storage)
        before, told = whole(work), work.listing("history", calls)
        outcome = void(work, calls, storage)
        assert outcome.exit_code == 1
        assert storage in outcome.err
        assert whole(work) == before
        assert work.listing("history", calls) == told


class TestTheFileOfAVoidedUploadAgain:
    def test_by_hand_restores_nothing_and_says_how_to(
        self, work: Workplace, uploads: tuple[str, str]
    ) -> None:
        void(work, uploads[0])
        before = whole(work)
        outcome = work.run("ingest", work.files / "first.csv", "--schema", "api_usage")
        assert outcome.exit_code == 1
        assert f"usage-pipeline restore {uploads[0]} --by NAME --reason WHY" in outcome.err
        assert whole(work) == before

    def test_in_the_drop_folder_restores_nothing_and_says_how_to(self, work: Workplace) -> None:
        file = work.api_file("calls.csv", *FIRST)
        [found] = work.ingest(file)
        void(work, found["upload"])
        before = whole(work)
        drop(work, "calls.csv", file.read_text())
        [receipt] = take(work).receipts
        assert (receipt.outcome, receipt.upload.upload) == ("answered", found["upload"])
        work_off(work.flow())
        tell_outcomes(work.flow(), seconds=60)
        note = (drop_place(work) / "failed" / "calls.csv.txt").read_text()
        assert "Voided by rita: sent twice" in note
        assert f"usage-pipeline restore {found['upload']} --by NAME --reason WHY" in note
        assert whole(work) == before


class TestOtherKindsOfRows:
    def test_voiding_a_correction_brings_back_the_corrected_summary(self, work: Workplace) -> None:
        wrong = day_of_storage(work, "wrong.csv", "10.5")
        right = day_of_storage(work, "right.csv", "12.25")
        assert [one["value"] for one in work.listing("metrics", "gb_hours")] == ["12.25"]
        assert (counts_of(work, wrong), counts_of(work, right)) == ((0, 0, 1), (1, 0, 0))
        void(work, right)
        assert [one["value"] for one in work.listing("metrics", "gb_hours")] == ["10.5"]
        assert counts_of(work, wrong) == (1, 0, 0)

    def test_where_every_line_counts_an_upload_goes_and_comes_with_all_its_lines(
        self, work: Workplace
    ) -> None:
        let_every_line_count(work)
        first = taken_in(work, "first.csv", row("e1"), row("e1"))
        taken_in(work, "second.csv", row("e1"), row("e1"), row("e1"))
        before = whole(work)
        assert calls_per_day(work) == {"2024-10-01": 50}
        void(work, first)
        assert calls_per_day(work) == {"2024-10-01": 30}
        restore(work, first)
        assert whole(work) == before


class TestTheJobs:
    @pytest.fixture
    def instance(self, work: Workplace) -> Iterator[dg.DagsterInstance]:
        with open_instance(work.folder) as opened:
            yield opened

    def launch(
        self, instance: dg.DagsterInstance, step: Step, upload: str
    ) -> dg.ExecuteInProcessResult:
        """What a person does in the UI: a job on the upload's partition, with name and reason."""
        schema = load_schemas()["api_usage"]
        definitions = dg.Definitions.merge(schema_definitions(schema), shared_definitions())
        words = {"by": "rita", "reason": "sent twice"}
        return definitions.resolve_job_def(review_job_name(schema, step)).execute_in_process(
            instance=instance,
            partition_key=upload,
            run_config={"ops": {review_op_name(schema, step): {"config": words}}},
            raise_on_error=False,
        )

    def shown(self, instance: dg.DagsterInstance, upload: str) -> dict[str, object]:
        """What the newest materialization of the upload's rows says."""
        [record] = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=TABLE, asset_partitions=[upload]), limit=1
        ).records
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        return {name: entry.value for name, entry in metadata.items()}

    def test_void_takes_the_rows_out_and_shows_who_and_why(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = taken_in(work, "first.csv", *FIRST)
        assert self.launch(instance, "void", upload).success
        assert calls_of(work) == {}
        assert calls_per_day(work) == {}
        shown = self.shown(instance, upload)
        assert (shown["state"], shown["voided_by"], shown["reason"]) == (
            "voided",
            "rita",
            "sent twice",
        )
        assert shown["dagster/row_count"] == 0

    def test_restore_brings_them_back_and_shows_it(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = taken_in(work, "first.csv", *FIRST)
        before = whole(work)
        self.launch(instance, "void", upload)
        assert self.launch(instance, "restore", upload).success
        assert whole(work) == before
        shown = self.shown(instance, upload)
        assert (shown["state"], shown["dagster/row_count"]) == ("ingested", 2)
        assert "voided_by" not in shown

    def test_a_command_shows_the_same_on_the_partition(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = taken_in(work, "first.csv", *FIRST)
        void(work, upload)
        shown = self.shown(instance, upload)
        assert (shown["state"], shown["voided_by"], shown["reason"]) == (
            "voided",
            "rita",
            "sent twice",
        )

    def test_the_void_of_a_winner_shows_that_the_other_upload_has_its_rows_now(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        first, second = taken_in(work, "first.csv", *FIRST), taken_in(work, "second.csv", *SECOND)
        assert self.shown(instance, second)["ingested"] == 1
        assert self.launch(instance, "void", first).success
        assert self.shown(instance, second)["ingested"] == 3

    @pytest.mark.parametrize(
        ("step", "advice"),
        [
            ("restore", "its rows are in"),
            ("void", "or the job api_usage_restore_upload on its partition"),
        ],
    )
    def test_in_the_wrong_state_the_run_fails_with_advice(
        self, work: Workplace, instance: dg.DagsterInstance, step: Step, advice: str
    ) -> None:
        upload = taken_in(work, "first.csv", *FIRST)
        if step == "void":
            void(work, upload)
        before = whole(work)
        result = self.launch(instance, step, upload)
        assert not result.success
        [failure] = [event for event in result.all_events if event.is_step_failure]
        told = failure.step_failure_data.user_failure_data
        assert told is not None
        assert advice in str(told.description)
        assert whole(work) == before


class TestAfterAKill:
    """A decision is in the register, and the process that was to carry it out is gone."""

    def decided_on(self, work: Workplace) -> str:
        upload = taken_in(work, "a.csv", row("e1"))
        work.flow().void([work.upload(upload)], "rita", "sent twice")
        assert calls_of(work) == {"e1": 10}
        return upload

    def test_the_same_command_again_takes_the_rows_out(self, work: Workplace) -> None:
        upload = self.decided_on(work)
        assert void(work, upload).exit_code == 1
        assert calls_of(work) == {}
        assert work.run("verify", "--rebuild").exit_code == 0

    def test_so_does_any_file_that_is_handed_in(self, work: Workplace) -> None:
        self.decided_on(work)
        work.run("ingest", work.files / "a.csv", "--schema", "api_usage")
        assert calls_of(work) == {}
        assert work.run("verify", "--rebuild").exit_code == 0

    def test_it_can_be_restored_at_once(self, work: Workplace) -> None:
        upload = self.decided_on(work)
        assert restore(work, upload).exit_code == 0
        assert calls_of(work) == {"e1": 10}
        assert work.run("verify", "--rebuild").exit_code == 0
