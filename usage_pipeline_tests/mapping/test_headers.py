"""The header: found where it must be, split by the sign that fits, each label matched or named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from usage_pipeline.mapping.headers import HeaderMatch, match_file
from usage_pipeline.reading import LocatedError, UnreadableFile
from usage_pipeline.schema import EventSchema, parse_schema


def schema(**changes: Any) -> EventSchema:
    attributes: dict[str, Any] = {
        "name": "calls",
        "fields": {
            "customer_id": {"type": "string", "from": ["Account", "Customer No"]},
            "timestamp": {"type": "timestamp", "time_zone": "UTC"},
            "calls": {"type": "integer", "usage": True},
            "note": {"type": "string", "required": False},
        },
        "event_key": ["customer_id", "timestamp"],
    }
    return parse_schema(attributes | changes)


def matched(folder: Path, text: str, **csv: Any) -> HeaderMatch:
    """The header of a file of that text, held against the schema."""
    path = folder / "usage.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return match_file(path, schema(csv=csv))


def only_error(folder: Path, text: str, **csv: Any) -> LocatedError:
    """The one reason why the header cannot be used."""
    try:
        [error] = matched(folder, text, **csv).errors
    except UnreadableFile as refused:
        return refused.error
    return error


HEADER = "Account,timestamp,calls\n"


class TestDelimiter:
    @pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
    def test_the_sign_that_feeds_all_required_fields_is_taken(
        self, tmp_path: Path, sign: str
    ) -> None:
        match = matched(tmp_path, HEADER.replace(",", sign))
        assert match.header.delimiter == sign
        assert match.errors == ()

    def test_another_sign_in_a_label_misleads_nobody(self, tmp_path: Path) -> None:
        match = matched(tmp_path, "Account;timestamp;calls;a,b,c,d,e,f\n")
        assert match.header.delimiter == ";"

    @pytest.mark.parametrize("sign", [":", " ", "^", "~"])
    def test_a_sign_that_is_not_tried_is_a_wrong_delimiter_with_what_was_tried(
        self, tmp_path: Path, sign: str
    ) -> None:
        error = only_error(tmp_path, HEADER.replace(",", sign))
        assert (error.code, error.line) == ("wrong-delimiter", 1)
        assert "a comma or a semicolon or a tab or a vertical bar" in error.message
        assert "needs 3 columns" in error.message

    def test_so_it_is_where_quotes_make_the_header_malformed(self, tmp_path: Path) -> None:
        error = only_error(tmp_path, 'Account timestamp "calls"\na 2024-01-01 1\n')
        assert (error.code, error.line) == ("wrong-delimiter", 1)

    def test_one_column_is_never_fine_with_the_sign_that_the_schema_names(
        self, tmp_path: Path
    ) -> None:
        error = only_error(tmp_path, HEADER.replace(",", ":"), delimiter=";")
        assert error.code == "wrong-delimiter"
        assert "a semicolon separates" in error.message

    def test_a_header_written_with_another_sign_than_named_names_that_sign(
        self, tmp_path: Path
    ) -> None:
        error = only_error(tmp_path, HEADER.replace(",", "|"), delimiter=";")
        assert error.code == "wrong-delimiter"
        assert "only makes sense with a vertical bar" in error.message


class TestWhereTheHeaderStands:
    @pytest.mark.parametrize(
        "above",
        [
            "Usage report, October\n",
            "# generated 2024-11-01\n",
            "sep=,\n",
            ",,\n",
            'The "usage" report\n',
            '"never closed\n',
            "a title\n\nand a remark; with signs | in it\n",
        ],
    )
    def test_what_stands_above_it_is_a_title_row_and_names_its_line(
        self, tmp_path: Path, above: str
    ) -> None:
        error = only_error(tmp_path, above + HEADER + "a,2024-01-01,1\n")
        assert (error.code, error.line) == ("title-row", 1)
        assert f"the header, which is on line {above.count(chr(10)) + 1}" in error.message

    def test_a_title_below_blank_lines_is_located(self, tmp_path: Path) -> None:
        error = only_error(tmp_path, '\n\nReport "Oct"ober\n' + HEADER)
        assert (error.code, error.line) == ("title-row", 3)

    def test_a_malformed_header_far_below_is_told_as_it_is(self, tmp_path: Path) -> None:
        error = only_error(tmp_path, "\n" * 70_000 + 'event_id,cust"omer,x\n1,2,3\n')
        assert (error.code, error.line) == ("stray-quote", 70_001)

    def test_blank_lines_above_it_are_no_title(self, tmp_path: Path) -> None:
        match = matched(tmp_path, "\n\r\n" + HEADER)
        assert (match.errors, match.header.line) == ((), 3)

    def test_data_in_its_place_is_no_header(self, tmp_path: Path) -> None:
        error = only_error(tmp_path, "acme,2024-01-01,7\nacme,2024-01-02,8\n")
        assert (error.code, error.line) == ("no-header", 1)

    def test_a_row_without_any_label_is_a_blank_header(self, tmp_path: Path) -> None:
        assert only_error(tmp_path, ",,\na,2024-01-01,1\n").code == "blank-header"


class TestLabels:
    @pytest.mark.parametrize("label", ["account", " ACCOUNT ", "customer  no", "Customer\tNo"])
    def test_case_and_space_do_not_matter(self, tmp_path: Path, label: str) -> None:
        match = matched(tmp_path, HEADER.replace("Account", f'"{label}"'))
        assert match.errors == ()
        assert match.mapping["customer_id"] == label

    def test_a_missing_one_is_named_with_the_likeliest(self, tmp_path: Path) -> None:
        error = only_error(tmp_path, "Acount,timestamp,calls\n")
        assert (error.code, error.field, error.line) == ("missing-label", "customer_id", 1)
        assert "Likeliest: 'Acount'" in error.message

    def test_a_column_of_an_optional_field_may_be_missing(self, tmp_path: Path) -> None:
        match = matched(tmp_path, HEADER)
        assert (match.errors, "note" in match.columns) == ((), False)

    def test_two_equal_ones_are_an_error(self, tmp_path: Path) -> None:
        error = only_error(tmp_path, HEADER.strip() + ",extra,EXTRA\n")
        assert (error.code, error.column) == ("duplicate-label", "extra")

    def test_two_that_feed_one_field_are_an_error(self, tmp_path: Path) -> None:
        error = only_error(tmp_path, HEADER.strip() + ",customer_id\n")
        assert (error.code, error.field) == ("ambiguous-label", "customer_id")

    def test_one_without_a_name_is_an_error(self, tmp_path: Path) -> None:
        assert only_error(tmp_path, HEADER.strip() + ",\n").code == "blank-label"

    def test_one_that_no_field_takes_is_a_warning(self, tmp_path: Path) -> None:
        match = matched(tmp_path, HEADER.strip() + ",colour\n")
        assert match.errors == ()
        assert [(one.code, one.column) for one in match.warnings] == [("unmapped-label", "colour")]
