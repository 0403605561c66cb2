"""Nothing that a file says moves a cursor, forges a line or turns text around on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from usage_pipeline.cli import demo
from usage_pipeline.cli.exit_code import exit_code_of
from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.register import Upload
from usage_pipeline.schema import InvalidSchema
from usage_pipeline.schema.schema_file import SchemaProblem
from usage_pipeline_tests.workplace import HEADER, Outcome, Workplace

EVIL = "\x1b[2J\u202e\u200b\x9b[bold]:bomb:"
SHOWN = r"\x1b[2J\u202e\u200b\x9b[bold]:bomb:"
NAME = f"{EVIL}\nb.csv"
GOOD = "e0,acme,2024-10-01T10:00:00Z,10,1.5,us-east"
ROW = f"e1,{EVIL},2024-10-01T10:00:00Z,10,1.5,us-east"


def harmless(outcome: Outcome) -> str:
    """All that was printed."""
    printed = outcome.out + outcome.err
    assert printed.replace("\n", "").isprintable(), printed
    assert "Traceback" not in printed
    return printed


@pytest.fixture
def evil(work: Workplace) -> list[object]:
    """Arguments for a file with control characters in its name, a header and a cell."""
    return [work.file(NAME, f"{HEADER},x{EVIL}\n{GOOD},y\n{ROW},y\n"), "--schema", "api_usage"]


def test_check_shows_them_as_escapes(work: Workplace, evil: list[str]) -> None:
    printed = harmless(work.run("check", *evil))
    assert printed.startswith(rf"{SHOWN}\nb.csv  failed")
    assert f"e1,{SHOWN},2024" in printed
    assert f"'x{SHOWN}'" not in printed


def test_ingest_and_errors_show_them_as_escapes(work: Workplace, evil: list[str]) -> None:
    assert SHOWN in harmless(work.run("ingest", *evil))
    [row] = work.listing("uploads")
    printed = harmless(work.run("errors", row["upload"]))
    assert f"'x{SHOWN}'" in printed
    assert f"e1,{SHOWN},2024" in printed


def test_a_listing_shows_them_as_escapes(work: Workplace) -> None:
    work.ingest(work.api_file("a.csv", ROW.replace("\x1b", "").replace("\x9b", "")))
    printed = harmless(work.run("events", "--schema", "api_usage"))
    assert r"[2J\u202e\u200b[bold]:bomb:" in printed


def test_who_decided_and_why_is_shown_with_escapes(work: Workplace) -> None:
    [row] = work.ingest(
        work.file("s.csv", "Customer,Date,Class,GB Hours,Requests\na,2024-10-01,standard,1,3\n"),
        schema="storage_summary",
    )
    work.run("refuse", row["upload"], "--by", EVIL, "--reason", f"{EVIL}\nforged")
    printed = harmless(work.run("history", row["upload"]))
    assert "forged" in printed
    assert "\nforged" not in printed


def test_json_and_csv_are_data(work: Workplace, evil: list[str]) -> None:
    [report] = work.run("check", *evil, "--format", "json").json
    assert report["file_name"] == NAME
    assert EVIL in work.run("check", *evil, "--format", "csv").out


def test_messages_on_wrong_use_show_them_as_escapes(work: Workplace) -> None:
    for command in (
        ["check", work.files / NAME, work.files / "b.csv", "--schema", "api_usage"],
        ["check", work.api_file("a.csv"), "--schema", EVIL],
        ["errors", EVIL],
        ["uploads", "--state", EVIL],
        ["metrics", EVIL],
    ):
        outcome = work.run(*command)
        assert outcome.exit_code == 2
        assert "\\x1b" in harmless(outcome)


def test_each_missing_file_has_its_own_line(work: Workplace) -> None:
    outcome = work.run("check", work.files / "a\nb", work.files / "c", "--schema", "api_usage")
    assert outcome.err.split("\n") == [
        rf"There is no file {work.files}/a\nb",
        f"There is no file {work.files}/c",
        "",
    ]


def test_each_problem_of_a_schema_has_its_own_line_and_forges_none(work: Workplace) -> None:
    problems = [SchemaProblem(work.files, line, "key", f"{EVIL}\nforged") for line in (1, 2)]
    code, message = exit_code_of(InvalidSchema(problems))
    assert code == 2
    assert len(message.split("\n")) == 3
    assert message.replace("\n", "").isprintable()


def test_a_mistake_of_ours_keeps_the_lines_of_its_traceback() -> None:
    try:
        raise RuntimeError(EVIL)
    except RuntimeError as error:
        code, message = exit_code_of(error)
    assert code == 3
    assert message.startswith("Traceback (most recent call last):\n")
    assert message.replace("\n", "").isprintable()


def test_words_of_ours_keep_their_line_breaks() -> None:
    assert exit_code_of(WrongUse("one", "two\n")) == (2, "one\ntwo\\n")


def test_the_demo_shows_file_names_as_they_are(work: Workplace) -> None:
    [row] = work.ingest(work.file(NAME, ""))
    upload: Upload = work.upload(row["upload"])
    console = Console(file=io.StringIO(), width=240)
    demo._tell_files(console, [upload], set())
    demo._tell_next(console, [upload])
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert printed.count(rf"{SHOWN}\nb.csv") == 2
    assert printed.replace("\n", "").isprintable()
