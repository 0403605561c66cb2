"""Limits on records, cells and columns, and characters that nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from usage_pipeline.reading import LocatedError, UnreadableFile, read_header
from usage_pipeline.schema import CsvOptions
from usage_pipeline_tests.reading.usage_files import read, refusal, usage_file

block_sizes = pytest.mark.parametrize("block_size", [1, 5, 1 << 20])

#: All control characters of ASCII and Latin-1 that are no tab, line break or NUL.
CONTROLS = [chr(code) for code in (*range(1, 32), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"]


@block_sizes
def test_a_record_longer_than_allowed_refuses_the_file(tmp_path: Path, block_size: int) -> None:
    path = usage_file(tmp_path, b"a,b\n1,2\n3,4567890\n5,6\n")
    error = refusal(path, block_size=block_size, max_record_size=8)
    assert (error.code, error.line) == ("record-too-long", 3)
    assert "longer than 8 bytes (csv.max_record_size)" in error.message


def test_a_record_without_an_end_is_not_read_to_the_end_of_the_file(tmp_path: Path) -> None:
    reading = read(
        usage_file(tmp_path, b"a,b\n1,2\n" + b"x" * 100_000 + b"\xff"),
        block_size=64,
        max_record_size=1000,
    )
    assert reading.lines == [2]
    assert reading.refusal is not None
    assert (reading.refusal.code, reading.refusal.line) == ("record-too-long", 3)


def test_a_header_has_a_limit_of_its_own(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b"\n" + b"a," * (1 << 19) + b"aa\n"))
    assert (error.code, error.line) == ("record-too-long", 2)


def test_a_limit_on_records_holds_for_the_header(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b"a,b,c,d\n1,2,3,4\n"), max_record_size=6)
    assert (error.code, error.line) == ("record-too-long", 1)


@block_sizes
def test_a_cell_longer_than_allowed_sets_its_record_aside_alone(
    tmp_path: Path, block_size: int
) -> None:
    path = usage_file(tmp_path, b'a,b\n1,1234\n2,12345\n3,"1""34"\n"12345",4\n')
    reading = read(path, block_size=block_size, max_field_length=4)
    assert reading.rows == [
        (2, None, ("1", "1234")),
        (3, "field-too-long", None),
        (4, None, ("3", '1"34')),
        (5, "field-too-long", None),
    ]


def test_a_cell_too_long_is_named_with_its_column_and_size(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n12," + b"x" * 300 + b"\n")
    [error] = read(path, max_field_length=100).records.errors
    assert (error.code, error.line, error.column) == ("field-too-long", 2, "b")
    assert error.message == "The cell has 300 bytes, more than csv.max_field_length allows."
    assert error.value == "x" * 199 + "…"


def test_the_length_of_a_cell_is_counted_in_bytes(tmp_path: Path) -> None:
    path = usage_file(tmp_path, "a,b\n1,ää\n2,äää\n".encode())
    assert read(path, max_field_length=4).faults == [(3, "field-too-long")]


def test_a_cell_that_is_not_read_may_be_as_long_as_it_likes(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n1,123456789\n")
    assert read(path, columns=[0], max_field_length=4).cells == [("1",)]


def test_cells_too_long_are_counted_among_the_faulty(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n1,12345\n2\n\n3,4\n")
    records = read(path, max_field_length=4).records
    assert (records.lines, records.faulty, records.blank) == (3, 2, 1)
    assert [error.code for error in records.errors] == ["field-too-long", "missing-cell"]


def test_as_many_columns_as_allowed_are_read(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b,c\n1,2,3\n")
    assert read(path, max_columns=3).cells == [("1", "2", "3")]


def test_a_header_of_more_columns_is_refused(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"\na,b,c\n1,2,3\n")
    with pytest.raises(UnreadableFile) as refused:
        read_header(path, ",", CsvOptions(max_columns=2))
    assert refused.value.error == LocatedError(
        "too-many-columns",
        "The header has 3 columns; at most 2 are read (csv.max_columns).",
        line=2,
    )


@pytest.mark.parametrize("control", CONTROLS, ids=lambda sign: f"U+{ord(sign):04X}")
@block_sizes
def test_a_control_character_sets_its_record_aside(
    tmp_path: Path, control: str, block_size: int
) -> None:
    content = f"a,b,c\n1,2,3\n4,x{control}y,6\n7,8,9\n".encode()
    reading = read(usage_file(tmp_path, content), block_size=block_size)
    assert reading.lines == [2, 3, 4]
    assert reading.cells == [("1", "2", "3"), None, ("7", "8", "9")]
    [error] = reading.records.errors
    assert (error.code, error.line, error.column) == ("control-character", 3, "b")
    assert f"U+{ord(control):04X}" in error.message


@pytest.mark.parametrize(
    "cell", ["a\tb", "a\nb", "a\r\nb", "a\rb", "\u00a0", "\u00ad", "\u200b", "Â"]
)
def test_tabs_line_breaks_and_characters_that_show_are_no_controls(
    tmp_path: Path, cell: str
) -> None:
    assert read(usage_file(tmp_path, f'a,b\n1,"{cell}"\n'.encode())).cells == [("1", cell)]


@pytest.mark.parametrize("control", ["\x01", "\x7f", "\x85"])
def test_a_control_character_is_located_where_its_record_starts(
    tmp_path: Path, control: str
) -> None:
    content = f'a,b\n"l\nm",1\n"x,y\n\n",{control}\n'.encode()
    [error] = read(usage_file(tmp_path, content), block_size=4).records.errors
    assert (error.code, error.line, error.column) == ("control-character", 4, "b")


def test_a_control_character_in_quotes_is_one(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'a,b\n1,"x,\x1by"\n')
    [error] = read(path).records.errors
    assert (error.code, error.column, error.value) == ("control-character", "b", "x,\x1by")


@pytest.mark.parametrize("control", ["\x01", "\x7f", "\x85"])
def test_control_characters_do_not_matter_in_columns_that_are_not_read(
    tmp_path: Path, control: str
) -> None:
    path = usage_file(tmp_path, f"a,b,c\n1,{control},3\n".encode())
    assert read(path, columns=[2, 0]).cells == [("3", "1")]


def test_of_several_columns_the_first_with_a_control_character_is_named(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b,c\n\x01,\x02,\x03\n")
    [error] = read(path, columns=[2, 1]).records.errors
    assert (error.column, "U+0002" in error.message) == ("b", True)


def test_a_record_of_the_wrong_width_is_called_that_in_spite_of_its_controls(
    tmp_path: Path,
) -> None:
    path = usage_file(tmp_path, b"a,b\n1,2\n\x1b,3,4\n\x1b\n")
    reading = read(path)
    assert reading.faults == [(3, "extra-cell"), (4, "missing-cell")]
    assert all("U+001B" in error.message for error in reading.records.errors)


def test_a_control_character_stands_before_a_cell_too_long(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n\x01,12345\n")
    assert read(path, max_field_length=4).faults == [(2, "control-character")]
