"""A field may be called anything that is not the pipeline's own, and a file just anything."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from openpyxl import load_workbook

from usage_pipeline.definitions import defs
from usage_pipeline.intake import shown_name
from usage_pipeline_tests.workplace import Workplace

#: Words that SQL, the engine or the pipeline's own queries use too.
WORDS = (
    "select",
    "from",
    "order",
    "records",
    "frame",
    "incoming",
    "losers",
    "event",
    "first",
    "again",
    "original",
    "slot",
    "slots",
    "row",
    "rule",
    "code",
    "winner",
    "message",
    "unwarned",
    "values",
    "counts",
)

FIELDS = "\n".join(f"    {word}: {{type: string, required: false}}" for word in WORDS)
SCHEMA = f"""\
type: usage_pipeline.components.UsageEvents
attributes:
  name: odd
  fields:
    customer_id: {{type: string}}
    timestamp: {{type: timestamp, time_zone: UTC}}
    value: {{type: integer, usage: true}}
    window_start: {{type: integer, usage: true}}
{FIELDS}
  event_key: [customer_id, slot, first]
  metrics:
    uploads: {{aggregation: sum, field: value, window: day, group_by: [slot, event]}}
    confirm: {{aggregation: max, field: window_start, window: day, group_by: [{", ".join(WORDS)}]}}
