"""One rule, one decision: suite, verdict, error file, checks and command line never disagree."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from usage_pipeline.reading import LocatedError
from usage_pipeline.schema.rules import row_rules
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.codes import CODES, is_warning
from usage_pipeline.validation.findings import read_error_file
from usage_pipeline.validation.suite import SuiteRunner
from usage_pipeline_tests.workplace import Workplace

SCHEMA = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: every_rule
  start: 2024-01-01
  on_invalid: quarantine_rows
  csv: {null_values: ["", "NULL"]}
  fields:
    id: {type: string, pattern: "[a-z]+[0-9]*", max_length: 6}
    customer_id: {type: string, allowed: ["a:b", "50% 'off'", "c", "e"]}
    timestamp: {type: timestamp, time_zone: Europe/Berlin, past_limit: 3650d}
    ends: {type: timestamp, required: false, format: "%d.%m.%Y %H:%M %z", future_limit: 1d}
    calls: {type: integer, usage: true, minimum: 1, maximum: 100}
    gb: {type: decimal, precision: 6, scale: 2, minimum: "-0.5", required: false}
    paid: {type: boolean, required: false}
  event_key: [id]
  customers: {file: customers.csv}
"""

GOOD = ["ok1", "c", "2024-10-01 10:00:00", "01.10.2024 12:00 +02:00", "5", "1.25", "true"]

#: code -> (field, a cell that breaks a rule of that code)
BREAKS: dict[str, list[tuple[str, str]]] = {
    "required-value": [("id", "NULL"), ("customer_id", ""), ("timestamp", ""), ("calls", "")],
    "type-error": [("calls", "1.0"), ("gb", "1,5"), ("paid", "yes")],
    "precision-loss": [
        ("calls", "9" * 30),
        ("gb", "1.001"),
        ("gb", "12345"),
        ("timestamp", "2024-10-01 10:00:00.0000001"),
    ],
    "constraint-error": [
        ("id", "UPPER"),
        ("id", "toolong1"),
        ("customer_id", "d"),
        ("calls", "0"),
        ("calls", "101"),
        ("gb", "-0.51"),
    ],
    "timestamp-format": [("timestamp", "01.10.2024"), ("ends", "2024-10-01")],
    "timestamp-ambiguous": [
        ("timestamp", "2024-10-27 02:30:00"),
        ("timestamp", "2024-03-31 02:30:00"),
    ],
    "future-timestamp": [("timestamp", "2999-01-01 00:00:00"), ("ends", "01.01.2999 00:00 Z")],
    "past-timestamp": [("timestamp", "2014-12-31 23:59:59")],
    "unknown-customer": [("customer_id", "e")],
    "padded-text": [("id", "ok1 ")],
}
FIELDS = ["id", "customer_id", "timestamp", "ends", "calls", "gb", "paid"]


def broken_rows() -> list[list[str]]:
    rows = []
    for number, (field, cell) in enumerate(pair for pairs in BREAKS.values() for pair in pairs):
        row = [f"k{number}", *GOOD[1:]]
        row[FIELDS.index(field)] = cell
        rows.append(row)
    return rows


@pytest.fixture
def file(work: Workplace) -> Path:
    work.describe("every_rule", SCHEMA)
    (work.data / "customers.csv").write_text("customer_id\na:b\n50% 'off'\nc\nd\n")
    text = io.StringIO()
    rows = [GOOD, *broken_rows(), ["short", "c"], [*GOOD, "long"], GOOD]
    csv.writer(text, lineterminator="\n").writerows([FIELDS, *rows])
    return work.file("every.csv", text.getvalue())


@pytest.fixture
def checked(work: Workplace, file: Path) -> CheckedFile:
    flow = work.flow("every_rule")
    [receipt] = flow.receive([file], by="a test")
    [(_, result)] = flow.check([receipt.upload])
    assert isinstance(result, CheckedFile)
    return result


def rule_counts(findings: list[LocatedError]) -> Counter[tuple[str | None, str]]:
    return Counter((one.field, one.code) for one in findings if one.field)


def test_every_rule_of_the_schema_is_broken_by_some_row(checked: CheckedFile) -> None:
    untouched = [result.rule for result in checked.results if result.unexpected == 0]
    # With a zone of its own, a time is never without one; and `ends` has no rule on clock changes.
    assert {(rule.field, rule.code) for rule in untouched} <= {
        ("timestamp", "timestamp-no-zone"),
        ("ends", "timestamp-no-zone"),
        ("ends", "timestamp-ambiguous"),
        ("ends", "precision-loss"),
        ("customer_id", "padded-text"),
    }


def test_the_suite_counts_what_the_error_file_lists(work: Workplace, checked: CheckedFile) -> None:
    flow = work.flow("every_rule")
    [upload] = flow.register.uploads()
    listed = read_error_file(flow.archive.errors("every_rule", upload.upload, flow.version))
    suite: Counter[tuple[str | None, str]] = Counter()
    for result in checked.results:
        if result.unexpected:
            suite[result.rule.field, result.rule.code] += result.unexpected
    assert rule_counts(listed) == suite


def test_the_suite_would_say_the_same_if_it_were_shown_every_row(checked: CheckedFile) -> None:
    runner = SuiteRunner("every_rule", [result.rule for result in checked.results])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW every_row AS FROM read_parquet('{checked.mapped.frame}')")
        assert runner.run(connection, "every_row") == list(checked.results)


def test_each_broken_cell_is_found_with_its_own_code_line_and_text(checked: CheckedFile) -> None:
    pairs = [(code, *pair) for code, found in BREAKS.items() for pair in found]
    for line, (code, field, cell) in enumerate(pairs, 3):
        expected = None if code == "required-value" else cell
        found = {(e.code, e.field, e.column, e.value) for e in checked.findings if e.line == line}
        assert (code, field, field, expected) in found, (line, found)


def test_a_row_is_invalid_exactly_when_an_error_is_listed_for_it(checked: CheckedFile) -> None:
    assert checked.mapped.frame is not None
    frame = pq.read_table(checked.mapped.frame, columns=["line", "valid"]).to_pylist()
    invalid = {row["line"] for row in frame if not row["valid"]}
    assert invalid == {error.line for error in checked.errors}
    assert checked.verdict.invalid == len(invalid)
    assert checked.verdict.lines == len(frame)


def test_the_verdict_counts_every_finding(checked: CheckedFile) -> None:
    assert Counter(one.code for one in checked.findings) == checked.verdict.codes
    assert checked.verdict.error_count == len(checked.errors)


def test_the_command_line_says_the_same(work: Workplace, file: Path, checked: CheckedFile) -> None:
    [report] = work.check(file, schema="every_rule")
    assert report["error_count"] == checked.verdict.error_count
    assert report["codes"] == checked.verdict.codes
    assert [(e["line"], e["field"], e["code"]) for e in report["errors"]] == [
        (error.line, error.field, error.code) for error in checked.errors
    ]


def test_counts_stay_exact_when_messages_are_bounded(work: Workplace, file: Path) -> None:
    flow = work.flow("every_rule")
    [full] = flow.dry_run([file], max_errors=1000)
    [few] = flow.dry_run([file], max_errors=3)
    assert len(few.errors) == 3
    assert few.verdict.codes == full.verdict.codes
    assert few.verdict.invalid == full.verdict.invalid


def test_every_code_of_a_rule_is_in_the_catalogue(work: Workplace) -> None:
    work.describe("every_rule", SCHEMA)
    schema = work.flow("every_rule").schema
    for rule in row_rules(schema):
        assert rule.code in CODES
        assert is_warning(rule.code, schema) is rule.warning
