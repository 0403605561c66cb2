"""Usage files made for a test, and what the reader says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from usage_pipeline.reading import (
    Header,
    LocatedError,
    Records,
    UnreadableFile,
    raw_records,
    read_header,
)
from usage_pipeline.schema import CsvOptions

Cells = tuple[str, ...]

#: How most files of the tests are written: as the schema's defaults say.
UTF8 = CsvOptions()


@dataclass
class Reading:
    """All that one pass over a file gives."""

    header: Header
    rows: list[tuple[int, str | None, Cells | None]]  # line, fault, cells
    records: Records
    refusal: LocatedError | None = None

    @property
    def cells(self) -> list[Cells | None]:
        return [cells for _, _, cells in self.rows]

    @property
    def lines(self) -> list[int]:
        return [line for line, _, _ in self.rows]

    @property
    def faults(self) -> list[tuple[int, str]]:
        return [(line, fault) for line, fault, _ in self.rows if fault is not None]

    @property
    def warnings(self) -> list[tuple[str, int | None]]:
        return [(warning.code, warning.line) for warning in self.records.warnings]


def usage_file(folder: Path, content: bytes) -> Path:
    path = folder / "usage.csv"
    path.write_bytes(content)
    return path


def read(
    path: Path,
    delimiter: str = ",",
    columns: Sequence[int] | None = None,
    block_size: int = 8 << 20,
    **csv: Any,
) -> Reading:
    """Read the whole file; a refusal behind the header is kept, not raised.

    `csv` has the keys of a schema's `csv:`.
    """
    options = CsvOptions(**csv)
    header = read_header(path, delimiter, options)
    chosen = range(len(header.labels)) if columns is None else columns
    records = Records(path, header, list(chosen), options, block_size=block_size)
    reading = Reading(header, [], records)
    try:
        for batch in records.batches():
            batch.validate(full=True)
            assert batch.schema == records.schema
            for row in batch.to_pylist():
                line, fault, *cells = row.values()
                whole = None if None in cells else tuple(cells)
                reading.rows.append((line, fault, whole))
    except UnreadableFile as refused:
        reading.refusal = refused.error
    return reading


def refusal(path: Path, delimiter: str = ",", **options: Any) -> LocatedError:
    """The error for which the whole file is refused."""
    try:
        error = read(path, delimiter, **options).refusal
    except UnreadableFile as refused:
        error = refused.error
    if error is None:
        pytest.fail("the file was read, not refused")
    return error


def raw(path: Path, lines: Sequence[int], delimiter: str = ",") -> list[tuple[int, bytes]]:
    return list(raw_records(path, read_header(path, delimiter, UTF8), lines, UTF8))
