"""A file with just the bad lines of an upload, to correct and hand in again."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from usage_pipeline.cli.output import harmless
from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.flow import Flow
from usage_pipeline.mapping.headers import match_file
from usage_pipeline.reading import LocatedError, raw_records
from usage_pipeline.register import Upload


def write_bad_lines(
    flow: Flow,
    upload: Upload,
    schema_version: str,
    findings: Sequence[LocatedError],
    output: Path,
) -> int:
    """Write every invalid record with its original cells; returns how many.

    What is wrong stands before the record, in `_line`, `_code` and `_message`: behind it, a record
    with a cell too many would push it out of its column.

    Raises:
        WrongUse: the file could not be read as records at all.
    """
    frame = flow.archive.mapped(upload.schema, upload.upload, schema_version)
    if not frame.exists():
        raise WrongUse(
            f"{upload.upload} could not be read line by line; correct the whole file. "
            f"`usage-pipeline errors {upload.upload}` says where it goes wrong."
        )
    bad = pq.read_table(frame, columns=["line"], filters=[("valid", "=", False)])["line"]
    original = flow.archive.original(upload.schema, upload.upload)
    header = match_file(original, flow.schema).header
    said = _by_line(findings)
    count = 0
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=header.delimiter)
        writer.writerow(["_line", "_code", "_message", *map(harmless, header.labels)])
        for line, record in raw_records(original, header, bad.combine_chunks(), flow.schema.csv):
            codes, messages = said.get(line, ("", ""))
            cells = [harmless(cell) for cell in _cells(record, header.delimiter)]
            writer.writerow([line, codes, harmless(messages), *cells])
            count += 1
    return count


def _by_line(findings: Sequence[LocatedError]) -> dict[int, tuple[str, str]]:
    by_line: dict[int, list[LocatedError]] = {}
    for finding in findings:
        if finding.line is not None:
            by_line.setdefault(finding.line, []).append(finding)
    return {
        line: (" ".join(one.code for one in found), " ".join(one.message for one in found))
        for line, found in by_line.items()
    }


def _cells(record: bytes, delimiter: str) -> Iterator[str]:
    text = record.decode("utf-8")
    yield from next(csv.reader([text], delimiter=delimiter, strict=True))
