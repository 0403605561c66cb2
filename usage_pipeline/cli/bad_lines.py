"""A file with just the bad lines of an upload, to correct and hand in again."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.cli.workbook import Row, refuse_rows, write_workbook
from usage_pipeline.flow import Flow
from usage_pipeline.mapping.headers import HeaderMatch, match_file
from usage_pipeline.reading import LocatedError, UnreadableFile, raw_records, split_record
from usage_pipeline.register import Upload, Verdict, WrongState
from usage_pipeline.validation.formulas import guard

#: What is wrong stands before the record: behind it, a record with a cell too many would push it
#: out of its column.
_OURS = ("_line", "_code", "_message")


def write_bad_lines(
    flow: Flow,
    upload: Upload,
    verdict: Verdict,
    findings: Sequence[LocatedError],
    output: Path,
) -> int:
    """Write every invalid record with its original cells, as .csv or .xlsx; returns how many.

    Raises:
        WrongUse: the file could not be read as records at all, or `output` cannot be written so.
        WrongState: the file is read otherwise by today's schema.
    """
    suffix = output.suffix.lower()
    if suffix not in (".csv", ".xlsx"):
        raise WrongUse(f"{output}: the bad lines are written as .csv or .xlsx; give it such a name")
    if not output.parent.is_dir():
        raise WrongUse(f"There is no folder {output.parent}")
    if output.is_dir():
        raise WrongUse(f"{output} is a folder; name a file")
    bad = _bad_lines(flow, upload, verdict)
    match = match_as_judged(flow, upload, verdict)
    if match is None:
        raise _read_otherwise(upload)
    rows = _rows(flow, upload, match, bad, findings)
    labels = [*_OURS, *_theirs(match, match.header.labels)]
    # Made elsewhere first: what is refused half-way must leave nothing behind.
    flow.folder.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=flow.folder.scratch) as work:
        made = Path(work) / f"bad{suffix}"
        if suffix == ".xlsx":
            refuse_rows(len(bad))
            write_workbook(made, labels, rows)
        else:
            _write_csv(made, labels, rows, match.header.delimiter, flow.schema.csv.encoding)
        shutil.copyfile(made, output)
    return len(bad)


def match_as_judged(flow: Flow, upload: Upload, verdict: Verdict) -> HeaderMatch | None:
    """The header of an upload's file, None where today's schema finds none or another one."""
    try:
        match = match_file(flow.archive.original(upload.schema, upload.upload), flow.schema)
    except UnreadableFile:
        return None
    judged = set(verdict.mapping.values())
    return match if judged <= set(match.header.labels) else None


def _bad_lines(flow: Flow, upload: Upload, verdict: Verdict) -> pa.Int64Array:
    frame = flow.archive.mapped(upload.schema, upload.upload, verdict.schema_version)
    if not frame.exists():
        raise WrongUse(
            f"{upload.upload} could not be read line by line; correct the whole file. "
            f"`usage-pipeline errors {upload.upload}` says where it goes wrong."
        )
    bad = pq.read_table(frame, columns=["line"], filters=[("valid", "=", False)])["line"]
    return bad.combine_chunks()


def _rows(
    flow: Flow,
    upload: Upload,
    match: HeaderMatch,
    bad: pa.Int64Array,
    findings: Sequence[LocatedError],
) -> Iterator[Row]:
    said = _by_line(findings)
    original = flow.archive.original(upload.schema, upload.upload)
    try:
        for line, record in raw_records(original, match.header, bad, flow.schema.csv):
            codes, messages = said.get(line, ("", ""))
            cells = split_record(record, match.header.delimiter)
            yield line, codes, messages, _theirs(match, cells)
    except (UnreadableFile, ValueError) as error:
        raise _read_otherwise(upload) from error


def _theirs(match: HeaderMatch, cells: Sequence[str]) -> Sequence[str]:
    """The cells without what an earlier file of bad lines put before them."""
    again = match.header.labels[: len(_OURS)] == _OURS
    return cells[len(_OURS) :] if again else cells


def _read_otherwise(upload: Upload) -> WrongState:
    return WrongState(
        f"The schema {upload.schema} has changed since {upload.upload} was checked: by it, the "
        "file is read otherwise. Ingest the file again, and then write its bad lines."
    )


def _by_line(findings: Sequence[LocatedError]) -> dict[int, tuple[str, str]]:
    by_line: dict[int, list[LocatedError]] = {}
    for finding in findings:
        if finding.line is not None:
            by_line.setdefault(finding.line, []).append(finding)
    return {
        line: (" ".join(one.code for one in found), " ".join(one.message for one in found))
        for line, found in by_line.items()
    }


def _write_csv(
    path: Path, labels: Sequence[str], rows: Iterable[Row], delimiter: str, encoding: str
) -> None:
    # A byte order mark says more than a schema that names another encoding.
    written_in = "utf-8" if encoding == "auto" else "utf-8-sig"
    with path.open("w", newline="", encoding=written_in) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(map(guard, labels))
        for line, codes, messages, cells in rows:
            writer.writerow([line, codes, guard(messages), *map(guard, cells)])
