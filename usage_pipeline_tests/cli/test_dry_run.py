"""`check` says what ingestion would do, and changes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from usage_pipeline_tests.cli.undoing import change_yaml, choose_policy, row, taken_in, void
from usage_pipeline_tests.workplace import HEADER, Workplace

#: Made and emptied by whoever takes the lock, or holds the register open: they hold no data.
_LOCKS = (".lock", ".holder", "-shm")


def state_of(folder: Path) -> dict[str, str]:
    """{path below the folder: hash of what is in it}."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "a folder"
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(_LOCKS)
    }


def fates(report: dict[str, Any]) -> tuple[int | None, int | None, int | None]:
    return report["new"], report["duplicates"], report["conflicts"]


class TestItChangesNothing:
    @pytest.mark.parametrize("policy", ["keep_first", "refuse"])
    def test_in_a_folder_with_uploads(self, work: Workplace, policy: str) -> None:
        if policy != "keep_first":
            choose_policy(work, policy)
        taken_in(work, "first.csv", row("e1"), row("e2"))
        many = (row(f"n{number}") for number in range(3000))
        file = work.api_file("next.csv", row("e1"), row("e2", 99), *many)
        before = state_of(work.data)
        [report] = work.check(file)
        assert fates(report) == (3000, 1, 1)
        assert state_of(work.data) == before

    def test_where_there_is_no_data_folder(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nowhere = work.data / "not" / "there"
        monkeypatch.setenv("USAGE_PIPELINE_DATA", str(nowhere))
        [report] = work.check(work.api_file("a.csv", row("e1"), row("e1"), row("e1", 2)))
        assert fates(report) == (1, 1, 1)
        assert not (work.data / "not").exists()

    def test_where_nothing_was_ever_ingested(self, work: Workplace) -> None:
        before = state_of(work.data)
        assert fates(work.check(work.api_file("a.csv", row("e1")))[0]) == (1, 0, 0)
        assert state_of(work.data) == before


class TestItSaysWhatIngestionWouldDo:
    def test_new_duplicate_and_conflict(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1"), row("e2"))
        file = work.api_file("next.csv", row("e1"), row("e2", 99), row("e3"), row("e3"))
        [report] = work.check(file)
        assert fates(report) == (1, 2, 1)
        [found] = work.ingest(file)
        assert (found["ingested"], found["duplicates"]) == (1, 3)
        last = work.listing("history", found["upload"])[-1]
        assert last["details"]["conflicts"] == 1

    def test_under_keep_last_what_would_be_replaced(self, work: Workplace) -> None:
        choose_policy(work, "keep_last")
        first = taken_in(work, "first.csv", row("e1"), row("e2"))
        file = work.api_file("next.csv", row("e1"), row("e2", 99), row("e3"))
        [report] = work.check(file)
        assert (report["new"], report["replaced"], report["corrected"]) == (1, 2, 1)
        work.ingest(file)
        assert work.upload(first).superseded == 2

    def test_under_refuse_a_contradiction_fails_the_file_and_is_counted(
        self, work: Workplace
    ) -> None:
        choose_policy(work, "refuse")
        taken_in(work, "first.csv", row("e1"), row("e2"))
        [report] = work.check(work.api_file("next.csv", row("e1"), row("e2", 99), row("e3")))
        assert (report["verdict"], report["codes"]) == ("failed", {"conflict-with-ledger": 1})
        assert fates(report) == (1, 1, 1)
        [error] = report["errors"]
        assert (error["line"], error["field"], error["value"]) == (3, "api_call_count", "99")

    def test_the_profile_has_exact_totals_and_the_time_span(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1"), row("far", day=30))
        [report] = work.check(
            work.api_file(
                "next.csv",
                "n1,acme,2024-10-01T00:00:00+02:00,10,0.000000000000000001,",
                "n2,globex,2024-10-02T00:00:00Z,5,1.5,",
            )
        )
        assert report["profile"] == {
            "rows": 2,
            "customers": 2,
            "first": "2024-09-30T22:00:00+00:00",
            "last": "2024-10-02T00:00:00+00:00",
            "totals": {"api_call_count": "15", "storage_gb": "1.500000000000000001"},
        }
        there = report["in_already"]
        assert (there["rows"], there["totals"]["api_call_count"]) == (1, "10")

    def test_each_file_is_held_against_the_ledger_as_it_is(self, work: Workplace) -> None:
        files = [work.api_file(f"{n}.csv", row("e1"), row(f"own-{n}")) for n in range(3)]
        assert [fates(report) for report in work.check(*files)] == [(2, 0, 0)] * 3

    def test_a_file_that_cannot_be_read_has_no_numbers(self, work: Workplace) -> None:
        [report] = work.check(work.file("empty.csv", ""))
        assert fates(report) == (None, None, None)
        assert report["profile"] is None

    def test_a_busy_warehouse_costs_the_numbers_only(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", "0")
        file = work.api_file("a.csv", row("e1"))
        flow = work.flow()
        with flow.warehouse.open():
            [report] = work.check(file)
        assert (report["verdict"], fates(report)) == ("passed", (None, None, None))
        assert "The warehouse is in use by" in report["not_compared"]

    def test_rows_of_another_event_key_are_not_compared(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1"))
        change_yaml(work, "event_key: [event_id]", "event_key: [event_id, region]")
        [report] = work.check(work.api_file("next.csv", row("e1")))
        assert fates(report) == (None, None, None)
        assert "its YAML has changed under them" in report["not_compared"]


class TestTheSameBytes:
    def test_are_named_with_their_upload_and_its_state(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1"), row("e2"))
        copy = work.api_file("copy.csv", row("e1"), row("e2"))
        [report] = work.check(copy)
        assert (report["upload"], report["state"]) == (upload, "ingested")
        assert fates(report) == (0, 2, 0)
        out = work.run("check", copy, "--schema", "api_usage").out
        assert f"These bytes are upload {upload} already (ingested)." in out

    def test_replace_nothing_although_the_last_row_counts(self, work: Workplace) -> None:
        choose_policy(work, "keep_last")
        taken_in(work, "first.csv", row("e1"), row("e2"))
        [report] = work.check(work.files / "first.csv")
        assert (report["new"], report["replaced"], report["duplicates"]) == (0, 0, 2)

    def test_of_a_voided_upload_are_named_so(self, work: Workplace) -> None:
        upload = taken_in(work, "first.csv", row("e1"))
        void(work, upload)
        [report] = work.check(work.files / "first.csv")
        assert (report["upload"], report["state"]) == (upload, "voided")

    def test_others_of_the_same_size_are_not(self, work: Workplace) -> None:
        taken_in(work, "first.csv", row("e1"))
        [report] = work.check(work.api_file("next.csv", row("e2")))
        assert (report["upload"], report["state"]) == (None, None)


def test_the_report_says_it_in_a_few_lines(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1"), row("e2", 1200))
    file = work.api_file("next.csv", row("e1"), row("e2", 99), row("e3"))
    lines = work.run("check", file, "--schema", "api_usage").out.split("\n")
    assert lines[1:4] == [
        "  in this file: 3 valid rows of 1 customer, 2024-10-01 10:00:00Z to 2024-10-01 10:00:00Z; "
        "api_call_count 119; storage_gb 4.5",
        "  in already, same time span: 2 rows of 1 customer, 2024-10-01 10:00:00Z to "
        "2024-10-01 10:00:00Z; api_call_count 1,210; storage_gb 3",
        "  they would be: 1 new, 1 duplicate, 1 conflict",
    ]


def test_uploads_lists_those_that_wait(work: Workplace) -> None:
    taken_in(work, "in.csv", row("e1"))
    change_yaml(work, "confirm: automatic", "confirm: manual")
    [waits] = work.ingest(work.file("waits.csv", f"{HEADER}\n{row('e2')}\n"))
    found = work.listing("uploads", "--state", "passed")
    assert [one["upload"] for one in found] == [waits["upload"]]
