"""The file with just the bad lines: complete, harmless, and ready to be handed in again."""

from __future__ import annotations

import csv
import gc
import gzip
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.cli.workbook import Row, refuse_rows, write_workbook
from usage_pipeline.formulas import guard, unguard
from usage_pipeline_tests.workplace import HEADER, Workplace

TIME = "2024-10-01T10:00:00Z"
GOOD = f"e1,acme,{TIME},10,1.5,us-east"


def failed(work: Workplace, text: str | bytes) -> str:
    """An upload that failed."""
    [row] = work.ingest(work.file("bad.csv", text))
    assert row["state"] == "failed"
    return str(row["upload"])


def bad_rows(work: Workplace, *rows: str) -> str:
    return failed(work, "\n".join([HEADER, *rows]) + "\n")


def written(work: Workplace, upload: str, name: str) -> Path:
    target = work.files / name
    outcome = work.run("errors", upload, "--output", target)
    assert outcome.exit_code == 0, outcome.err
    return target


def csv_rows(work: Workplace, upload: str) -> list[list[str]]:
    with written(work, upload, "fix.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def cells_of(path: Path) -> list[list[Any]]:
    return [list(row) for row in load_workbook(path)["bad lines"].iter_rows()]


def describe(work: Workplace, old: str, new: str) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    assert old in yaml
    work.describe("api_usage", yaml.replace(old, new))


class TestCsv:
    def test_what_a_spreadsheet_would_run_is_guarded_and_can_be_had_back(
        self, work: Workplace
    ) -> None:
        cells = ["=1+1", "'=1+1", "＝1", "-5"]
        upload = bad_rows(work, *(f"{cell},,{TIME},1,1," for cell in cells))
        found = [row[3] for row in csv_rows(work, upload)[1:]]
        assert found == ["'=1+1", "''=1+1", "'＝1", "-5"]
        assert list(map(unguard, found)) == cells

    def test_a_cell_may_be_longer_than_csv_readers_like(self, work: Workplace) -> None:
        upload = bad_rows(work, f"{'x' * 200_000},,{TIME},1,1,")
        target = written(work, upload, "fix.csv")
        assert "x" * 200_000 in target.read_text()

    def test_a_packed_file_in_another_encoding_comes_as_plain_utf_8(self, work: Workplace) -> None:
        describe(work, "encoding: auto", "encoding: cp1252")
        text = f"{HEADER}\ne1,café,{TIME},-1,1,\n"
        upload = failed(work, gzip.compress(text.encode("cp1252")))
        assert csv_rows(work, upload)[1][4] == "café"

    def test_corrected_it_can_be_handed_in_whatever_the_schemas_encoding(
        self, work: Workplace
    ) -> None:
        describe(work, "encoding: auto", "encoding: cp1252")
        describe(work, "on_invalid: refuse_file", "on_invalid: quarantine_rows")
        text = f"{HEADER}\n{GOOD}\ne2,café,{TIME},-1,1,\n"
        [first] = work.ingest(work.file("bad.csv", text.encode("cp1252")))
        target = written(work, first["upload"], "fix.csv")
        target.write_bytes(target.read_bytes().replace(b",-1,", b",1,"))
        [row] = work.ingest(target)
        assert row["state"] == "ingested"
        [_, event] = work.listing("events", "--schema", "api_usage")
        assert event["customer_id"] == "café"


class TestWorkbook:
    def one_row(self, tmp_path: Path, *cells: str) -> list[Any]:
        """The cells of a row, as a workbook holds them."""
        path = tmp_path / "a.xlsx"
        labels = ["_line", "_code", "_message", *(f"c{n}" for n in range(len(cells)))]
        write_workbook(path, labels, [Row(2, "type-error", "Wrong.", list(cells))])
        return cells_of(path)[1][3:]

    def test_it_has_the_bad_lines_below_a_header(self, work: Workplace) -> None:
        upload = bad_rows(work, GOOD, f"e2,,{TIME},10,1.5,us-east", "e4,acme")
        found = [
            [cell.value for cell in row if cell.value is not None]
            for row in cells_of(written(work, upload, "fix.xlsx"))
        ]
        assert found[0] == [f"_line in {upload}", "_code", "_message", *HEADER.split(",")]
        assert found[1][:2] == [3, "required-value"]
        assert found[1][3:] == ["e2", TIME, 10, 1.5, "us-east"]
        assert found[2] == [4, "missing-cell", found[2][2], "e4", "acme"]

    @pytest.mark.parametrize(
        "text", ["=1+1", "+1", "-1+1", "@x", "＝1", "\tx", "#N/A", "#REF!", "TRUE", "2024-10-01"]
    )
    def test_every_text_is_a_text_and_stays_one(self, tmp_path: Path, text: str) -> None:
        [cell] = self.one_row(tmp_path, text)
        assert (cell.value, cell.data_type, cell.number_format) == (guard(text), "s", "@")
        assert cell.quotePrefix

    @pytest.mark.parametrize(
        "text", ["0", "12", "-5", "0.5", "-0.25", "12345678901", "0.123456789"]
    )
    def test_a_number_that_is_shown_as_it_is_written_is_one(
        self, tmp_path: Path, text: str
    ) -> None:
        [cell] = self.one_row(tmp_path, text)
        assert cell.data_type == "n"
        assert str(cell.value) == text

    @pytest.mark.parametrize(
        "text",
        [
            *("007", "1.50", "1.0", "-0", "1e3", "+5", ".5", "5.", "0.00001", "1,5", " 5", "5\n"),
            *("123456789012", "0.1234567890", "٣", "nan", "inf", "1_000"),
        ],
    )
    def test_a_number_that_would_be_shown_otherwise_is_a_text(
        self, tmp_path: Path, text: str
    ) -> None:
        [cell] = self.one_row(tmp_path, text)
        assert (cell.value, cell.data_type) == (text, "s")

    def test_an_empty_cell_is_empty_and_takes_text(self, tmp_path: Path) -> None:
        [cell, _] = self.one_row(tmp_path, "", "x")
        assert (cell.value, cell.number_format) == (None, "@")

    @pytest.mark.parametrize(
        ("text", "shown"),
        [("a\x00b\x1b", r"a\x00b\x1b"), ("\ufffe", r"\ufffe"), ("\x0b", r"\x0b")],
    )
    def test_what_a_workbook_cannot_hold_is_shown_as_its_escape(
        self, tmp_path: Path, text: str, shown: str
    ) -> None:
        assert self.one_row(tmp_path, text)[0].value == shown

    @pytest.mark.parametrize(
        "text", ["a\nb", "a\r\nb", "\r", " a ", "_x0041_", "_x0041_x0042_", "_x005F_", "🙂", "\t"]
    )
    def test_other_texts_come_back_just_as_they_were(self, tmp_path: Path, text: str) -> None:
        assert unguard(unescape(self.one_row(tmp_path, text)[0].value)) == text

    def test_the_longest_cell_is_not_cut(self, tmp_path: Path) -> None:
        assert self.one_row(tmp_path, "x" * 32_767)[0].value == "x" * 32_767

    @pytest.mark.parametrize("text", ["x" * 32_768, "🙂" * 16_384, "\x00" * 8_192])
    def test_a_longer_one_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(WrongUse, match=r"Line 2 .*32,767 .*\.csv"):
            self.one_row(tmp_path, text)

    @pytest.mark.filterwarnings("error")
    def test_what_is_refused_leaves_nothing_open_that_complains_later(self, tmp_path: Path) -> None:
        with pytest.raises(WrongUse):
            self.one_row(tmp_path, "x" * 32_768)
        gc.collect()

    def test_more_lines_than_a_sheet_has_are_refused(self) -> None:
        refuse_rows(1_048_575)
        with pytest.raises(WrongUse, match=r"1,048,576 lines .*\.csv"):
            refuse_rows(1_048_576)

    def test_more_cells_than_a_sheet_has_columns_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WrongUse, match=r"Line 2 .*columns.*\.csv"):
            self.one_row(tmp_path, *["x"] * 16_382)

    def test_long_messages_are_cut_where_it_can_be_seen(self, tmp_path: Path) -> None:
        path = tmp_path / "a.xlsx"
        write_workbook(
            path, ["_line", "_code", "_message"], [Row(2, "c " * 99_999, "\x00" * 99_999, [])]
        )
        [_, code, message] = cells_of(path)[1]
        assert code.value.endswith("…")
        assert message.value.endswith("…")

    def test_what_is_refused_leaves_an_older_file_alone(self, work: Workplace) -> None:
        upload = bad_rows(work, f"{'x' * 40_000},,{TIME},1,1,")
        target = work.file("fix.xlsx", "older")
        outcome = work.run("errors", upload, "--output", target)
        assert outcome.exit_code == 2
        assert "Line 2 holds a text longer than the 32,767 characters" in outcome.err
        assert target.read_text() == "older"


