"""Any bytes at all are read exactly or refused with a reason, never anything else."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.mapping.headers import match_file
from usage_pipeline.reading import (
    DELIMITERS,
    Header,
    Records,
    UnreadableFile,
    beginning_of,
    candidate_headers,
    raw_records,
)
from usage_pipeline.schema import CsvOptions, EventSchema
from usage_pipeline.schema.schema_file import parse_schema
from usage_pipeline_tests.damage.random_files import (
    MARK,
    block_sizes,
    csv_options,
    files,
    text_of,
    zip_files,
)
from usage_pipeline_tests.reading.automaton import Account, account_of

_HANGING = 60
#: Few, because each has a schema of its own, whose checks take time to prepare.
_FLOW_CSVS: list[dict[str, Any]] = [
    {},
    {"delimiter": ";", "encoding": "cp1252"},
    {"encoding": "utf-16-be", "max_field_length": 3},
]


def schema_of(csv: dict[str, Any]) -> EventSchema:
    return parse_schema(
        {
            "name": "random",
            "start": "2024-01-01",
            "fields": {
                "customer_id": {"type": "string"},
                "note": {"type": "string", "required": False},
                "timestamp": {"type": "timestamp", "constant": "2024-10-01T10:00:00Z"},
                "events": {"type": "integer", "constant": "1", "usage": True},
            },
            "event_key": ["upload", "line"],
            "on_invalid": "quarantine_rows",
            "csv": csv,
        }
    )


@contextmanager
def not_hanging() -> Iterator[None]:
    """Raise where something never ends, so that its input is shown."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_HANGING)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def check_reading(folder: Path, data: bytes, csv: dict[str, Any], block_size: int) -> None:
    path = folder / "usage.csv"
    path.write_bytes(data)
    options = CsvOptions(**csv)
    with not_hanging():
        try:
            match_file(path, schema_of(csv))
            beginning_of(path, options, 30)
            headers = candidate_headers(path, DELIMITERS, options)
        except UnreadableFile:
            return
        for header in headers:
            check_records(path, header, block_size, csv)


def check_records(path: Path, header: Header, block_size: int, csv: dict[str, Any]) -> None:
    """Every row that is delivered stands in the file, and every record is accounted for."""
    columns, options = range(len(header.labels)), CsvOptions(**csv)
    records = Records(path, header, columns, options, block_size=block_size)
    try:
        rows = [row for batch in records.batches() for row in batch.to_pylist()]
    except UnreadableFile:
        return
    account = account_of(MARK + text_of(path.read_bytes(), csv), header.delimiter.encode())
    assert account.refusal is None
    assert (header.line, list(header.labels)) == cells_by_line(account)[0]
    assert records.lines == len(rows) == len(account.records) - 1
    assert records.blank == len(account.blanks)
    assert records.physical_lines == account.physical_lines
    for row, (line, cells) in zip(rows, cells_by_line(account)[1:], strict=True):
        start, fault, *found = row.values()
        assert start == line
        assert found == (cells if fault is None else [None] * len(found))
    assert records.faulty == sum(row["fault"] is not None for row in rows)
    lines = [line for line, _ in cells_by_line(account)]
    raw = [(line, raw) for line, _, raw in account.records]
    assert list(raw_records(path, header, lines, options, block_size=block_size)) == raw


def cells_by_line(account: Account) -> list[tuple[int, list[str]]]:
    return [(line, [cell.decode() for cell in cells]) for line, cells, _ in account.records]


@cache
def flow_of(folder: Path, number: int) -> Flow:
    return Flow(schema_of(_FLOW_CSVS[number]), DataFolder(folder))


def check_flow(folder: Path, data: bytes, number: int) -> None:
    """Every row that counts stands in the file, and every line is accounted for."""
    path = folder / "usage.csv"
    path.write_bytes(data)
    flow = flow_of(folder, number)
    with not_hanging():
        [checked] = flow.dry_run([path], 50, folder)
    verdict, match = checked.verdict, checked.mapped.match
    if not verdict.passed:
        assert checked.errors
        return
    assert match is not None
    account = account_of(MARK + text_of(data, _FLOW_CSVS[number]), match.header.delimiter.encode())
    assert account.refusal is None
    assert verdict.lines == len(account.records) - 1
    assert verdict.lines == (verdict.valid or 0) + (verdict.invalid or 0)
    rows = pq.read_table(folder / "usage.csv.parquet").to_pylist()
    assert len(rows) == verdict.valid
    written = dict(cells_by_line(account))
    for row in rows:
        for field, index in match.columns.items():
            assert (row[field] or "") == written[row["line"]][index]


flow_numbers = st.integers(0, len(_FLOW_CSVS) - 1)


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@examples(600)
@given(data=files, csv=csv_options, block_size=block_sizes)
def test_any_bytes_are_read_exactly_or_refused(
    folder: Path, data: bytes, csv: dict[str, Any], block_size: int
) -> None:
    check_reading(folder, data, csv, block_size)


@examples(300)
@given(data=zip_files, csv=csv_options, block_size=block_sizes)
def test_any_zip_is_read_exactly_or_refused(
    folder: Path, data: bytes, csv: dict[str, Any], block_size: int
) -> None:
    check_reading(folder, data, csv, block_size)


@examples(40)
@given(data=files, number=flow_numbers)
def test_any_bytes_come_to_a_verdict(folder: Path, data: bytes, number: int) -> None:
    check_flow(folder, data, number)


@pytest.mark.soak
@examples(25_000)
@given(data=files, csv=csv_options, block_size=block_sizes)
def test_any_bytes_are_read_exactly_or_refused_for_long(
    folder: Path, data: bytes, csv: dict[str, Any], block_size: int
) -> None:
    check_reading(folder, data, csv, block_size)


@pytest.mark.soak
@examples(15_000)
@given(data=zip_files, csv=csv_options, block_size=block_sizes)
def test_any_zip_is_read_exactly_or_refused_for_long(
    folder: Path, data: bytes, csv: dict[str, Any], block_size: int
) -> None:
    check_reading(folder, data, csv, block_size)


@pytest.mark.soak
@examples(1_500)
@given(data=files, number=flow_numbers)
def test_any_bytes_come_to_a_verdict_for_long(folder: Path, data: bytes, number: int) -> None:
    check_flow(folder, data, number)
