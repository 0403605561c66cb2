"""What `check` and `errors` show a person: where, what, and the record with its bad cells."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from usage_pipeline.cli.located import print_located
from usage_pipeline.mapping.headers import match_file
from usage_pipeline.reading import LocatedError
from usage_pipeline_tests.workplace import HEADER, Workplace

GOOD = "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east"


def report(work: Workplace, file: Path, *options: str) -> list[str]:
    """The lines that `check` prints."""
    outcome = work.run("check", file, "--schema", "api_usage", *options)
    assert outcome.exit_code in (0, 1), outcome.err
    return [line.rstrip() for line in outcome.out.split("\n")]


def checked(work: Workplace, *rows: str) -> list[str]:
    return report(work, work.api_file("a.csv", *rows))


def below(lines: list[str], beginning: str) -> list[str]:
    """The line that begins so, and the two below it."""
    at = next(index for index, line in enumerate(lines) if line.startswith(beginning))
    return lines[at : at + 3]


def many_errors(work: Workplace, count: int) -> Path:
    return work.api_file("m.csv", *(f"e{n},,2024-10-01T10:00:00Z,1,1," for n in range(count)))


class TestSummary:
    def test_verdict_and_counts_come_first(self, work: Workplace) -> None:
        bad = GOOD.replace("acme", "").replace("10,1.5", "-5,1.5")
        assert checked(work, GOOD, bad)[0] == (
            "a.csv  failed  2 lines: 1 valid, 1 invalid; 2 errors; 0 warnings"
        )

    def test_a_good_file_says_so(self, work: Workplace) -> None:
        assert checked(work, GOOD) == [
            "a.csv  passed  1 line: 1 valid, 0 invalid; 0 errors; 0 warnings",
            "  in this file: 1 valid row of 1 customer, 2024-10-01 10:00:00Z to "
            "2024-10-01 10:00:00Z; api_call_count 10; storage_gb 1.5",
            "  in already, same time span: 0 rows of 0 customers; api_call_count 0; storage_gb 0",
            "  they would be: 1 new, 0 duplicates, 0 conflicts",
            "",
            "",
        ]

    def test_a_file_that_cannot_be_read_has_no_lines(self, work: Workplace) -> None:
        assert report(work, work.file("e.csv", ""))[0] == "e.csv  failed  1 error; 0 warnings"

    def test_errors_come_before_warnings_with_what_to_do(self, work: Workplace) -> None:
        lines = checked(work, "", GOOD, GOOD, GOOD.replace("acme", ""))
        assert [line.split(":")[0] for line in lines[1:4]] == [
            "  1 × required-value",
            "  1 × blank-row (warning)",
            "  1 × duplicate-in-file (warning)",
        ]
        assert lines[1].endswith("A required cell is empty. Fill in the cell.")

    def test_a_header_that_differs_in_case_or_space_is_named(self, work: Workplace) -> None:
        header = HEADER.replace("Account", "ACCOUNT").replace("API Calls", "api_call_count")
        lines = report(work, work.file("a.csv", f"{header}\n{GOOD}\n"))
        assert [line for line in lines if "is taken for" in line] == [
            "  'ACCOUNT' is taken for customer_id: only case or space differ from the schema."
        ]


class TestErrors:
    def test_the_bad_cell_is_marked_in_its_record(self, work: Workplace) -> None:
        lines = checked(work, GOOD, GOOD.replace(",10,", ",-20,"))
        assert below(lines, "line 3") == [
            "line 3  constraint-error  API Calls: api_call_count must be at least 0, not '-20'.",
            "    e1,acme,2024-10-01T10:00:00Z,-20,1.5,us-east",
            "                                 ^^^",
        ]

    def test_errors_of_one_line_share_the_record(self, work: Workplace) -> None:
        lines = checked(work, GOOD.replace("acme", "").replace(",10,", ",x,"))
        at = lines.index("line 2  required-value  Account: customer_id must have a value.")
        assert lines[at + 1].startswith("line 2  type-error  API Calls: ")
        assert lines[at + 2 : at + 4] == [
            "    e1,,2024-10-01T10:00:00Z,x,1.5,us-east",
            "       ^                     ^",
        ]

    def test_a_record_of_several_lines_stands_on_one(self, work: Workplace) -> None:
        lines = checked(work, GOOD.replace("acme", '"a\nb"').replace(",10,", ",x,"))
        assert below(lines, "line 2")[1:] == [
            r'    e1,"a\nb",2024-10-01T10:00:00Z,x,1.5,us-east',
            "                                   ^",
        ]

    def test_where_a_cell_is_missing_the_end_is_marked(self, work: Workplace) -> None:
        assert below(checked(work, "e1,acme"), "line 2")[1:] == ["    e1,acme", "           ^"]

    def test_the_first_cell_too_many_is_marked(self, work: Workplace) -> None:
        assert below(checked(work, GOOD + ",x,y"), "line 2")[2].index("^") == len(f"    {GOOD},")

    def test_bad_headers_are_marked_in_the_header(self, work: Workplace) -> None:
        file = work.file("a.csv", f"{HEADER},,REGION\n{GOOD},,\n")
        lines = report(work, file)
        assert lines[-4:-2] == [
            f"    {HEADER},,REGION",
            f"{' ' * 47}^^^^^^ ^^^^^^^",
        ]

    def test_an_error_of_the_whole_file_has_no_line(self, work: Workplace) -> None:
        lines = report(work, work.file("e.csv", ""))
        assert below(lines, "the file")[0].startswith("the file  empty-file  ")

    def test_of_a_file_that_is_no_csv_the_line_is_shown(self, work: Workplace) -> None:
        lines = report(work, work.file("a.csv", f'{HEADER}\n{GOOD}\ne2,a"c,x\n{GOOD}\n'))
        assert below(lines, "line 3  stray-quote")[1:] == ['    e2,a"c,x', "       ^^^"]

    def test_where_the_header_is_no_csv_the_line_is_shown(self, work: Workplace) -> None:
        lines = report(work, work.file("a.csv", f'Event ID,a"b\n{GOOD}\n'))
        assert below(lines, "line 1  stray-quote")[1] == '    Event ID,a"b'

    def test_of_a_record_that_runs_on_only_what_is_shown_is_marked(self, work: Workplace) -> None:
        rows = f'e2,"a\nb",c,"d\n{GOOD}\n'
        lines = report(work, work.file("a.csv", f"{HEADER}\n{rows}"))
        assert below(lines, "line 2  unclosed-quote")[1:] == ['    e2,"a', ""]


class TestBounds:
    def test_a_table_lists_50_errors_and_says_how_to_see_more(self, work: Workplace) -> None:
        lines = report(work, many_errors(work, 1234))
        assert len([line for line in lines if line.startswith("line ")]) == 50
        assert lines[-3] == (
            "The first 50 of 1,234 errors; --max-errors lists more, --format json the first 1,000."
        )

    def test_the_counts_are_never_bounded(self, work: Workplace) -> None:
        assert report(work, many_errors(work, 1234))[0] == (
            "m.csv  failed  1,234 lines: 0 valid, 1,234 invalid; 1,234 errors; 0 warnings"
        )

    @pytest.mark.parametrize("form", ["json", "csv"])
    def test_a_listing_for_programs_has_1000(self, work: Workplace, form: str) -> None:
        outcome = work.run(
            "check", many_errors(work, 1234), "--schema", "api_usage", "--format", form
        )
        assert outcome.out.count("must have a value") == 1000

    def test_max_errors_says_how_many(self, work: Workplace) -> None:
        lines = report(work, many_errors(work, 60), "--max-errors", "60")
        assert len([line for line in lines if line.startswith("line ")]) == 60
        assert not any("The first" in line for line in lines)

    def test_no_advice_that_lists_fewer(self, work: Workplace) -> None:
        lines = report(work, many_errors(work, 1200), "--max-errors", "1100")
        assert lines[-3] == "The first 1,100 of 1,200 errors; --max-errors lists more."


class TestTerminal:
    def printed(self, work: Workplace, width: int, *, colour: bool) -> str:
        file = work.api_file("a.csv", GOOD.replace("acme", "x" * 100).replace(",10,", ",-20,"))
        schema = work.flow().schema
        error = LocatedError("constraint-error", "Wrong.", 2, "API Calls", "api_call_count", "-20")
        console = Console(
            file=io.StringIO(),
            width=width,
            force_terminal=colour,
            color_system="standard" if colour else None,
            no_color=not colour,
        )
        print_located(console, [error], file, match_file(file, schema), schema)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    def test_the_record_is_clipped_around_the_cell_to_the_terminals_width(
        self, work: Workplace
    ) -> None:
        lines = self.printed(work, 40, colour=False).split("\n")
        assert lines[1:] == [
            "    …024-10-01T10:00:00Z,-20,1.5,us-east",
            "                         ^^^",
            "",
        ]
        assert all(len(line) <= 40 for line in lines[1:])

    def test_with_colours_the_cell_is_marked_twice(self, work: Workplace) -> None:
        printed = self.printed(work, 60, colour=True)
        assert "\x1b[7;31m-20\x1b[0m" in printed
        assert "^^^" in printed


class TestUpload:
    def test_errors_marks_the_cells_of_an_upload(self, work: Workplace) -> None:
        [row] = work.ingest(work.api_file("a.csv", GOOD, GOOD.replace(",10,", ",-20,")))
        lines = work.run("errors", row["upload"]).out.split("\n")
        assert below(lines, "line 3  constraint-error")[1:] == [
            "    e1,acme,2024-10-01T10:00:00Z,-20,1.5,us-east",
            "                                 ^^^",
        ]

    def test_warnings_are_told_from_errors(self, work: Workplace) -> None:
        [row] = work.ingest(work.api_file("a.csv", GOOD, GOOD))
        out = work.run("errors", row["upload"]).out
        assert out.startswith("line 3  duplicate-in-file (warning)  The same event again")

    def test_nothing_found_says_so(self, work: Workplace) -> None:
        [row] = work.ingest(work.api_file("a.csv", GOOD))
        assert work.run("errors", row["upload"]).out == "Nothing was found.\n"

    def test_a_table_lists_200_findings_and_says_how_to_see_more(self, work: Workplace) -> None:
        [row] = work.ingest(many_errors(work, 250))
        outcome = work.run("errors", row["upload"])
        assert outcome.out.count("required-value") == 200
        assert outcome.err == (
            "The first 200 of 250; --format json lists 250; --output writes every bad line.\n"
        )

    def test_under_another_schema_the_lines_are_shown_without_marks(self, work: Workplace) -> None:
        [row] = work.ingest(work.api_file("a.csv", GOOD.replace(",10,", ",-20,")))
        yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
        work.describe("api_usage", yaml.replace("delimiter: auto", 'delimiter: "|"'))
        lines = work.run("errors", row["upload"]).out.split("\n")
        assert below(lines, "line 2")[1:] == [
            "    e1,acme,2024-10-01T10:00:00Z,-20,1.5,us-east",
            "",
        ]
