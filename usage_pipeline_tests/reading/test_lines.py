"""Line ends and line numbers."""

from pathlib import Path

import pytest

from usage_pipeline_tests.reading.usage_files import read, usage_file


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_kind_of_line_end_ends_a_record(tmp_path: Path, end: bytes) -> None:
    reading = read(usage_file(tmp_path, end.join([b"a,b", b"1,2", b"3,4", b""])))
    assert reading.rows == [(2, None, ("1", "2")), (3, None, ("3", "4"))]


def test_line_ends_may_be_mixed(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"a,b\r1,2\r\n3,4\n5,6\r7,8\n"))
    assert reading.lines == [2, 3, 4, 5]
    assert reading.cells == [("1", "2"), ("3", "4"), ("5", "6"), ("7", "8")]


@pytest.mark.parametrize("block_size", range(1, 14))
def test_a_line_end_of_two_bytes_is_never_split(tmp_path: Path, block_size: int) -> None:
    reading = read(usage_file(tmp_path, b"a,b\r\n1,2\r\n3,4\r\n"), block_size=block_size)
    assert reading.lines == [2, 3]
    assert reading.records.blank == 0


def test_blank_lines_are_counted_and_skipped(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"\na,b\n\n\n1,2\r\n\r\n\r3,4\n"))
    assert reading.rows == [(5, None, ("1", "2")), (8, None, ("3", "4"))]
    assert (reading.records.blank, reading.records.lines) == (5, 2)


def test_blank_lines_are_warned_of_once_with_count_and_first_line(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"a,b\n1,2\n\n3,4\n\n"), block_size=2)
    assert reading.warnings == [("blank-row", 3)]
    assert "2 blank lines" in reading.records.warnings[0].message


def test_a_line_of_spaces_is_a_record(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"a\n  \n\n1\n"))
    assert reading.rows == [(2, None, ("  ",)), (4, None, ("1",))]


def test_an_empty_line_of_a_single_column_is_blank_but_empty_quotes_are_not(
    tmp_path: Path,
) -> None:
    reading = read(usage_file(tmp_path, b'a\n\n""\n1\n'))
    assert reading.rows == [(3, None, ("",)), (4, None, ("1",))]


@pytest.mark.parametrize("last", [b"3,4", b'3,"4"', b"3,4,5", b"3,"])
def test_a_missing_final_line_end_is_warned_of(tmp_path: Path, last: bytes) -> None:
    reading = read(usage_file(tmp_path, b"a,b\n1,2\n" + last))
    assert reading.warnings == [("no-final-newline", 3)]
    assert reading.lines == [2, 3]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("block_size", [1, 2, 3, 4, 5, 1 << 20])
def test_a_final_line_end_of_any_kind_is_not_warned_of(
    tmp_path: Path, end: bytes, block_size: int
) -> None:
    assert read(usage_file(tmp_path, b"a,b\n1,2" + end), block_size=block_size).warnings == []


@pytest.mark.parametrize(
    ("content", "shown"),
    [(b"a\n", 1), (b"a\n1", 2), (b"a\r\n1\r", 2), (b'a\n"\n\r\n\r"\n', 5), (b"a\n\n\n", 3)],
)
def test_physical_lines_are_what_an_editor_shows(
    tmp_path: Path, content: bytes, shown: int
) -> None:
    assert read(usage_file(tmp_path, content)).records.physical_lines == shown
