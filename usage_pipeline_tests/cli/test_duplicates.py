"""Rows that are the same event: which of them counts under each policy, and how losers are told."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

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
from usage_pipeline_tests.workplace import Workplace

CONFLICT = "conflict-with-ledger"


def failed(work: Workplace, name: str, *rows: str) -> str:
    """The key of an upload of `api_usage` that may not go in."""
    outcome = work.run(
        "ingest", work.api_file(name, *rows), "--schema", "api_usage", "--format", "json"
    )
    [found] = outcome.json
    assert (outcome.exit_code, found["state"]) == (1, "failed"), found
    return str(found["upload"])


def errors_of(work: Workplace, upload: str) -> list[dict[str, Any]]:
    return work.listing("errors", upload)


def losers(work: Workplace, upload: str) -> list[dict[str, Any]]:
    return work.listing("duplicates", upload)


class TestKeepFirst:
    def test_the_earlier_file_wins_whatever_the_later_says(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        second = taken_in(work, "second.csv", row("e1", 99))
        assert calls_of(work) == {"e1": 10}
        assert counts_of(work, first) == (1, 0, 0)
        assert counts_of(work, second) == (0, 1, 0)


class TestKeepLast:
    @pytest.fixture(autouse=True)
    def _policy(self, work: Workplace) -> None:
        choose_policy(work, "keep_last")

    def test_a_correction_wins_and_what_it_corrects_is_superseded(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10), row("e2", 5))
        second = taken_in(work, "second.csv", row("e1", 99))
        assert calls_of(work) == {"e1": 99, "e2": 5}
        assert calls_per_day(work) == {"2024-10-01": 104}
        assert counts_of(work, first) == (1, 0, 1)
        assert counts_of(work, second) == (1, 0, 0)

    def test_equal_content_is_superseded_too(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1"))
        taken_in(work, "second.csv", row("e1"), row("e2"))
        assert counts_of(work, first) == (0, 0, 1)

    def test_within_a_file_the_last_line_wins_and_the_earlier_is_a_duplicate(
        self, work: Workplace
    ) -> None:
        upload = taken_in(work, "a.csv", row("e1", 10), row("e1", 20), row("e1", 30))
        assert calls_of(work) == {"e1": 30}
        assert counts_of(work, upload) == (1, 2, 0)
        assert [one["line"] for one in losers(work, upload)] == [2, 3]

    def test_a_restored_upload_does_not_win_over_a_later_place(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        void(work, first)
        taken_in(work, "second.csv", row("e1", 99))
        restore(work, first)
        assert calls_of(work) == {"e1": 99}
        assert counts_of(work, first) == (0, 0, 1)

    def test_the_listing_names_the_row_that_came_later(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        second = taken_in(work, "second.csv", row("e0"), row("e1", 99))
        assert losers(work, first) == [
            {
                "line": 2,
                "event_key": {"event_id": "e1"},
                "lost_as": "conflict",
                "to_upload": second,
                "to_line": 3,
                "differing": {"api_call_count": [10, 99]},
            }
        ]
        assert losers(work, second) == []


def test_a_summary_is_corrected_by_the_next_one_unless_the_yaml_says_otherwise(
    work: Workplace,
) -> None:
    wrong = day_of_storage(work, "wrong.csv", "10.5")
    right = day_of_storage(work, "right.csv", "12.25")
    [event] = work.listing("events", "--schema", "storage_summary")
    assert (event["upload"], event["gb_hours"]) == (right, "12.25")
    assert counts_of(work, wrong) == (0, 0, 1)


class TestRefuse:
    @pytest.fixture(autouse=True)
    def _policy(self, work: Workplace) -> None:
        choose_policy(work, "refuse")

    def test_a_conflict_inside_a_file_is_an_error(self, work: Workplace) -> None:
        upload = failed(work, "a.csv", row("e1", 10), row("e1", 20))
        [error] = errors_of(work, upload)
        assert (error["code"], error["line"]) == ("conflict-in-file", 3)
        assert calls_of(work) == {}

    def test_equal_rows_inside_a_file_are_mere_duplicates(self, work: Workplace) -> None:
        upload = taken_in(work, "a.csv", row("e1"), row("e1"))
        assert counts_of(work, upload) == (1, 1, 0)

    def test_equal_rows_of_another_file_are_mere_duplicates(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1"))
        second = taken_in(work, "second.csv", row("e1"), row("e2"))
        assert counts_of(work, second) == (1, 1, 0)

    def test_a_conflict_with_the_table_changes_nothing_there(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        before = whole(work)
        second = failed(work, "second.csv", row("e1", 99), row("e2"))
        after = whole(work)
        assert [one["upload"] for one in after["uploads"]] == [first, second]
        after["uploads"].pop()
        assert after == before

    def test_its_error_names_line_other_row_and_what_differs(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e0"), row("e1", 10))
        second = failed(work, "second.csv", row("e9"), row("e8"), row("e1", 99))
        [error] = errors_of(work, second)
        assert (error["code"], error["line"], error["field"]) == (CONFLICT, 4, "api_call_count")
        assert (error["column"], error["value"]) == ("API Calls", "99")
        assert f"line 3 of {first}" in error["message"]
        assert "api_call_count is 99 and was 10" in error["message"]

    def test_its_error_names_every_field_that_differs(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10, customer="acme"))
        second = failed(work, "second.csv", row("e1", 99, customer="globex"))
        [error] = errors_of(work, second)
        assert "customer_id is globex and was acme" in error["message"]
        assert "api_call_count is 99 and was 10" in error["message"]

    def test_of_two_files_of_one_command_the_first_named_goes_in(self, work: Workplace) -> None:
        first = work.api_file("z.csv", row("e1", 10))
        second = work.api_file("a.csv", row("e1", 99))
        outcome = work.run("ingest", first, second, "--schema", "api_usage", "--format", "json")
        assert outcome.exit_code == 1
        assert [one["state"] for one in outcome.json] == ["ingested", "failed"]
        assert calls_of(work) == {"e1": 10}
        [error] = errors_of(work, outcome.json[1]["upload"])
        assert error["code"] == CONFLICT
        assert f"line 2 of {outcome.json[0]['upload']}" in error["message"]

    def test_a_refused_conflict_leaves_a_ledger_that_holds(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1", 10))
        failed(work, "second.csv", row("e1", 99))
        outcome = work.run("verify", "--rebuild")
        assert outcome.exit_code == 0, outcome.out

    def test_a_dry_run_says_so_and_changes_nothing(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        before = whole(work)
        file = work.api_file("second.csv", row("e1", 99), row("e2"))
        outcome = work.run("check", file, "--schema", "api_usage", "--format", "json")
        assert outcome.exit_code == 1
        [report] = outcome.json
        assert (report["verdict"], report["error_count"]) == ("failed", 1)
        [error] = report["errors"]
        assert (error["code"], error["line"]) == (CONFLICT, 2)
        assert f"line 2 of {first}" in error["message"]
        assert whole(work) == before

    def test_the_file_passes_when_the_other_upload_is_voided(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        failed(work, "second.csv", row("e1", 99))
        void(work, first)
        taken_in(work, "second.csv", row("e1", 99))
        assert calls_of(work) == {"e1": 99}

    def test_a_restore_that_would_conflict_stays_out_and_the_history_says_why(
        self, work: Workplace
    ) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        void(work, first)
        second = taken_in(work, "second.csv", row("e1", 99))
        before = whole(work)
        outcome = restore(work, first)
        assert outcome.exit_code == 1
        assert [one["state"] for one in outcome.json] == ["voided"]
        assert f"line 2 of {second}" in outcome.err
        assert whole(work) == before
        last = work.listing("history", first)[-1]
        assert last["action"] == "conflict"
        assert f"line 2 of {second}" in last["note"]

    def test_a_restore_that_was_refused_works_when_the_other_is_voided(
        self, work: Workplace
    ) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        void(work, first)
        second = taken_in(work, "second.csv", row("e1", 99))
        restore(work, first)
        void(work, second)
        assert restore(work, first).exit_code == 0
        assert calls_of(work) == {"e1": 10}
        outcome = work.run("verify", "--rebuild")
        assert outcome.exit_code == 0, outcome.out

    def test_a_person_cannot_confirm_what_came_to_conflict_while_it_waited(
        self, work: Workplace
    ) -> None:
        change_yaml(work, "confirm: automatic", "confirm: manual")
        first, second = work.ingest(
            work.api_file("first.csv", row("e1", 10)), work.api_file("second.csv", row("e1", 99))
        )
        assert (first["state"], second["state"]) == ("passed", "passed")
        assert work.run("confirm", second["upload"], "--by", "rita").exit_code == 0
        outcome = work.run("confirm", first["upload"], "--by", "rita", "--format", "json")
        assert [one["state"] for one in outcome.json] == ["failed"]
        assert calls_of(work) == {"e1": 99}
        assert [one["code"] for one in errors_of(work, first["upload"])] == [CONFLICT]

    def test_confirming_a_conflict_is_a_matter_of_the_data_not_of_the_machine(
        self, work: Workplace
    ) -> None:
        change_yaml(work, "confirm: automatic", "confirm: manual")
        first, second = work.ingest(
            work.api_file("first.csv", row("e1", 10)), work.api_file("second.csv", row("e1", 99))
        )
        work.run("confirm", second["upload"], "--by", "rita")
        assert work.run("confirm", first["upload"], "--by", "rita").exit_code == 1


KEYED = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: keyed
  fields:
    customer_id: {type: string}
    part: {type: string, required: false}
    timestamp: {type: timestamp, time_zone: UTC}
    amount: {type: decimal, usage: true}
  event_key: [customer_id, part]
  csv: {null_values: [""]}
  metrics:
    total: {aggregation: sum, field: amount, window: day}
"""