class TestRefusals:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("delimiter: auto", 'delimiter: "|"'),
            ("encoding: auto", "encoding: utf-16"),
            ("encoding: auto", "max_record_size: 60"),
        ],
    )
    @pytest.mark.parametrize("ending", [".csv", ".xlsx"])
    def test_a_schema_that_reads_the_file_otherwise_is_told(
        self, work: Workplace, old: str, new: str, ending: str
    ) -> None:
        upload = bad_rows(work, f"e1,{'x' * 90},{TIME},-1,1,")
        describe(work, old, new)
        target = work.files / f"fix{ending}"
        outcome = work.run("errors", upload, "--output", target)
        assert outcome.exit_code == 1
        assert "has changed since" in outcome.err
        assert "Traceback" not in outcome.err
        assert not target.exists()

    def test_a_file_that_is_no_csv_has_no_bad_lines(self, work: Workplace) -> None:
        upload = failed(work, f'{HEADER}\na"b\n')
        outcome = work.run("errors", upload, "--output", work.files / "fix.csv")
        assert outcome.exit_code == 2
        assert "could not be read line by line" in outcome.err

    @pytest.mark.parametrize("name", ["fix.txt", "fix", "nowhere/fix.csv", "folder.csv"])
    def test_where_it_cannot_be_written_is_wrong_use(self, work: Workplace, name: str) -> None:
        upload = bad_rows(work, "e1,acme")
        (work.files / "folder.csv").mkdir()
        outcome = work.run("errors", upload, "--output", work.files / name)
        assert outcome.exit_code == 2
        assert "Traceback" not in outcome.err
