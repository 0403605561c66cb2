"""A record with another number of cells than the header is set aside alone."""

from pathlib import Path

import pytest

from usage_pipeline.reading import Records, read_header
from usage_pipeline_tests.reading.usage_files import UTF8, read, refusal, usage_file


def test_a_short_record_is_set_aside_alone(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"a,b\n1,2\n3\n4,5\n"))
    assert reading.rows == [
        (2, None, ("1", "2")),
        (3, "missing-cell", None),
        (4, None, ("4", "5")),
    ]


@pytest.mark.parametrize("record", [b"3,4,5", b"3,4,", b",,", b'"3",4,"5,6"'])
def test_a_long_record_is_set_aside_alone(tmp_path: Path, record: bytes) -> None:
    reading = read(usage_file(tmp_path, b"a,b\n1,2\n" + record + b"\n6,7\n"))
    assert reading.faults == [(3, "extra-cell")]
    assert [cells for cells in reading.cells if cells] == [("1", "2"), ("6", "7")]


def test_a_long_record_does_not_make_up_for_a_short_one(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"a,b\n1\n2,3,4\n5,6\n7,8,9\n0\n"))
    assert reading.faults == [
        (2, "missing-cell"),
        (3, "extra-cell"),
        (5, "extra-cell"),
        (6, "missing-cell"),
    ]


def test_the_message_says_how_many_cells_there_are_and_should_be(tmp_path: Path) -> None:
    errors = read(usage_file(tmp_path, b"a,b,c\n1\n1,2,3,4\n")).records.errors
    assert "has 1 cell, the header has 3" in errors[0].message
    assert "has 4 cells, the header has 3" in errors[1].message
    assert [error.line for error in errors] == [2, 3]


def test_a_file_of_faulty_records_only_delivers_them_all(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"a,b\n1\n\n2\n"))
    assert reading.rows == [(2, "missing-cell", None), (4, "missing-cell", None)]
    assert (reading.records.lines, reading.records.faulty) == (2, 2)


@pytest.mark.parametrize("block_size", [5, 1 << 20])
def test_errors_are_bounded_but_counts_and_rows_are_complete(
    tmp_path: Path, block_size: int
) -> None:
    path = usage_file(tmp_path, b"a,b\n" + b"1,2\n3\n" * 50)
    header = read_header(path, ",", UTF8)
    records = Records(path, header, [0], UTF8, block_size=block_size, max_errors=7)
    faults = [row for batch in records.batches() for row in batch["fault"].to_pylist()]
    assert [error.line for error in records.errors] == [3, 5, 7, 9, 11, 13, 15]
    assert faults == [None, "missing-cell"] * 50
    assert (records.faulty, records.lines) == (50, 100)


@pytest.mark.parametrize("end", [b"\n6,7\n", b""])
@pytest.mark.parametrize(
    ("record", "code"), [(b'"3",4,"5\n6"', "extra-cell"), (b'"3\r\n4"', "missing-cell")]
)
def test_a_faulty_record_whose_quotes_run_over_lines_refuses_the_file(
    tmp_path: Path, record: bytes, code: str, end: bytes
) -> None:
    error = refusal(usage_file(tmp_path, b"a,b\n1,2\n" + record + end))
    assert (error.code, error.line) == (code, 3)
    assert "from line 3 to line 4" in error.message


def test_a_refused_record_is_counted_with_its_last_empty_cell(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b'a,b\n1,"p\nq",\n'))
    assert "The record has 3 cells, the header has 2" in error.message


def test_a_record_of_one_cell_points_to_the_line_before(tmp_path: Path) -> None:
    [error] = read(usage_file(tmp_path, b"a,b\n1,hel\nlo\n")).records.errors
    assert (error.code, error.line) == ("missing-cell", 3)
    assert "It may be the rest of the line before" in error.message


def test_what_fits_another_delimiter_says_so(tmp_path: Path) -> None:
    [error] = read(usage_file(tmp_path, b"a,b\n1,2\n3;4\n")).records.errors
    assert "With a semicolon between cells it would have just as many" in error.message
