"""The bad lines of an upload, corrected and dropped again, join the good ones that are in."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from usage_pipeline_tests.workplace import HEADER, Workplace

TIME = "2024-10-01T10:00:00Z"
GOOD = f"e1,acme,{TIME},10,1.5,us-east"
BAD = f"e2,acme,{TIME},-7777777,1.5,us-east"


@pytest.fixture
def quarantining(work: Workplace) -> Workplace:
    file = work.defs / "api_usage" / "defs.yaml"
    file.write_text(
        file.read_text().replace("on_invalid: refuse_file", "on_invalid: quarantine_rows")
    )
    return work


def dropped(work: Workplace, *rows: str, header: str = HEADER) -> str:
    [row] = work.ingest(work.file("october.csv", "\n".join([header, *rows]) + "\n"))
    return str(row["upload"])


def bad_lines(work: Workplace, upload: str, name: str = "fix.csv") -> Path:
    target = work.files / name
    assert work.run("errors", upload, "--output", target).exit_code == 0
    return target


def corrected(file: Path, old: str = "-7777777", new: str = "7") -> Path:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def saved_as_csv(workbook: Path, delimiter: str = ";") -> Path:
    """What a spreadsheet writes of a workbook, with the sign of its country."""
    target = workbook.with_suffix(".csv")
    with target.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=delimiter)
        for row in load_workbook(workbook)["bad lines"].iter_rows(values_only=True):
            writer.writerow(["" if value is None else value for value in row])
    return target


def events(work: Workplace) -> list[dict[str, Any]]:
    return work.listing("events", "--schema", "api_usage")


class TestJoining:
    def test_fixed_rows_join_the_good_ones(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        [row] = quarantining.ingest(corrected(bad_lines(quarantining, upload)))
        assert (row["state"], row["ingested"], row["duplicates"]) == ("ingested", 1, 0)
        assert [one["event_id"] for one in events(quarantining)] == ["e1", "e2"]

    def test_the_upload_it_fixes_is_known(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        [row] = quarantining.ingest(corrected(bad_lines(quarantining, upload)))
        [listed] = [
            one for one in quarantining.listing("uploads") if one["upload"] == row["upload"]
        ]
        assert listed["fix_of"] == upload

    def test_the_added_columns_are_not_warned_of(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        [said] = quarantining.check(corrected(bad_lines(quarantining, upload)))
        assert (said["verdict"], said["warning_count"]) == ("passed", 0)

    def test_columns_may_be_moved_and_our_words_deleted(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        [header, row] = list(csv.reader(corrected(bad_lines(quarantining, upload)).open()))
        keep = [0, *reversed(range(3, len(header)))]
        text = "\n".join(",".join(cells[at] for at in keep) for cells in (header, row)) + "\n"
        [said] = quarantining.ingest(quarantining.file("fix.csv", text))
        assert said["state"] == "ingested"

    def test_a_workbook_saved_as_csv_joins_likewise(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        fix = saved_as_csv(bad_lines(quarantining, upload, "fix.xlsx"))
        [row] = quarantining.ingest(corrected(fix))
        assert (row["state"], row["ingested"]) == ("ingested", 1)

    @pytest.mark.parametrize("name", ["fix.csv", "fix.xlsx"])
    def test_every_text_is_read_as_it_was(self, quarantining: Workplace, name: str) -> None:
        texts = ["=1+1", "'=1", "''@x", "'-5", "-5", "'plain", "007", "1.50"]
        bad = [BAD.replace("acme", text).replace("e2", f"f{n}") for n, text in enumerate(texts)]
        file = bad_lines(quarantining, dropped(quarantining, GOOD, *bad), name)
        quarantining.ingest(corrected(file if file.suffix == ".csv" else saved_as_csv(file)))
        assert [one["customer_id"] for one in events(quarantining)] == ["acme", *texts]

    def test_a_guarded_header_feeds_its_field(self, quarantining: Workplace) -> None:
        yaml = (quarantining.defs / "api_usage" / "defs.yaml").read_text()
        quarantining.describe("api_usage", yaml.replace('["API Calls"]', '["=calls"]'))
        upload = dropped(quarantining, GOOD, BAD, header=HEADER.replace("API Calls", "=calls"))
        file = bad_lines(quarantining, upload)
        assert "'=calls" in file.read_text()
        [row] = quarantining.ingest(corrected(file))
        assert row["state"] == "ingested"

    def test_guards_are_undone_in_fixes_only(self, quarantining: Workplace) -> None:
        dropped(quarantining, GOOD.replace("acme", "'=1+1"))
        assert events(quarantining)[0]["customer_id"] == "'=1+1"

    def test_what_the_schema_reads_from_the_name_is_that_of_the_first_file(
        self, quarantining: Workplace
    ) -> None:
        yaml = (quarantining.defs / "api_usage" / "defs.yaml").read_text()
        field = "    origin: {type: string, from_file_name: '^([a-z]+)[.]csv$'}\n  event_key"
        quarantining.describe("api_usage", yaml.replace("  event_key", field))
        upload = dropped(quarantining, GOOD, BAD)
        quarantining.ingest(corrected(bad_lines(quarantining, upload, "fix-2.csv")))
        assert {one["origin"] for one in events(quarantining)} == {"october"}

    def test_a_mapping_by_a_person_goes_with_it(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD, header=HEADER.replace("Account", "Acct No"))
        quarantining.run("map", upload, "--set", "customer_id=Acct No")
        [row] = quarantining.ingest(corrected(bad_lines(quarantining, upload)))
        assert row["state"] == "ingested"

    def test_what_is_still_bad_can_be_fixed_again(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD, BAD.replace("e2", "e3").replace("acme", "=1"))
        file = bad_lines(quarantining, upload)
        file.write_text(file.read_text().replace(",-7777777,", ",7,", 1))
        [first] = quarantining.ingest(file)
        assert (first["state"], first["invalid"]) == ("ingested", 1)
        again = corrected(bad_lines(quarantining, first["upload"], "fix2.csv"))
        [header, _] = list(csv.reader(again.open()))
        assert header == [f"_line in {first['upload']}", "_code", "_message", *HEADER.split(",")]
        quarantining.ingest(again)
        found = {one["event_id"]: one["customer_id"] for one in events(quarantining)}
        assert found == {"e1": "acme", "e2": "acme", "e3": "=1"}
        assert quarantining.run("verify", "--rebuild").exit_code == 0

    def test_a_fix_of_a_fix_has_what_the_first_name_says(self, quarantining: Workplace) -> None:
        yaml = (quarantining.defs / "api_usage" / "defs.yaml").read_text()
        field = "    origin: {type: string, from_file_name: '^([a-z]+)[.]csv$'}\n  event_key"
        quarantining.describe("api_usage", yaml.replace("  event_key", field))
        upload = dropped(quarantining, GOOD, BAD, BAD.replace("e2", "e3"))
        file = bad_lines(quarantining, upload, "fix-1.csv")
        file.write_text(file.read_text().replace(",-7777777,", ",7,", 1))
        [first] = quarantining.ingest(file)
        quarantining.ingest(corrected(bad_lines(quarantining, first["upload"], "fix-2.csv")))
        assert [one["origin"] for one in events(quarantining)] == 3 * ["october"]

    def test_a_column_code_of_the_files_own_is_read(self, quarantining: Workplace) -> None:
        yaml = (quarantining.defs / "api_usage" / "defs.yaml").read_text()
        field = "    mark: {type: string, required: false, from: [_code]}\n  event_key"
        quarantining.describe("api_usage", yaml.replace("  event_key", field))
        upload = dropped(quarantining, f"{GOOD},a", f"{BAD},b", header=f"{HEADER},_code")
        quarantining.ingest(corrected(bad_lines(quarantining, upload)))
        assert [one["mark"] for one in events(quarantining)] == ["a", "b"]


class TestRefusal:
    def test_where_every_line_counts_no_line_is_corrected_twice(
        self, quarantining: Workplace
    ) -> None:
        yaml = (quarantining.defs / "api_usage" / "defs.yaml").read_text()
        text = yaml.replace("event_key: [event_id]", "event_key: [upload, line]")
        quarantining.describe("api_usage", text)
        upload = dropped(quarantining, GOOD, BAD)
        fix = corrected(bad_lines(quarantining, upload))
        other = quarantining.file("again.csv", fix.read_text().replace(",7,", ",8,"))
        states = [quarantining.ingest(one)[0]["state"] for one in (fix, other, fix)]
        assert states == ["ingested", "failed", "ingested"]
        assert len(events(quarantining)) == 2

    def test_bad_lines_of_a_reading_that_is_not_in_are_not_written(
        self, quarantining: Workplace
    ) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        fix = corrected(bad_lines(quarantining, upload))
        quarantining.run("map", upload, "--set", "api_call_count=region")
        outcome = quarantining.run("errors", upload, "--output", quarantining.files / "other.csv")
        assert outcome.exit_code == 1
        assert "of another reading" in outcome.err
        assert quarantining.ingest(fix)[0]["state"] == "failed"

    def test_the_whole_file_is_needed_where_no_row_of_it_is_in(self, work: Workplace) -> None:
        upload = dropped(work, GOOD, BAD)
        fix = corrected(bad_lines(work, upload))
        [said] = work.check(fix)
        [row] = work.ingest(fix)
        [error] = work.listing("errors", row["upload"])
        assert row["state"] == said["verdict"] == "failed"
        assert error["code"] == said["errors"][0]["code"] == "incomplete-fix"
        assert "The whole corrected file is needed" in error["message"]
        assert events(work) == []

    def test_rows_that_were_voided_are_not_joined(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        fix = corrected(bad_lines(quarantining, upload))
        quarantining.run("void", upload, "--by", "Ada", "--reason", "wrong month")
        [row] = quarantining.ingest(fix)
        assert row["state"] == "failed"
        quarantining.run("restore", upload, "--by", "Ada", "--reason", "right after all")
        [row] = quarantining.ingest(fix)
        assert row["state"] == "ingested"

    def test_an_upload_that_nobody_knows_has_no_fix(self, quarantining: Workplace) -> None:
        upload = dropped(quarantining, GOOD, BAD)
        fix = corrected(bad_lines(quarantining, upload), upload, "other.csv-0123456789ab")
        [row] = quarantining.ingest(corrected(fix))
        [error] = quarantining.listing("errors", row["upload"])
        assert "was never uploaded to api_usage" in error["message"]

    def test_a_fix_is_not_confirmed_once_its_origin_is_out(self, quarantining: Workplace) -> None:
        yaml = (quarantining.defs / "api_usage" / "defs.yaml").read_text()
        upload = dropped(quarantining, GOOD, BAD)
        quarantining.describe("api_usage", yaml.replace("confirm: automatic", "confirm: manual"))
        [row] = quarantining.ingest(corrected(bad_lines(quarantining, upload)))
        assert row["state"] == "passed"
        quarantining.run("void", upload, "--by", "Ada", "--reason", "wrong month")
        outcome = quarantining.run("confirm", row["upload"], "--by", "Ada")
        assert outcome.exit_code == 1
        assert "which is voided by now" in outcome.err


def test_bad_cells_are_coloured_and_no_others(quarantining: Workplace) -> None:
    upload = dropped(quarantining, GOOD, BAD.replace("us-east", "mars"))
    rows = list(load_workbook(bad_lines(quarantining, upload, "fix.xlsx"))["bad lines"].iter_rows())
    coloured = [cell.value for cell in rows[1] if cell.fill.fill_type == "solid"]
    assert coloured == [-7777777, "mars"]
    assert all(cell.fill.fill_type is None for cell in rows[0])


def test_a_mapped_file_that_fails_is_told_like_any_other(quarantining: Workplace) -> None:
    upload = dropped(quarantining, GOOD, BAD, header=HEADER.replace("Account", "Acct No"))
    quarantining.run("map", upload, "--set", "customer_id=Acct No")
    outcome = quarantining.run(
        "ingest", bad_lines(quarantining, upload), "--schema", "api_usage", "--format", "json"
    )
    assert outcome.exit_code == 1, outcome.err
    assert outcome.json[0]["state"] == "failed"