def keyed(work: Workplace, name: str, *rows: str) -> str:
    """The key of an upload with a key of two parts that was ingested."""
    work.describe("keyed", KEYED)
    text = "\n".join(["customer_id,part,timestamp,amount", *rows]) + "\n"
    [found] = work.ingest(work.file(name, text), schema="keyed")
    assert found["state"] == "ingested", found
    return str(found["upload"])


class TestTheListing:
    def test_has_every_row_that_does_not_count_with_the_one_that_does(
        self, work: Workplace
    ) -> None:
        first = taken_in(work, "first.csv", row("e1", 10), row("e2", 5))
        second = taken_in(work, "second.csv", row("e3"), row("e2", 6), row("e3"), row("e1", 10))
        told = [
            (
                one["line"],
                one["event_key"]["event_id"],
                one["lost_as"],
                one["to_upload"],
                one["to_line"],
            )
            for one in losers(work, second)
        ]
        assert told == [
            (3, "e2", "conflict", first, 3),
            (4, "e3", "duplicate", second, 2),
            (5, "e1", "duplicate", first, 2),
        ]
        assert [one["differing"] for one in losers(work, second)] == [
            {"api_call_count": [6, 5]},
            {},
            {},
        ]

    def test_counts_what_the_upload_counts(self, work: Workplace) -> None:
        taken_in(work, "first.csv", *(row(f"e{n}") for n in range(0, 300, 2)))
        second = taken_in(work, "second.csv", *(row(f"e{n}", n) for n in range(300)))
        assert counts_of(work, second) == (150, 150, 0)
        assert len(losers(work, second)) == 150
        in_csv = work.run("duplicates", second, "--format", "csv").out
        assert len(list(csv.DictReader(io.StringIO(in_csv)))) == 150

    def test_says_so_where_every_row_counts(self, work: Workplace) -> None:
        upload = taken_in(work, "a.csv", row("e1"))
        assert losers(work, upload) == []
        assert "Every valid row counts." in work.run("duplicates", upload).out

    def test_where_every_line_counts_is_empty(self, work: Workplace) -> None:
        let_every_line_count(work)
        upload = taken_in(work, "a.csv", row("e1"), row("e1"))
        assert losers(work, upload) == []

    def test_as_a_table_tells_in_words_what_differs_and_how_many(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10), row("e2"))
        second = taken_in(work, "second.csv", row("e1", 99), row("e2"))
        outcome = work.run("duplicates", second)
        assert "api_call_count: 99, there 10" in outcome.out
        assert first in outcome.out
        assert "duplicates: 1, conflicts: 1" in outcome.err

    def test_of_a_voided_upload_says_what_would_lose_and_puts_nothing_in(
        self, work: Workplace
    ) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        second = taken_in(work, "second.csv", row("e1", 99))
        void(work, second)
        before = whole(work)
        [lost] = losers(work, second)
        assert (lost["to_upload"], lost["lost_as"]) == (first, "conflict")
        assert "if its rows went in now" in work.run("duplicates", second).err
        assert whole(work) == before
        assert work.run("verify", "--rebuild").exit_code == 0

    def test_of_a_waiting_upload_says_what_would_lose(self, work: Workplace) -> None:
        first = taken_in(work, "first.csv", row("e1", 10))
        change_yaml(work, "confirm: automatic", "confirm: manual")
        [waits] = work.ingest(work.api_file("second.csv", row("e1", 99)))
        assert waits["state"] == "passed"
        assert [one["to_upload"] for one in losers(work, waits["upload"])] == [first]
        assert calls_of(work) == {"e1": 10}

    def test_of_a_file_that_cannot_be_read_is_empty(self, work: Workplace) -> None:
        [found] = work.ingest(work.file("empty.csv", ""))
        assert losers(work, found["upload"]) == []

    def test_of_an_unknown_upload_is_wrong_use(self, work: Workplace) -> None:
        assert work.run("duplicates", "no-such").exit_code == 2

    def test_takes_a_missing_part_of_a_key_for_a_value(self, work: Workplace) -> None:
        first = keyed(work, "first.csv", "acme,,2024-10-01,1", "acme,x,2024-10-01,1")
        second = keyed(work, "second.csv", "acme,,2024-10-01,2", "globex,,2024-10-01,2")
        assert losers(work, second) == [
            {
                "line": 2,
                "event_key": {"customer_id": "acme", "part": None},
                "lost_as": "conflict",
                "to_upload": first,
                "to_line": 2,
                "differing": {"amount": ["2", "1"]},
            }
        ]

    def test_no_cell_of_csv_is_run_by_a_spreadsheet(self, work: Workplace) -> None:
        taken_in(work, "=first.csv", row("=1+1", 10))
        second = taken_in(work, "second.csv", row("=1+1", 99))
        text = work.run("duplicates", second, "--format", "csv").out
        [lost] = csv.DictReader(io.StringIO(text))
        assert json.loads(lost["event_key"]) == {"event_id": "=1+1"}
        assert json.loads(lost["differing"]) == {"api_call_count": [99, 10]}
        for cell in lost.values():
            assert not cell.startswith(("=", "+", "-", "@")), cell

    def test_in_a_table_no_value_is_markup(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("[red]e1[/red]", 10))
        second = taken_in(work, "second.csv", row("[red]e1[/red]", 99, customer="[bold]x[/bold]"))
        out = work.run("duplicates", second).out
        assert "[red]e1[/red]" in out
        assert "customer_id: [bold]x[/bold], there acme" in out

    def test_in_csv_has_each_column_once(self, work: Workplace) -> None:
        let_every_line_count(work)
        upload = taken_in(work, "a.csv", row("e1"))
        [header] = csv.reader(io.StringIO(work.run("duplicates", upload, "--format", "csv").out))
        assert len(header) == len(set(header))
