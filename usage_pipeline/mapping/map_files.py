"""The mapping stage: files become mapped frames, each with what is wrong in its structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from usage_pipeline.intake.archive import write_then_rename
from usage_pipeline.intake.identity import captured_values
from usage_pipeline.mapping.fixes import unguarded
from usage_pipeline.mapping.frame import write_frame
from usage_pipeline.mapping.headers import HeaderMatch, match_file
from usage_pipeline.reading import (
    SIGNS,
    Advance,
    FileChanged,
    Header,
    LocatedError,
    Progress,
    Records,
    UnreadableFile,
    fitting_delimiters,
    nobody,
)
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.rules import Rule
from usage_pipeline.warehouse.connection import Connection


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to be read: where its bytes are, what it was called, when it was received.

    chosen: {field: header} as a person says, for what the schema's own labels do not find.
    captured_from: the file name that fields are captured from; that of a corrected file.
    """

    path: Path
    file_name: str
    received_at: datetime
    chosen: Mapping[str, str] = field(default_factory=dict)
    captured_from: str | None = None


@dataclass(frozen=True, slots=True)
class MappedFile:
    """What reading and mapping made of one file.

    frame: the mapped frame; None when the file could not be read or its header does not match.
    errors: of the file and of its records' structure, bounded; `faulty` counts all such records.
    lines: data records, None when the file could not be read to its end.
    size: bytes of the file that were read for the frame, as it lies there.
    """

    source: SourceFile
    match: HeaderMatch | None
    frame: Path | None
    errors: tuple[LocatedError, ...]
    warnings: tuple[LocatedError, ...] = ()
    lines: int | None = None
    blank: int | None = None
    faulty: int = 0
    size: int = 0

    @property
    def mapping(self) -> dict[str, str]:
        return self.match.mapping if self.match else {}


def map_files(
    sources: Iterable[SourceFile],
    schema: EventSchema,
    rules: list[Rule],
    target: Callable[[SourceFile], Path],
    connection: Connection,
    max_errors: int,
    progress: Progress = nobody,
) -> Iterator[MappedFile]:
    """Read and map each file strictly; a file that cannot be read stops none of the others.

    Args:
        target: where the frame of a file goes.
        connection: a scratch engine that may read and write there.
        max_errors: how many errors of structure are kept per file.
        progress: is told how far each file is read.
    """
    for source in sources:
        match: HeaderMatch | None = None
        try:
            match = match_file(source.path, schema, source.chosen)
            named = source.captured_from or source.file_name
            captured = captured_values(schema, named)
            errors = (*match.errors, *_missing_captures(captured, schema, named))
            if errors:
                yield MappedFile(source, match, None, errors, match.warnings)
                continue
            yield _map(
                source, match, captured, schema, rules, target, connection, max_errors, progress
            )
        except UnreadableFile as error:
            warnings = match.warnings if match else ()
            found = _with_field(error.error, match) if match else error.error
            yield MappedFile(source, match, None, (found,), warnings)


def _map(
    source: SourceFile,
    match: HeaderMatch,
    captured: dict[str, str | None],
    schema: EventSchema,
    rules: list[Rule],
    target: Callable[[SourceFile], Path],
    connection: Connection,
    max_errors: int,
    progress: Progress,
) -> MappedFile:
    fields = list(match.columns)
    columns = [match.columns[field] for field in fields]
    size = source.path.stat().st_size

    def watch(rows: int, position: int) -> None:
        progress(Advance(source.file_name, "reading", position, size, rows))

    watch(0, 0)
    records = Records(
        source.path, match.header, columns, schema.csv, max_errors=max_errors, watch=watch
    )
    reasons: list[UnreadableFile | FileChanged] = []
    constants = captured | {
        name: field.constant for name, field in schema.fields.items() if field.constant is not None
    }

    def write(path: Path) -> None:
        batches = _remember_reason(records.batches(), reasons)
        if match.fix_of is not None:
            batches = unguarded(batches)
        write_frame(connection, batches, fields, constants, schema, rules, source.received_at, path)
        if reasons:
            raise reasons[0]
        if 2 * records.misfits > records.lines:
            _refuse_other_delimiter(source.path, match.header, schema)

    frame = target(source)
    try:
        write_then_rename(frame, write)
    except Exception:
        # DuckDB wraps what the reader raised in an error of its own; the reader's is the reason.
        if not reasons:
            raise
    for reason in reasons:
        if isinstance(reason, UnreadableFile) and reason.error.code == "stray-quote":
            _refuse_other_delimiter(source.path, match.header, schema)
        raise reason
    # An archive's end is read first, and not again.
    watch(records.lines, size)
    return MappedFile(
        source,
        match,
        frame,
        tuple(_with_field(error, match) for error in records.errors),
        (*match.warnings, *records.warnings),
        records.lines,
        records.blank,
        records.faulty,
        size,
    )


def _with_field(error: LocatedError, match: HeaderMatch) -> LocatedError:
    """What the reader says of a column is said of the field that it feeds."""
    fields = [field for field, label in match.mapping.items() if label == error.column]
    return replace(error, field=fields[0]) if fields and error.field is None else error


def _refuse_other_delimiter(path: Path, header: Header, schema: EventSchema) -> None:
    """Refuse a file most of whose records do not fit the header, but all fit another delimiter:
    the others fit the header by chance.
    """
    fitting = fitting_delimiters(path, header, schema.csv)
    if fitting and header.delimiter not in fitting:
        message = (
            f"The header has {SIGNS[header.delimiter]} between its cells, the records have "
            f"{SIGNS[fitting[0]]}. Write the whole file with the same sign."
        )
        raise UnreadableFile(LocatedError("wrong-delimiter", message, line=header.line))


def _remember_reason(
    batches: Iterable[pa.RecordBatch], reasons: list[UnreadableFile | FileChanged]
) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except (UnreadableFile, FileChanged) as error:
        reasons.append(error)
        raise


def _missing_captures(
    captured: dict[str, str | None], schema: EventSchema, file_name: str
) -> Iterator[LocatedError]:
    for name, value in captured.items():
        if value is None and schema.fields[name].required:
            yield LocatedError(
                "file-name",
                f"The file name does not hold the field {name}: "
                f"{schema.fields[name].from_file_name!r} does not match it.",
                field=name,
                value=file_name,
            )
