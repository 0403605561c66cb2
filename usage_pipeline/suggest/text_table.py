"""A file nobody described, read strictly and kept as text for SQL to look at, every row of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from usage_pipeline.mapping.headers import bad_labels, no_labels
from usage_pipeline.reading import (
    DELIMITERS,
    SIGNS,
    Header,
    LocatedError,
    Records,
    UnreadableFile,
    candidate_headers,
    first_rows,
    fitting_delimiters,
)
from usage_pipeline.schema import CsvOptions
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import parquet

_FAULTS_KEPT = 3


@dataclass(frozen=True, slots=True)
class TextTable:
    """The sound records of a file as text.

    rows: what to select from: `line` and a text column `c0`, `c1`, … for each header, '' for an
    empty cell.
    lines: all data records, `faulty` of which do not fit the header and are not among the rows.
    """

    header: Header
    rows: str
    lines: int
    faulty: int
    faults: tuple[LocatedError, ...]
    warnings: tuple[LocatedError, ...]
    connection: Connection

    @property
    def sound(self) -> int:
        return self.lines - self.faulty

    def column(self, label: str) -> str:
        """The text column that a header stands above."""
        return f"c{self.header.labels.index(label)}"

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """All rows that a query gives."""
        found: list[tuple[object, ...]] = self.connection.execute(query).fetchall()
        return found


def read_text(path: Path, options: CsvOptions, work: Path, connection: Connection) -> TextTable:
    """Read a file by the delimiter that fits its records.

    Args:
        work: a folder that `connection` may read, for the text; as much of it as the file holds.

    Raises:
        UnreadableFile: it cannot be read, or its first row names no columns.
        FileChanged: somebody writes to it meanwhile.
    """
    header = _header(path, options)
    if problem := no_labels(header) or next(iter(bad_labels(header)), None):
        raise UnreadableFile(problem)
    everything = range(len(header.labels))
    records = Records(path, header, everything, options, max_errors=_FAULTS_KEPT)
    text = work / "text.parquet"
    with pq.ParquetWriter(text, records.schema, compression="zstd") as file:
        for batch in records.batches():
            file.write_batch(batch)
    if records.misfits * 2 > records.lines:
        raise UnreadableFile(_above_header(path, header, options) or records.errors[0])
    if records.lines == records.faulty:
        message = "The file holds no data records that can be read, so there is nothing to go by."
        raise UnreadableFile(LocatedError("empty-file", message))
    rows = f"(SELECT * FROM {parquet(text)} WHERE fault IS NULL)"
    return TextTable(
        header,
        rows,
        records.lines,
        records.faulty,
        tuple(records.errors),
        tuple(records.warnings),
        connection,
    )


def _header(path: Path, options: CsvOptions) -> Header:
    asked: Sequence[str] = DELIMITERS if options.delimiter == "auto" else [options.delimiter]
    headers = candidate_headers(path, asked, options)
    fitting = [one for one in headers if one.delimiter in fitting_delimiters(path, one, options)]
    return max(fitting or headers, key=lambda header: len(header.labels))


def _above_header(path: Path, header: Header, options: CsvOptions) -> LocatedError | None:
    """Whether a row further down is the header: most records do not fit the first."""
    for row in first_rows(path, options):
        below = row.line > header.line and row.delimiter in fitting_delimiters(path, row, options)
        if below and not no_labels(row) and not bad_labels(row):
            message = (
                f"Line {header.line} does not fit the lines below it; the header seems to be "
                f"line {row.line}. Take out what is above it: nothing may stand before the header."
            )
            return LocatedError("title-row", message, line=header.line)
    return None


def in_words(header: Header) -> str:
    """How the cells are separated."""
    return SIGNS[header.delimiter].removeprefix("a ")
