"""Bounds on files: said before work is done, with the right exit code, and nothing is taken."""

from __future__ import annotations

import csv
import gzip

import pytest

from usage_pipeline_tests.workplace import Workplace

LIMITED = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: limited
  on_invalid: quarantine_rows
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp, time_zone: UTC}
    calls: {type: integer, usage: true}
  event_key: [upload, line]
  csv: {max_file_size: 1KB, max_ratio: 20, max_field_length: 40, max_columns: 4, max_errors: 2}
"""
HEADER = "customer_id,timestamp,calls\n"
ROW = "acme,2024-10-01,1\n"


@pytest.fixture(autouse=True)
def _limited(work: Workplace) -> None:
    work.describe("limited", LIMITED)


def test_check_says_that_a_file_is_too_large(work: Workplace) -> None:
    [report] = work.check(work.file("big.csv", HEADER + 100 * ROW), schema="limited")
    assert report["verdict"] == "failed"
    assert [error["code"] for error in report["errors"]] == ["file-too-large"]


def test_ingest_refuses_it_and_takes_none_of_the_others(work: Workplace) -> None:
    small, big = work.file("a.csv", HEADER + ROW), work.file("b.csv", HEADER + 100 * ROW)
    outcome = work.run("ingest", small, big, "--schema", "limited")
    assert outcome.exit_code == 1
    assert "csv.max_file_size" in outcome.err
    assert work.listing("uploads") == []


def test_a_bomb_is_refused_with_its_ratio(work: Workplace) -> None:
    bomb = gzip.compress(HEADER.encode() + 100_000 * ROW.encode())[:]
    work.describe("limited", LIMITED.replace("1KB", "1MB"))
    [report] = work.check(work.file("bomb.csv.gz", bomb), schema="limited")
    assert [error["code"] for error in report["errors"]] == ["compression-error"]
    assert "csv.max_ratio" in report["errors"][0]["message"]


def test_too_many_columns_are_refused_in_the_header(work: Workplace) -> None:
    [report] = work.check(work.file("wide.csv", "a,b," + HEADER + "1,2," + ROW), schema="limited")
    assert [error["code"] for error in report["errors"]] == ["too-many-columns"]


def test_a_long_cell_sets_its_record_aside_alone(work: Workplace) -> None:
    rows = [ROW, "x" * 41 + ",2024-10-01,1\n", "y" * 40 + ",2024-10-01,1\n"]
    [report] = work.check(work.file("long.csv", HEADER + "".join(rows)), schema="limited")
    assert (report["verdict"], report["valid"], report["invalid"]) == ("passed", 2, 1)
    [error] = report["errors"]
    assert (error["code"], error["line"], error["column"]) == ("field-too-long", 3, "customer_id")


def test_as_many_messages_are_kept_as_the_schema_says_and_every_bad_line(work: Workplace) -> None:
    file = work.file("bad.csv", HEADER + ROW + 5 * "acme,2024-10-01,many\n")
    [upload] = work.ingest(file, schema="limited")
    assert upload["invalid"] == 5
    assert len(work.listing("errors", upload["upload"])) == 2
    assert "The first 2 of 5" in work.run("errors", upload["upload"]).err
    fixed = work.files / "fix.csv"
    work.run("errors", upload["upload"], "--output", fixed)
    assert len(fixed.read_text().splitlines()) == 6


def test_the_fix_file_says_of_every_bad_line_what_is_wrong(work: Workplace) -> None:
    bad = ["acme,2024-10-01,many\n", "acme,2024-10-01\n", ",2024-10-01,-\n"]
    [upload] = work.ingest(work.file("bad.csv", HEADER + ROW + "".join(3 * bad)), schema="limited")
    fixed = work.files / "fix.csv"
    work.run("errors", upload["upload"], "--output", fixed)
    codes = [row["_code"] for row in csv.DictReader(fixed.open())]
    assert codes == 3 * ["type-error", "missing-cell", "required-value type-error"]
