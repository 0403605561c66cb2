"""Parquet of the tables, for readers who must not hold the database."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from usage_pipeline_tests.cli.undoing import change_yaml, row, taken_in, void
from usage_pipeline_tests.workplace import Outcome, Workplace

PRECISE = "123456789012345678.000000000000000001"
EXPORTED = {"ingestion_table", "displaced", "places", "api_calls", "peak_storage"}


def export(work: Workplace, to: Path) -> Outcome:
    return work.run("export", "--to", to, "--format", "json")


def exported(to: Path, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(to / "api_usage" / f"{table}.parquet").to_pylist()
    return rows


def as_listed(rows: list[dict[str, Any]], columns: list[str]) -> list[dict[str, Any]]:
    """Rows of a file as listings print them; which decimal it is, is looked at elsewhere."""

    def printed(value: Any) -> Any:
        if isinstance(value, Decimal):
            # An integer that may be too large for any of Parquet's is a decimal without scale.
            plain = f"{value:f}"
            return plain.rstrip("0").rstrip(".") if "." in plain else int(value)
        return value.isoformat() if hasattr(value, "isoformat") else value

    return [{column: printed(one[column]) for column in columns} for one in rows]


@dataclass(frozen=True)
class Export:
    work: Workplace
    folder: Path
    first: str
    second: str
    said: Outcome


@pytest.fixture(scope="module")
def made(shared_work: Workplace) -> Export:
    """An export of a ledger in which rows lost, and an upload was voided."""
    work = shared_work
    first = taken_in(
        work, "first.csv", f"e1,acme,2024-10-01T10:00:00Z,10,{PRECISE},us-east", row("e2", day=2)
    )
    second = taken_in(work, "second.csv", row("e1", 99), row("e3", customer="globex", day=3))
    void(work, taken_in(work, "voided.csv", row("e4")))
    to = work.files / "export"
    return Export(work, to, first, second, export(work, to))


def test_every_table_has_a_file_that_the_command_names(made: Export) -> None:
    assert made.said.exit_code == 0
    assert {one["table"] for one in made.said.json} == EXPORTED
    for one in made.said.json:
        assert one["file"] == str(made.folder / "api_usage" / f"{one['table']}.parquet")
        assert len(exported(made.folder, one["table"])) == one["rows"]


def test_the_ingestion_table_has_the_rows_that_events_lists(made: Export) -> None:
    listed = made.work.listing("events", "--schema", "api_usage")
    rows = sorted(exported(made.folder, "ingestion_table"), key=lambda one: one["timestamp"])
    assert as_listed(rows, list(listed[0])) == listed


@pytest.mark.parametrize("metric", ["api_calls", "peak_storage"])
def test_a_metric_has_the_values_that_metrics_lists(made: Export, metric: str) -> None:
    listed = made.work.listing("metrics", metric)
    for one in listed:
        assert one.pop("metric") == metric
    rows = as_listed(exported(made.folder, metric), list(listed[0]))
    order = sorted(rows, key=lambda one: (one["window_start"], one["customer_id"]))
    assert order == listed


def test_decimals_are_exact(made: Export) -> None:
    schema = pq.read_schema(made.folder / "api_usage" / "ingestion_table.parquet")
    assert schema.field("storage_gb").type == pa.decimal128(38, 18)
    [found] = [one for one in exported(made.folder, "ingestion_table") if one["event_id"] == "e1"]
    assert found["storage_gb"] == Decimal(PRECISE)


def test_rows_that_do_not_count_are_apart(made: Export) -> None:
    [lost] = exported(made.folder, "displaced")
    assert (lost["upload"], lost["line"], lost["api_call_count"]) == (made.second, 2, 99)


def test_uploads_are_there_by_place_the_voided_too(made: Export) -> None:
    rows = exported(made.folder, "places")
    assert [one["active"] for one in rows] == [True, True, False]
    assert [one["upload"] for one in rows[:2]] == [made.first, made.second]
    assert [one["ingested"] for one in rows] == [2, 1, 0]


def test_nothing_else_is_left_in_the_folder(made: Export) -> None:
    files = {path.name for path in made.folder.rglob("*") if path.is_file()}
    assert files == {f"{table}.parquet" for table in EXPORTED}
    assert [path.name for path in made.folder.iterdir()] == ["api_usage"]


def test_a_second_export_takes_the_place_of_the_first_and_its_readers_read_on(
    work: Workplace,
) -> None:
    to = work.files / "export"
    taken_in(work, "first.csv", row("e1"))
    assert export(work, to).exit_code == 0
    with (to / "api_usage" / "ingestion_table.parquet").open("rb") as reader:
        reader.read(4)
        taken_in(work, "second.csv", row("e2"))
        assert export(work, to).exit_code == 0
        old = pq.read_table(reader)
    assert old["event_id"].to_pylist() == ["e1"]
    assert {one["event_id"] for one in exported(to, "ingestion_table")} == {"e1", "e2"}


def test_an_export_of_what_was_voided_since_no_longer_has_it(work: Workplace) -> None:
    to = work.files / "export"
    upload = taken_in(work, "first.csv", row("e1"))
    export(work, to)
    void(work, upload)
    export(work, to)
    assert exported(to, "ingestion_table") == []
    assert exported(to, "api_calls") == []


def test_a_folder_is_made_where_there_is_none(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1"))
    assert export(work, work.files / "new" / "er").exit_code == 0
    assert len(exported(work.files / "new" / "er", "ingestion_table")) == 1


def test_a_file_in_the_place_of_the_folder_is_wrong_use(work: Workplace) -> None:
    file = work.file("export", "mine")
    outcome = export(work, file)
    assert outcome.exit_code == 2
    assert f"{file} is not a folder" in outcome.err
    assert file.read_text() == "mine"


def test_before_anything_was_ingested_nothing_is_written(work: Workplace) -> None:
    to = work.files / "export"
    outcome = export(work, to)
    assert (outcome.exit_code, outcome.json) == (0, [])
    assert "Nothing has been ingested yet." in work.run("export", "--to", to).out
    assert not list(to.rglob("*.parquet"))


def test_of_one_schema_only_that_one_is_written(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1"))
    to = work.files / "export"
    outcome = work.run("export", "--to", to, "--schema", "focus_usage", "--format", "json")
    assert (outcome.exit_code, outcome.json) == (0, [])


def test_windows_that_wait_to_be_computed_are_named(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1"))
    flow = work.flow()
    flow.void([work.upload(work.listing("uploads")[0]["upload"])], by="rita", reason="twice")
    with flow.warehouse.open() as connection:
        list(flow.settle(connection))
    outcome = export(work, work.files / "export")
    assert outcome.exit_code == 0
    stale = {one["table"]: one["stale"] for one in outcome.json}
    assert (stale["api_calls"], stale["ingestion_table"]) == (1, 0)
    assert "api_usage.api_calls: 1 windows wait to be computed." in outcome.err


@pytest.mark.parametrize("name", ["ingestion_table", "displaced", "places"])
def test_no_metric_may_have_the_name_of_another_exported_table(work: Workplace, name: str) -> None:
    change_yaml(work, "    api_calls: {", f"    {name}: {{")
    outcome = work.run("check", work.api_file("a.csv", row("e1")), "--schema", "api_usage")
    assert outcome.exit_code == 2
    assert name in outcome.err


def test_a_metric_that_is_not_computed_leaves_no_older_file_behind(work: Workplace) -> None:
    work.ingest(work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,10,1,us-east"))
    to = work.files / "out"
    work.run("export", "--to", str(to))
    file = to / "api_usage" / "api_calls.parquet"
    assert file.exists()
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("group_by: [region]", "group_by: []"))
    outcome = work.run("export", "--to", str(to), "--format", "json")
    assert not file.exists()
    [row] = [one for one in outcome.json if one["table"] == "api_calls"]
    assert row["file"] is None
    assert "api_usage.api_calls has no file" in outcome.err
