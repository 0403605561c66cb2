"""The ledger anew from the archive: after the YAML changed under it, and after it was lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from usage_pipeline_tests.cli.undoing import (
    calls_of,
    calls_per_day,
    change_yaml,
    choose_policy,
    counts_of,
    let_every_line_count,
    restore,
    row,
    taken_in,
    void,
    whole,
)
from usage_pipeline_tests.workplace import Outcome, Workplace


def rebuild(work: Workplace) -> Outcome:
    return work.run("rebuild", "--schema", "api_usage", "--format", "json")


def assert_proven(work: Workplace) -> None:
    outcome = work.run("verify", "--rebuild")
    assert outcome.exit_code == 0, outcome.out


def calls_as_read(work: Workplace) -> list[object]:
    """The calls of what counts, of whatever type the YAML asks for."""
    return [one["api_call_count"] for one in work.listing("events", "--schema", "api_usage")]


def lose_the_warehouse(work: Workplace) -> None:
    work.folder.warehouse.unlink()
    Path(f"{work.folder.warehouse}.wal").unlink(missing_ok=True)


class TestAfterTheYamlChanged:
    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("event_key: [event_id]", "event_key: [event_id, customer_id]", "event_key was"),
            ("on_duplicate: keep_first", "on_duplicate: keep_last", "on_duplicate was keep_first"),
            ("type: integer", "type: decimal", "field api_call_count was integer"),
        ],
    )
    def test_ingest_is_refused_with_the_advice_to_rebuild(
        self, work: Workplace, old: str, new: str, says: str
    ) -> None:
        taken_in(work, "first.csv", row("e1"))
        change_yaml(work, old, new)
        file = work.api_file("second.csv", row("e2"))
        outcome = work.run("ingest", file, "--schema", "api_usage")
        assert outcome.exit_code == 2
        assert says in outcome.err
        assert "usage-pipeline rebuild --schema api_usage" in outcome.err
        assert len(work.listing("uploads")) == 1

    def test_void_is_refused_too_and_leaves_the_upload_in(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1"))
        choose_policy(work, "keep_last")
        assert void(work, upload).exit_code == 2
        assert work.upload(upload).state == "ingested"

    def test_commands_that_list_rows_advise_a_rebuild_too(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1"))
        change_yaml(work, "type: integer", "type: decimal")
        for command in (
            ("events",),
            ("metrics", "api_calls"),
            ("explain", "e1"),
            ("duplicates", upload),
            ("export", "--to", str(work.files / "export")),
        ):
            outcome = work.run(*command, "--schema", "api_usage")
            assert outcome.exit_code == 2, command
            assert "usage-pipeline rebuild --schema api_usage" in outcome.err, command

    def test_verify_does_not_call_the_ledger_sound(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1"))
        choose_policy(work, "keep_last")
        outcome = work.run("verify", "--rebuild")
        assert outcome.exit_code == 1
        assert "on_duplicate was keep_first and is now keep_last" in outcome.out

    def test_another_event_key_counts_other_rows_and_the_metrics_follow(
        self, work: Workplace
    ) -> None:
        first = taken_in(work, "first.csv", row("e1", 10, customer="acme"))
        second = taken_in(work, "second.csv", row("e1", 99, customer="globex"))
        assert calls_per_day(work) == {"2024-10-01": 10}
        change_yaml(work, "event_key: [event_id]", "event_key: [event_id, customer_id]")
        outcome = rebuild(work)
        assert outcome.exit_code == 0
        assert outcome.json[0]["uploads"] == 2
        assert (outcome.json[0]["ingested"], outcome.json[0]["displaced"]) == (2, 0)
        values = {one["customer_id"]: one["value"] for one in work.listing("metrics", "api_calls")}
        assert values == {"acme": 10, "globex": 99}
        assert (counts_of(work, first), counts_of(work, second)) == ((1, 0, 0), (1, 0, 0))
        assert_proven(work)

    def test_another_policy_has_other_winners_and_the_metrics_follow(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        second = taken_in(work, "second.csv", row("e1", 99))
        choose_policy(work, "keep_last")
        assert rebuild(work).exit_code == 0
        assert calls_of(work) == {"e1": 99}
        assert calls_per_day(work) == {"2024-10-01": 99}
        assert (counts_of(work, first), counts_of(work, second)) == ((0, 0, 1), (1, 0, 0))
        assert_proven(work)

    def test_windows_that_lose_their_events_lose_their_values(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10, day=1))
        taken_in(work, "second.csv", row("e1", 99, day=2))
        assert calls_per_day(work) == {"2024-10-01": 10}
        choose_policy(work, "keep_last")
        rebuild(work)
        assert calls_per_day(work) == {"2024-10-02": 99}

    def test_another_type_is_read_from_the_archived_bytes(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        change_yaml(work, "type: integer", "type: decimal")
        outcome = rebuild(work)
        assert outcome.exit_code == 0
        assert outcome.json[0]["read_again"] == 1
        assert work.listing("events", "--schema", "api_usage")[0]["api_call_count"] == "10"
        assert work.listing("metrics", "api_calls")[0]["value"] == "10"
        assert_proven(work)

    def test_every_line_may_count_from_now_on(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10), row("e1", 10))
        let_every_line_count(work)
        assert rebuild(work).exit_code == 0
        assert calls_per_day(work) == {"2024-10-01": 20}
        assert_proven(work)

    def test_rows_go_in_again_afterwards(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        choose_policy(work, "keep_last")
        rebuild(work)
        taken_in(work, "second.csv", row("e1", 99))
        assert calls_of(work) == {"e1": 99}

    def test_a_voided_upload_stays_out_and_can_come_back(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1", 10))
        taken_in(work, "second.csv", row("e1", 99))
        void(work, upload)
        change_yaml(work, "type: integer", "type: decimal")
        assert rebuild(work).exit_code == 0
        assert work.upload(upload).state == "voided"
        assert calls_as_read(work) == ["99"]
        assert restore(work, upload).exit_code == 0
        assert calls_as_read(work) == ["10"]
        assert_proven(work)

    def test_a_rebuild_is_told_in_the_history_of_what_was_read_again(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1", 10))
        change_yaml(work, "type: integer", "type: decimal")
        rebuild(work)
        actions = [one["action"] for one in work.listing("history", upload)]
        assert "rebuild" in actions


def test_without_a_change_a_rebuild_changes_nothing(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1", 10), row("e2"))
    taken_in(work, "second.csv", row("e1", 99))
    before = whole(work)
    outcome = rebuild(work)
    assert outcome.exit_code == 0
    assert outcome.json == [
        {"schema": "api_usage", "uploads": 2, "read_again": 0, "ingested": 2, "displaced": 1}
    ]
    assert whole(work) == before


def test_before_anything_was_ingested_a_rebuild_is_empty(work: Workplace) -> None:
    outcome = rebuild(work)
    assert outcome.exit_code == 0
    assert (outcome.json[0]["uploads"], outcome.json[0]["ingested"]) == (0, 0)


class TestRefused:
    def test_an_upload_that_fails_now_is_named_and_nothing_changes(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        upload = taken_in(work, "second.csv", row("e2", 3))
        before = whole(work)
        yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
        change_yaml(work, "type: integer", "type: decimal")
        change_yaml(work, "unit: call, minimum: 0", "unit: call, minimum: 5")
        outcome = rebuild(work)
        assert outcome.exit_code == 1
        assert upload in outcome.err
        assert "first.csv" not in outcome.err
        work.describe("api_usage", yaml)
        assert whole(work) == before
        assert_proven(work)

    def test_it_goes_on_when_that_upload_is_voided(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        upload = taken_in(work, "second.csv", row("e2", 3))
        void(work, upload)
        change_yaml(work, "type: integer", "type: decimal")
        change_yaml(work, "unit: call, minimum: 0", "unit: call, minimum: 5")
        assert rebuild(work).exit_code == 0
        assert calls_as_read(work) == ["10"]

    def test_conflicts_under_refuse_change_nothing(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        taken_in(work, "second.csv", row("e1", 99))
        before = whole(work)
        choose_policy(work, "refuse")
        outcome = rebuild(work)
        assert outcome.exit_code == 1
        assert "on_duplicate: refuse" in outcome.err
        change_yaml(work, "on_duplicate: refuse", "on_duplicate: keep_first")
        assert whole(work) == before
        assert_proven(work)

    def test_equal_rows_under_refuse_are_no_conflict(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        taken_in(work, "second.csv", row("e1", 10))
        choose_policy(work, "refuse")
        assert rebuild(work).exit_code == 0
        assert calls_of(work) == {"e1": 10}

    def test_an_unknown_schema_is_wrong_use(self, work: Workplace) -> None:
        assert work.run("rebuild", "--schema", "no_such").exit_code == 2


class TestAfterALoss:
    def test_ingest_says_what_is_lost_and_how_to_get_it_back(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1", 10))
        lose_the_warehouse(work)
        file = work.api_file("second.csv", row("e2"))
        outcome = work.run("ingest", file, "--schema", "api_usage")
        assert outcome.exit_code == 3
        assert upload in outcome.err
        assert "usage-pipeline rebuild --schema api_usage" in outcome.err

    def test_verify_does_not_call_that_sound(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        lose_the_warehouse(work)
        assert work.run("verify").exit_code == 1

    def test_a_rebuild_brings_everything_back(self, work: Workplace) -> None:
        voided = taken_in(work, "first.csv", row("e1", 10), row("e2", 5, day=2))
        taken_in(work, "second.csv", row("e1", 99), row("e3"), row("e3"))
        void(work, voided)
        before = whole(work)
        lose_the_warehouse(work)
        assert rebuild(work).exit_code == 0
        assert whole(work) == before
        assert_proven(work)

    def test_what_was_voided_can_still_be_restored_to_its_place(self, work: Workplace) -> None:
        voided = taken_in(work, "first.csv", row("e1", 10))
        taken_in(work, "second.csv", row("e1", 99))
        before = whole(work)
        void(work, voided)
        lose_the_warehouse(work)
        rebuild(work)
        assert restore(work, voided).exit_code == 0
        assert whole(work) == before

    def test_a_mapped_frame_that_is_gone_is_made_again(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1", 10))
        before = whole(work)
        version = work.upload(upload).schema_version
        assert version is not None
        frame = work.flow().archive.mapped("api_usage", upload, version)
        frame.unlink()
        assert work.run("verify", "--rebuild").exit_code == 1
        outcome = rebuild(work)
        assert outcome.exit_code == 0
        assert outcome.json[0]["read_again"] == 1
        assert frame.exists()
        assert whole(work) == before
        assert_proven(work)

    def test_the_log_that_a_killed_process_left_beside_it_is_in_nobodys_way(
        self, work: Workplace
    ) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        before = whole(work)
        dying = (
            f"import duckdb, os; c = duckdb.connect({str(work.folder.warehouse)!r});"
            "c.execute('CREATE TABLE t AS SELECT 1 AS a'); os._exit(0)"
        )
        subprocess.run([sys.executable, "-c", dying], check=True)
        assert Path(f"{work.folder.warehouse}.wal").exists()
        work.folder.warehouse.unlink()
        outcome = rebuild(work)
        assert outcome.exit_code == 0, outcome.err
        assert whole(work) == before

    def test_a_void_that_was_cut_short_is_carried_out(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1", 10))
        flow = work.flow()
        flow.void([work.upload(upload)], by="rita", reason="sent twice")
        lose_the_warehouse(work)
        assert rebuild(work).exit_code == 0
        assert work.upload(upload).state == "voided"
        assert calls_of(work) == {}
        assert calls_per_day(work) == {}
        assert_proven(work)


def rebuild_proof(work: Workplace) -> str:
    """What `verify --rebuild` says that is wrong about the tables."""
    outcome = work.run("verify", "--rebuild", "--format", "json")
    assert outcome.exit_code == 1
    [check] = [one for one in outcome.json["checks"] if "rebuild" in one["name"]]
    assert check["ok"] is False
    return str(check["detail"])


def test_verify_with_a_rebuild_names_the_row_that_was_tampered_with(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1", 5), row("e1", 6))
    with work.flow().warehouse.open() as connection:
        connection.execute("UPDATE api_usage.ingestion_table SET api_call_count = 7")
    assert "place 1, line 2 is not in ingestion_table" in rebuild_proof(work)


def test_verify_with_a_rebuild_names_a_row_that_was_lost(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1", 5), row("e1", 6))
    with work.flow().warehouse.open() as connection:
        connection.execute("DELETE FROM api_usage.displaced")
    assert "place 1, line 3 is not in displaced" in rebuild_proof(work)


@pytest.mark.parametrize("policy", ["keep_first", "keep_last"])
def test_verify_with_a_rebuild_names_a_winner_and_a_loser_that_were_swapped(
    work: Workplace, policy: str
) -> None:
    choose_policy(work, policy)
    taken_in(work, "first.csv", row("e1", 5))
    taken_in(work, "second.csv", row("e1", 6))
    won, lost = (1, 2) if policy == "keep_first" else (2, 1)
    table, displaced = "api_usage.ingestion_table", "api_usage.displaced"
    with work.flow().warehouse.open() as connection:
        connection.execute(f"CREATE TEMP TABLE winner AS SELECT * FROM {table}")
        connection.execute(f"DELETE FROM {table}")
        connection.execute(f"INSERT INTO {table} SELECT * FROM {displaced}")
        connection.execute(f"DELETE FROM {displaced}")
        connection.execute(f"INSERT INTO {displaced} SELECT * FROM winner")
    detail = rebuild_proof(work)
    assert f"place {lost}, line 2 is in ingestion_table" in detail
    assert f"place {won}, line 2 is in displaced" in detail
