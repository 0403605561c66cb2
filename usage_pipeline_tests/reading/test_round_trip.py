"""What Python's csv module writes is read back exactly, and read as it reads it."""

import csv
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline_tests.reading.usage_files import read, usage_file

QUOTING = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]
DELIMITERS = [",", ";", "\t", "|"]

cells = st.text(st.sampled_from("ab ,;|\t\"'\r\né😀\ufeff"), max_size=6)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[str, ...]]:
    width = draw(st.integers(1, 4))
    row = st.tuples(*[cells] * width)
    return [tuple(f"h{index}" for index in range(width)), *draw(st.lists(row, max_size=8))]


def line_breaks(text: str) -> int:
    return len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1


@settings(max_examples=500, deadline=None)
@given(
    table=tables(),
    quoting=st.sampled_from(QUOTING),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from(DELIMITERS),
    block_size=st.one_of(st.integers(1, 30), st.just(1 << 20)),
)
def test_written_tables_are_read_back_exactly(
    folder: Path,
    table: list[tuple[str, ...]],
    quoting: int,
    end: str,
    delimiter: str,
    block_size: int,
) -> None:
    if quoting == csv.QUOTE_MINIMAL and end == "\n":
        # There csv.writer leaves a CR unquoted, which then is a line end to any reader.
        table = [tuple(cell.replace("\r", "") for cell in row) for row in table]
    content, lines, line = "", [], 1
    for row in table:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
        writer.writerow(row)
        content += text.getvalue()
        lines.append(line)
        line += line_breaks(text.getvalue())
    path = usage_file(folder, content.encode())
    reading = read(path, delimiter, block_size=block_size)
    assert reading.header.labels == table[0]
    assert reading.cells == table[1:]
    assert reading.lines == lines[1:]
    assert reading.records.physical_lines == line - 1
    assert reading.warnings == []
    read_by_csv = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    assert [tuple(row) for row in read_by_csv] == [reading.header.labels, *reading.cells]


def test_unquoted_tables_are_read_back_exactly(tmp_path: Path) -> None:
    text = io.StringIO(newline="")
    table = [("a", "b"), ("1", " x "), ("", "é"), ("2", "")]
    csv.writer(text, quoting=csv.QUOTE_NONE).writerows(table)
    reading = read(usage_file(tmp_path, text.getvalue().encode()))
    assert [reading.header.labels, *reading.cells] == table
