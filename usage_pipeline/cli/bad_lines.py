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
from usage_pipeline.cli.reasons import reasons
from usage_pipeline.cli.workbook import Row, refuse_rows, write_workbook
from usage_pipeline.flow import Flow
from usage_pipeline.formulas import guard, unguard
from usage_pipeline.mapping.fixes import added_columns, added_labels, own_labels
from usage_pipeline.mapping.headers import HeaderMatch, match_file
from usage_pipeline.reading import LocatedError, UnreadableFile, raw_records, split_record
from usage_pipeline.register import Upload, Verdict, WrongState


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
    if upload.state == "ingested" and verdict.schema_version != upload.schema_version:
        raise WrongState(
            f"The last check of {upload.upload} was of another reading than the one whose rows are "
            "in, so its bad lines are not those that are missing. Have that reading let in, or "
            "change the YAML or the mapping back and check again, first."
        )
    bad = _bad_lines(flow, upload, verdict)
    match = match_as_judged(flow, upload, verdict)
    if match is None:
        raise _read_otherwise(upload)
    rows = _rows(flow, upload, match, bad, reasons(flow, upload, verdict, findings, bad))
    # What is wrong stands before the record: behind it, a record with a cell too many would push
    # it out of its column.
    labels = [*added_labels(upload.upload), *own_labels(match.header)]
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
        original = flow.archive.original(upload.schema, upload.upload)
        match = match_file(original, flow.schema, upload.chosen)
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
    said: Iterable[list[LocatedError]],
) -> Iterator[Row]:
    added = added_columns(match.header.labels)
    own = [label for at, label in enumerate(match.header.labels) if at not in added]
    places = {label: at for at, label in enumerate(own)}
    original = flow.archive.original(upload.schema, upload.upload)
    try:
        records = raw_records(original, match.header, bad, flow.schema.csv)
        for (line, record), found in zip(records, said, strict=True):
            cells: Sequence[str] = split_record(record, match.header.delimiter)
            if added:
                # Lines that were corrected before: without what was put before and into them.
                cells = [unguard(cell) for at, cell in enumerate(cells) if at not in added]
            yield Row(
                line,
                " ".join(one.code for one in found),
                " ".join(one.message for one in found),
                cells,
                frozenset(places[one.column] for one in found if one.column in places),
            )
    except (UnreadableFile, ValueError) as error:
        raise _read_otherwise(upload) from error


def _read_otherwise(upload: Upload) -> WrongState:
    return WrongState(
        f"The schema {upload.schema} has changed since {upload.upload} was checked: by it, the "
        "file is read otherwise. Ingest the file again, and then write its bad lines."
    )


def _write_csv(
    path: Path, labels: Sequence[str], rows: Iterable[Row], delimiter: str, encoding: str
) -> None:
    # A byte order mark says more than a schema that names another encoding.
    written_in = "utf-8" if encoding == "auto" else "utf-8-sig"
    with path.open("w", newline="", encoding=written_in) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(map(guard, labels))
        for row in rows:
            writer.writerow([row.line, row.codes, guard(row.messages), *map(guard, row.cells)])