"""


def test_field_and_metric_names_collide_with_nothing(work: Workplace) -> None:
    work.describe("odd", SCHEMA)
    header = ",".join(["customer_id", "timestamp", "value", "window_start", *WORDS])
    text = ",".join(WORDS)
    rows = [f"{who},2024-10-01,{n},7,{text}" for n, who in enumerate(["a", "b", "a"], 1)]
    [row] = work.ingest(work.file("odd.csv", "\n".join([header, *rows]) + "\n"), schema="odd")
    assert (row["state"], row["ingested"], row["duplicates"]) == ("ingested", 2, 1)
    values = work.listing("metrics", "uploads")
    assert [(one["customer_id"], one["slot"], one["value"]) for one in values] == [
        ("a", "slot", 1),
        ("b", "slot", 2),
    ]
    assert {one["value"] for one in work.listing("metrics", "confirm")} == {7}
    assert work.listing("events", "--schema", "odd")[0]["select"] == "select"
    assert work.run("verify").exit_code == 0


def test_dagster_loads_them(work: Workplace) -> None:
    work.describe("odd", SCHEMA)
    definitions = defs()
    dg.Definitions.validate_loadable(definitions)
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert {"odd/uploads", "odd/confirm", "odd/raw_upload"} <= keys


#: Names that a shell, a glob, SQL, a terminal or a file system could read as more than a name.
FILE_NAMES = (
    "[a]*.csv",
    "?.csv",
    "**.csv",
    "{a,b}.csv",
    'it\'s "here".csv',
    "a'; DROP TABLE x; --.csv",
    "two\nlines.csv",
    "tab\tbed\r.csv",
    "..csv",
    "a..b...csv",
    "~.csv",
    "%s $HOME `id`.csv",
    "back\\slash.csv",
    "\u202efdp.csv",
    "\x1b[2J\u200b.csv",
    "n" * 251 + ".csv",
    "é" * 125 + "x.csv",
    os.fsdecode(b"caf\xe9.csv"),
    os.fsdecode(b"\xff" * 251 + b".csv"),
    "no ending",
    ".hidden.csv",
    " .csv",
)
IDS = [shown_name(name).encode("unicode_escape").decode()[:20] for name in FILE_NAMES]

each_name = pytest.mark.parametrize("name", FILE_NAMES, ids=IDS)


def row_of(name: str, customer: str = "acme") -> str:
    """An event that no other file has."""
    return f"e{FILE_NAMES.index(name)},{customer},2024-10-01T10:00:00Z,10,1.5,us-east"


def decoy(work: Workplace) -> None:
    """Files that the patterns among the names would match."""
    for name in ("a1.csv", "b.csv", "x.csv"):
        work.api_file(name, "e99,decoy,2024-10-01T10:00:00Z,1,1,us-east")


class TestCheck:
    @each_name
    def test_a_file_of_that_name_is_checked(self, work: Workplace, name: str) -> None:
        decoy(work)
        [report] = work.check(work.api_file(name, row_of(name)))
        assert (report["file_name"], report["verdict"], report["lines"]) == (
            shown_name(name),
            "passed",
            1,
        )

    @each_name
    def test_its_errors_are_shown_with_their_record(self, work: Workplace, name: str) -> None:
        decoy(work)
        file = work.api_file(name, row_of(name, customer=""))
        outcome = work.run("check", file, "--schema", "api_usage")
        assert outcome.exit_code == 1
        assert f"    {row_of(name, customer='')}\n" in outcome.out
        assert outcome.out.replace("\n", "").isprintable()

    @pytest.mark.parametrize("form", ["json", "csv"])
    @each_name
    def test_listings_of_it_can_be_written(self, work: Workplace, name: str, form: str) -> None:
        file = work.api_file(name, row_of(name, customer=""))
        outcome = work.run("check", file, "--schema", "api_usage", "--format", form)
        assert outcome.exit_code == 1, outcome.err
        outcome.out.encode()

    @each_name
    def test_its_valid_rows_are_written(self, work: Workplace, name: str, tmp_path: Path) -> None:
        decoy(work)
        file, folder = work.api_file(name, row_of(name)), tmp_path / "mapped"
        outcome = work.run("check", file, "--schema", "api_usage", "--mapped", folder)
        assert outcome.exit_code == 0, outcome.err
        [frame] = folder.iterdir()
        shown = shown_name(name)
        whole = len(shown.encode()) <= 255 - len(".parquet")
        assert frame.name == f"{shown}.parquet" if whole else frame.name.startswith(shown[:100])
        with frame.open("rb") as opened:
            assert list(pd.read_parquet(opened)["event_id"]) == [row_of(name).split(",")[0]]

    def test_names_that_are_cut_stay_different(self, work: Workplace, tmp_path: Path) -> None:
        names = ["n" * 250 + end for end in ("1.csv", "2.csv")]
        files = [work.api_file(name, row_of(FILE_NAMES[0])) for name in names]
        outcome = work.run("check", *files, "--schema", "api_usage", "--mapped", tmp_path / "m")
        assert outcome.exit_code == 0, outcome.err
        assert len(list((tmp_path / "m").iterdir())) == 2

    @pytest.mark.parametrize("folder", ["[a]*", "it's", "two\nlines", "\u202e"])
    def test_the_folder_of_the_rows_may_be_called_anything(
        self, work: Workplace, tmp_path: Path, folder: str
    ) -> None:
        file = work.api_file("a.csv", row_of(FILE_NAMES[0]))
        target = tmp_path / folder
        outcome = work.run("check", file, "--schema", "api_usage", "--mapped", target)
        assert outcome.exit_code == 0, outcome.err
        assert [one.name for one in target.iterdir()] == ["a.csv.parquet"]


#: The workplace, and {name: upload} of the good files and of the bad ones.
Ingested = tuple[Workplace, dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def ingested(shared_work: Workplace) -> Ingested:
    """Where files of all those names were taken in, good ones and bad ones."""
    decoy(shared_work)
    good = [shared_work.api_file(name, row_of(name)) for name in FILE_NAMES]
    taken = shared_work.ingest(*good)
    assert [row["state"] for row in taken] == ["ingested"] * len(good)
    bad = [shared_work.api_file(name, row_of(name, customer="")) for name in FILE_NAMES]
    refused = shared_work.ingest(*bad)
    assert [row["state"] for row in refused] == ["failed"] * len(bad)
    return (
        shared_work,
        {name: row["upload"] for name, row in zip(FILE_NAMES, taken, strict=True)},
        {name: row["upload"] for name, row in zip(FILE_NAMES, refused, strict=True)},
    )


class TestIngest:
    def test_each_file_counts_once(self, ingested: Ingested) -> None:
        work, good, _ = ingested
        events = work.listing("events", "--schema", "api_usage")
        assert {event["upload"]: event["event_id"] for event in events} == {
            good[name]: row_of(name).split(",")[0] for name in FILE_NAMES
        }
        assert work.run("verify").exit_code == 0

    @each_name
    def test_its_upload_has_a_plain_key_and_keeps_its_name(
        self, ingested: Ingested, name: str
    ) -> None:
        work, good, _ = ingested
        upload = work.upload(good[name])
        assert upload.file_name == shown_name(name)
        assert upload.upload.isascii()
        assert not set(upload.upload) & set("/\\*?[]{}'\"`$~ \n")

    @each_name
    def test_listings_of_it_show_nothing_that_cannot_be_printed(
        self, ingested: Ingested, name: str
    ) -> None:
        work, good, _ = ingested
        for command in (["uploads"], ["history", good[name]], ["errors", good[name]]):
            outcome = work.run(*command)
            assert outcome.exit_code == 0, outcome.err
            assert (outcome.out + outcome.err).replace("\n", "").isprintable()

    @each_name
    def test_its_bad_lines_are_written_under_such_a_name(
        self,
        ingested: Ingested,
        name: str,
        tmp_path: Path,
    ) -> None:
        work, _, bad = ingested
        target = tmp_path / f"{name.removesuffix('.csv')}.csv"
        if len(os.fsencode(target.name)) > 255:
            pytest.skip("no such file can be")
        outcome = work.run("errors", bad[name], "--output", target)
        assert outcome.exit_code == 0, outcome.err
        assert outcome.err.replace("\n", "").isprintable()
        with target.open(newline="") as opened:
            assert next(reversed(list(csv.reader(opened))))[3] == row_of(name).split(",")[0]

    @each_name
    def test_its_bad_lines_are_written_as_a_workbook(
        self,
        ingested: Ingested,
        name: str,
        tmp_path: Path,
    ) -> None:
        work, _, bad = ingested
        target = tmp_path / f"{name[:60]}.xlsx"
        outcome = work.run("errors", bad[name], "--output", target)
        assert outcome.exit_code == 0, outcome.err
        with target.open("rb") as opened:
            assert load_workbook(opened).active["D2"].value == row_of(name).split(",")[0]
