"""Bad input ends in a failed upload or a plain message, never in rows and never in a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from usage_pipeline_tests.workplace import HEADER, Outcome, Workplace

ROW = "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east"

#: what is wrong -> (the file's text, code, line, column)
FILES: dict[str, tuple[str, str, int | None, str | None]] = {
    "empty file": ("", "empty-file", None, None),
    "header only": (HEADER + "\n", "empty-file", None, None),
    "no header": (ROW + "\n" + ROW + "\n", "no-header", 1, None),
    "blank header": (",,,,,\n" + ROW + "\n", "blank-header", 1, None),
    "missing column": (
        "Event ID,Account,When,API Calls\ne1,a,2024-10-01T10:00:00Z,1\n",
        "missing-label",
        1,
        None,
    ),
    "repeated column": (HEADER + ",REGION\n" + ROW + ",us-east\n", "duplicate-label", 1, "region"),
    "two candidates": (
        HEADER + ",Account ID\n" + ROW + ",acme\n",
        "ambiguous-label",
        1,
        "Account ID",
    ),
    "bad timestamp": (
        f"{HEADER}\n{ROW.replace('2024-10', '2024-13')}\n",
        "timestamp-format",
        2,
        "When",
    ),
    "negative quantity": (
        f"{HEADER}\n{ROW.replace(',10,', ',-10,')}\n",
        "constraint-error",
        2,
        "API Calls",
    ),
    "fraction": (f"{HEADER}\n{ROW.replace(',10,', ',10.0,')}\n", "type-error", 2, "API Calls"),
    "too many digits": (
        f"{HEADER}\n{ROW.replace('1.5', '0.0000000000000000001')}\n",
        "precision-loss",
        2,
        "Storage GB",
    ),
    "empty customer": (f"{HEADER}\n{ROW.replace('acme', '')}\n", "required-value", 2, "Account"),
    "unknown region": (
        f"{HEADER}\n{ROW.replace('us-east', 'mars')}\n",
        "constraint-error",
        2,
        "region",
    ),
    "too few cells": (f"{HEADER}\n{ROW}\ne2,acme\n", "missing-cell", 3, None),
    "too many cells": (f"{HEADER}\n{ROW},x\n", "extra-cell", 2, None),
    "unclosed quote": (f'{HEADER}\n{ROW}\n"e2,acme,2024\n', "unclosed-quote", 3, "Event ID"),
    "stray quote": (
        f'{HEADER}\n{ROW}\ne"2,acme,2024-10-01T10:00:00Z,1,1,\n',
        "stray-quote",
        3,
        "Event ID",
    ),
    "before the start": (f"{HEADER}\n{ROW.replace('2024', '2019')}\n", "past-timestamp", 2, "When"),
    "in the future": (f"{HEADER}\n{ROW.replace('2024', '2999')}\n", "future-timestamp", 2, "When"),
    "NUL byte": (f"{HEADER}\n{ROW}\0\n", "encoding-error", 2, "region"),
}


@pytest.mark.parametrize("wrong", FILES)
def test_a_bad_file_is_refused_with_line_column_and_code(work: Workplace, wrong: str) -> None:
    text, code, line, column = FILES[wrong]
    outcome = work.run(
        "check", work.file("bad.csv", text), "--schema", "api_usage", "--format", "json"
    )
    assert outcome.exit_code == 1
    [report] = outcome.json
    assert report["verdict"] == "failed"
    found = [error for error in report["errors"] if error["code"] == code]
    assert found, report["errors"]
    assert (found[0]["line"], found[0]["column"]) == (line, column)
    assert found[0]["message"]


def test_bad_files_end_as_failed_uploads_with_nothing_in_the_ingestion_table(
    work: Workplace,
) -> None:
    files = [work.file(f"bad-{n}.csv", text) for n, (text, *_) in enumerate(FILES.values())]
    rows = work.ingest(*files)
    assert {row["state"] for row in rows} == {"failed"}
    assert work.listing("events", "--schema", "api_usage") == []
    assert work.listing("metrics", "api_calls") == []
    for row, (_, code, line, _) in zip(rows, FILES.values(), strict=True):
        errors = work.listing("errors", row["upload"])
        assert (code, line) in {(error["code"], error["line"]) for error in errors}


def test_ingesting_a_bad_file_exits_with_1(work: Workplace) -> None:
    bad = work.api_file("bad.csv", ROW.replace("acme", ""))
    assert work.run("ingest", bad, "--schema", "api_usage").exit_code == 1


def test_a_latin_1_file_is_refused_with_line_and_advice(work: Workplace) -> None:
    bad = work.file(
        "latin.csv", f"{HEADER}\n{ROW}\n{ROW.replace('acme', 'café')}\n".encode("latin-1")
    )
    [report] = work.check(bad)
    assert [(e["code"], e["line"]) for e in report["errors"]] == [("encoding-error", 3)]


def test_a_file_that_is_not_there_is_wrong_use(work: Workplace) -> None:
    for command in ("check", "ingest"):
        outcome = work.run(command, work.files / "nothing.csv", "--schema", "api_usage")
        _plain(outcome, 2, "There is no file")


def test_a_directory_is_wrong_use(work: Workplace) -> None:
    for command in ("check", "ingest"):
        outcome = work.run(command, work.files, "--schema", "api_usage")
        _plain(outcome, 2, "is not a file")


def test_nothing_is_done_when_one_of_the_files_is_not_there(work: Workplace) -> None:
    good = work.api_file("good.csv", ROW)
    work.run("ingest", good, work.files / "nothing.csv", "--schema", "api_usage")
    assert work.listing("uploads") == []


def test_an_unknown_schema_is_wrong_use_and_the_known_ones_are_named(work: Workplace) -> None:
    outcome = work.run("ingest", work.api_file("a.csv", ROW), "--schema", "api_usag")
    _plain(outcome, 2, "api_usage, focus_usage, storage_summary")


@pytest.mark.parametrize(
    "name",
    ['it\'s "here" now.csv', "a b.csv", "*.csv", "[x].csv", "ü–ß.csv", "-rf.csv", "a'; --.csv"],
)
def test_any_name_is_an_ordinary_name(work: Workplace, name: str) -> None:
    [row] = work.ingest(work.api_file(name, ROW))
    assert row["state"] == "ingested"
    [listed] = work.listing("uploads")
    assert listed["file_name"] == name


def test_a_link_is_not_taken(work: Workplace) -> None:
    link = work.files / "link.csv"
    link.symlink_to(work.api_file("real.csv", ROW))
    _plain(work.run("ingest", link, "--schema", "api_usage"), 2, "symbolic link")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_wrong_use(work: Workplace) -> None:
    file = work.api_file("secret.csv", ROW)
    file.chmod(0)
    _plain(work.run("ingest", file, "--schema", "api_usage"), 2, "Permission denied")


def test_an_unknown_upload_is_wrong_use(work: Workplace) -> None:
    for command in (["errors", "x"], ["history", "x"], ["confirm", "x", "--by", "me"]):
        _plain(work.run(*command), 2, "There is no upload 'x'")


def test_a_wrong_schema_file_is_wrong_use_and_located(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("type: integer", "type: integerr"))
    _plain(work.run("verify"), 2, "attributes.fields.api_call_count.type: 'integerr'")


def test_a_full_or_broken_disk_is_the_machines_matter(work: Workplace) -> None:
    (work.data / "uploads").write_text("in the way")
    outcome = work.run("ingest", work.api_file("a.csv", ROW), "--schema", "api_usage")
    _plain(outcome, 3, "The machine refused")


def test_files_of_one_name_cannot_share_a_mapped_folder(work: Workplace, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "a.csv"
    twin.write_text(HEADER)
    outcome = work.run(
        "check",
        work.api_file("a.csv", ROW),
        twin,
        "--schema",
        "api_usage",
        "--mapped",
        tmp_path / "m",
    )
    _plain(outcome, 2, "different names")


def _plain(outcome: Outcome, code: int, says: str) -> None:
    assert outcome.exit_code == code, outcome.err
    assert says in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
