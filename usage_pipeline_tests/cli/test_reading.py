"""How a file is read, as `check` tells it: what counts, what is set aside, and where."""

from __future__ import annotations

import pytest

from usage_pipeline.mapping.headers import match_file
from usage_pipeline_tests.workplace import Workplace

SCHEMA = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: calls
  on_invalid: quarantine_rows
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp, time_zone: UTC}
    calls: {type: integer, usage: true}
    path: {type: string, required: false}
  event_key: [upload, line]
"""
HEADER = "customer_id,timestamp,calls,path\n"


@pytest.fixture(autouse=True)
def _described(work: Workplace) -> None:
    work.describe("calls", SCHEMA)


def test_one_odd_row_is_set_aside_though_another_sign_would_fit_all(work: Workplace) -> None:
    good = "acme,2024-10-01,1,a|b|c|d\n"
    file = work.file("bars.csv", HEADER + 20 * good + "acme,2024-10-01,1,a|b|c|d,\n")
    [report] = work.check(file, schema="calls")
    assert (report["verdict"], report["valid"], report["invalid"]) == ("passed", 20, 1)
    assert [(e["line"], e["code"]) for e in report["errors"]] == [(22, "extra-cell")]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_with_another_sign_than_the_records_is_a_wrong_delimiter(
    work: Workplace, quote: str
) -> None:
    row = ";".join(f"{quote}{cell}{quote}" for cell in ("acme", "2024-10-01", "1", "a,b,c"))
    [report] = work.check(work.file("a.csv", HEADER + 3 * f"{row}\n"), schema="calls")
    assert [(e["line"], e["code"]) for e in report["errors"]] == [(1, "wrong-delimiter")]
    assert "the records have a semicolon" in report["errors"][0]["message"]


def test_a_control_character_is_located_by_column_and_field(work: Workplace) -> None:
    rows = "acme,2024-10-01,1,\nac\x1bme,2024-10-01,1,\n"
    [report] = work.check(work.file("a.csv", HEADER + rows), schema="calls")
    [error] = report["errors"]
    assert (error["line"], error["column"], error["field"], error["code"]) == (
        3,
        "customer_id",
        "customer_id",
        "control-character",
    )


@pytest.mark.parametrize("unseen", [" ", "\u00a0", "\u200b", "\ufeff", "\u2009"])
def test_what_nobody_sees_at_the_ends_of_a_text_is_a_warning(work: Workplace, unseen: str) -> None:
    rows = f"acme{unseen},2024-10-01,1,\n{unseen}acme,2024-10-01,1,\n"
    [report] = work.check(work.file("a.csv", HEADER + rows), schema="calls")
    assert report["codes"] == {"padded-text": 2}


def test_the_bad_lines_of_bad_lines_are_written_like_those_of_any_file(work: Workplace) -> None:
    first = work.file("a.csv", HEADER + "acme,2024-10-01,one,\nacme,2024-10-01,two,\n")
    for source, name in ((first, "b.csv"), (work.files / "b.csv", "c.csv")):
        [upload] = work.ingest(source, schema="calls")
        work.run("errors", upload["upload"], "--output", work.files / name)
    header, *rows = (work.files / "c.csv").read_text().splitlines()
    expected = f"_line in {upload['upload']},_code,_message,customer_id,timestamp,calls,path"
    assert header == expected
    assert [row.split(",")[:2] for row in rows] == [["2", "type-error"], ["3", "type-error"]]


def test_a_file_that_changes_while_it_is_read_is_told_so(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = work.file("a.csv", HEADER + "acme,2024-10-01,1,\n")

    def match_and_change(*arguments: object) -> object:
        found = match_file(*arguments)  # type: ignore[arg-type]
        file.write_text("another,header\n")
        return found

    monkeypatch.setattr("usage_pipeline.mapping.map_files.match_file", match_and_change)
    outcome = work.run("check", file, "--schema", "calls")
    assert outcome.exit_code == 3
    assert outcome.err.startswith("A file changed while it was read; try again:")
