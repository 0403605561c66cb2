"""One pass over the data records: schema, columns, accounts, and how it ends."""

import threading
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest

from usage_pipeline.reading import FileChanged, Header, Records, UnreadableFile, read_header
from usage_pipeline.reading.blocks import Block
from usage_pipeline.reading.cells import CellParser
from usage_pipeline_tests.reading.usage_files import UTF8, read, usage_file


def records_of(path: Path, block_size: int = 8 << 20) -> Records:
    return Records(path, read_header(path, ",", UTF8), [0], UTF8, block_size=block_size)


def test_batches_have_line_fault_and_one_text_column_per_column_asked(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n1,2\n")
    batch = next(Records(path, read_header(path, ",", UTF8), [1, 0], UTF8).batches())
    assert batch.schema == pa.schema(
        [
            pa.field("line", pa.int64(), nullable=False),
            ("fault", pa.string()),
            ("c0", pa.string()),
            ("c1", pa.string()),
        ]
    )


@pytest.mark.parametrize(
    ("columns", "cells"), [([2, 0], ("3", "1")), ([1, 1], ("2", "2")), ([], ())]
)
def test_columns_come_in_the_order_asked(
    tmp_path: Path, columns: list[int], cells: tuple[str, ...]
) -> None:
    assert read(usage_file(tmp_path, b"a,b,c\n1,2,3\n"), columns=columns).cells == [cells]


@pytest.mark.parametrize("column", [-1, 2])
def test_a_column_outside_the_header_is_a_wrong_use(tmp_path: Path, column: int) -> None:
    with pytest.raises(ValueError, match="not in a header of 2 cells"):
        Records(usage_file(tmp_path, b"a,b\n"), Header(("a", "b"), 1, ","), [column], UTF8)


@pytest.mark.parametrize("cell", ["", "NULL", "NA", "nan", "#N/A", " ", "007", "1e5", "true"])
def test_every_cell_stays_the_text_it_is(tmp_path: Path, cell: str) -> None:
    path = usage_file(tmp_path, f'a,b\n{cell},"{cell}"\n'.encode())
    assert read(path).cells == [(cell, cell)]


def test_a_header_alone_gives_no_lines(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, b"a,b\n"))
    assert (reading.rows, reading.records.lines, reading.records.blank) == ([], 0, 0)


def test_a_header_repeated_in_the_data_is_data(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, b"a,b\na,b\n")).rows == [(2, None, ("a", "b"))]


def test_a_pass_can_be_made_once(tmp_path: Path) -> None:
    records = records_of(usage_file(tmp_path, b"a,b\n1,2\n"))
    list(records.batches())
    with pytest.raises(RuntimeError, match="once"):
        records.batches()


@pytest.mark.parametrize("content", [b"x,y\n1,2\n", b"\na,b\n1,2\n", b"", b"a;b\n"])
def test_a_file_changed_since_its_header_was_read_is_noticed(
    tmp_path: Path, content: bytes
) -> None:
    records = records_of(usage_file(tmp_path, b"a,b\n1,2\n"))
    usage_file(tmp_path, content)
    with pytest.raises(FileChanged):
        list(records.batches())


def test_the_records_before_a_refused_one_are_delivered_first(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'a,b\n1,2\n3,4\n5,x"\n6,7\n')
    for block_size in (1, 10, 1 << 20):
        assert read(path, block_size=block_size).lines == [2, 3]


def test_rows_that_pyarrow_loses_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = CellParser.parse

    def parse_less(
        self: CellParser, data: bytes, rows: int, *, quoted_breaks: bool
    ) -> list[pa.ChunkedArray]:
        shorter = bytes(data).split(b"\n", 1)[1]
        return parse(self, shorter, rows, quoted_breaks=quoted_breaks)

    monkeypatch.setattr(CellParser, "parse", parse_less)
    with pytest.raises(RuntimeError, match="3 records found, but pyarrow reads 2"):
        list(records_of(usage_file(tmp_path, b"a,b\n1,2\n3,4\n5,6\n")).batches())


def test_a_batch_that_gets_lost_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Records._batch

    def every_other(self: Records, block: Block) -> pa.RecordBatch | None:
        batch = whole(self, block)
        return None if self.lines == 2 else batch

    monkeypatch.setattr(Records, "_batch", every_other)
    records = records_of(usage_file(tmp_path, b"a,b\n1,2\n3,4\n5,6\n"), block_size=4)
    with pytest.raises(RuntimeError, match=r"do not add up.*lines 3.*delivered 2"):
        list(records.batches())


def test_a_consumer_that_stops_early_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    batches = records_of(usage_file(tmp_path, b"a,b\n" + b"1,2\n" * 1000), 8).batches()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_refusal_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(UnreadableFile):
        list(records_of(usage_file(tmp_path, b'a,b\n1,2\nx"y,3\n'), 8).batches())
    assert threading.active_count() == before


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n" + b'1,"two, and more"\n' * 1_500_000)
    records = records_of(path, block_size=256 << 10)
    tracemalloc.start()
    columns = 0
    for batch in records.batches():
        columns = max(columns, pa.total_allocated_bytes())
        del batch
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert records.lines == 1_500_000
    assert peak + columns < path.stat().st_size / 2
