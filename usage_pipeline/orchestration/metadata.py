"""What the UI shows of uploads, frames, tables and windows.

Texts that come from a file go into text, path and table values only, never into Markdown, which
the UI would render.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from usage_pipeline.ledger import Followed
from usage_pipeline.ledger.rivals import Loss
from usage_pipeline.mapping.casts import sql_type
from usage_pipeline.mapping.headers import match_file
from usage_pipeline.orchestration.review_metadata import (
    mapping_metadata,
    next_step_here,
    profile_metadata,
)
from usage_pipeline.printable import printable
from usage_pipeline.reading import UnreadableFile, beginning_of, clip
from usage_pipeline.register import Upload
from usage_pipeline.register.records import Entry
from usage_pipeline.schema import EventSchema, FieldSpec
from usage_pipeline.schema.rules import KNOWN_CUSTOMER
from usage_pipeline.validation.check_files import CheckedFile

Metadata = Mapping[str, Any]

FIRST_LINES_BYTES = 2_000


def frame_columns(schema: EventSchema) -> dg.TableSchema:
    own = [
        dg.TableColumn("line", "BIGINT", "Line of the file on which the record starts"),
        dg.TableColumn("valid", "BOOLEAN", "Whether every rule holds"),
    ]
    if schema.customers is not None:
        words = "Whether the list of customers has the row's"
        own.append(dg.TableColumn(KNOWN_CUSTOMER, "BOOLEAN", words))
    return dg.TableSchema([own[0], *_fields(schema), *own[1:]])


def ledger_columns(schema: EventSchema) -> dg.TableSchema:
    own = [
        dg.TableColumn("place", "INTEGER", "The upload's number in the order of ingestion"),
        dg.TableColumn("line", "BIGINT", "Line of the file on which the record starts"),
    ]
    return dg.TableSchema([*own, *_fields(schema)])


def upload_metadata(upload: Upload, original: Path, schema: EventSchema) -> Metadata:
    """Of `raw_upload`: which file it was and how it begins.

    Raises:
        OSError: the archived file is gone.
    """
    shown = {
        "dagster/uri": original.as_uri(),
        "file_name": dg.MetadataValue.text(printable(upload.file_name)),
        "size_bytes": upload.size,
        "sha256": dg.MetadataValue.text(upload.sha256),
        "received_at": dg.MetadataValue.timestamp(upload.received_at),
    }
    try:
        beginning = beginning_of(original, schema.csv, FIRST_LINES_BYTES)
    except UnreadableFile:
        return shown  # the check `structure` says why
    first_lines = beginning.content.decode("utf-8", errors="replace").splitlines()[:6]
    return {
        **shown,
        "encoding": dg.MetadataValue.text(beginning.encoding),
        "compression": dg.MetadataValue.text(beginning.compression or "none"),
        "first_lines": dg.MetadataValue.text("\n".join(map(printable, first_lines))),
        **_header(original, schema, upload.chosen),
    }


def _header(original: Path, schema: EventSchema, chosen: Mapping[str, str] | None) -> Metadata:
    try:
        header = match_file(original, schema, chosen).header
    except UnreadableFile:
        return {}  # here too
    return {
        "delimiter": dg.MetadataValue.text(repr(header.delimiter)),
        "header": dg.MetadataValue.text(clip(printable(", ".join(header.labels)), 2000)),
    }


def frame_metadata(
    upload: Upload, checked: CheckedFile, error_file: Path, *, reading_waits: bool
) -> Metadata:
    """Of `mapped_events`: what file it is, the verdict and what is to be done, the mapping, the
    counts, and what its rows would bring.

    Args:
        reading_waits: whether this is a newer reading of rows that are in; see the register.
    """
    verdict = checked.verdict
    shown: dict[str, Any] = {
        "file_name": dg.MetadataValue.text(printable(upload.file_name)),
        "verdict": dg.MetadataValue.text("passed" if verdict.passed else "failed"),
        "state": dg.MetadataValue.text(upload.state),
        "next_step": dg.MetadataValue.text(next_step_here(upload, reading_waits=reading_waits)),
        **profile_metadata(checked),
    }
    if checked.mapped.match is not None:
        shown |= mapping_metadata(checked.mapped.match, checked.schema)
    if checked.mapped.frame is not None:
        shown |= {
            "lines": verdict.lines,
            "valid": verdict.valid,
            "invalid": verdict.invalid,
            "blank_lines": checked.mapped.blank,
            "dagster/uri": checked.mapped.frame.as_uri(),
            "dagster/row_count": verdict.lines,
        }
    shown |= {
        "errors": verdict.error_count,
        "warnings": verdict.warning_count,
        "error_file": dg.MetadataValue.path(error_file),
        "schema_version": dg.MetadataValue.text(verdict.schema_version),
    }
    return {name: value for name, value in shown.items() if value is not None}


def ledger_metadata(upload: Upload, followed: Followed, history: Sequence[Entry]) -> Metadata:
    """Of `ingestion_table`: whether the upload is in, what became of each valid row, and which
    lost to which, the first ones. `history` is that of a voided upload.
    """
    stands, losses = followed.standing, followed.losses
    assert stands is not None
    shown: dict[str, Any] = {
        "dagster/row_count": stands.ingested,
        "state": dg.MetadataValue.text(upload.state),
        "place": stands.place,
        **stands.counts,
        "schema_version": dg.MetadataValue.text(stands.schema_version),
    }
    for entry in [one for one in history if one.action == "void"][-1:]:
        shown |= {
            "voided_by": dg.MetadataValue.text(entry.by),
            "reason": dg.MetadataValue.text(entry.note or ""),
            "voided_at": dg.MetadataValue.timestamp(entry.at),
        }
    if losses is not None:
        shown["conflicts"] = losses.conflicts
        if losses.first:
            shown["lost_rows"] = dg.MetadataValue.table([_lost(one) for one in losses.first])
    return shown


def _lost(loss: Loss) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "line": loss.line,
            "lost as": "conflict" if loss.conflict else "duplicate",
            "to upload": loss.winner_upload,
            "to line": loss.winner_line,
        }
    )


def _fields(schema: EventSchema) -> list[dg.TableColumn]:
    return [field_column(name, field) for name, field in schema.fields.items()]


def field_column(name: str, field: FieldSpec) -> dg.TableColumn:
    """A field as the UI lists it."""
    words = " ".join(filter(None, [field.description, field.unit and f"({field.unit})"]))
    return dg.TableColumn(
        name,
        sql_type(field),
        words or None,
        constraints=dg.TableColumnConstraints(nullable=not field.required),
    )
