"""Every error code: what it means and what to do about it.

Checks, reports, the command line and the docs all take their words from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from usage_pipeline.schema import EventSchema

#: Which check on `mapped_events` a code belongs to.
Check = Literal["structure", "mapping", "values", "timestamps", "duplicates"]


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One kind of finding.

    warning: it is reported and counted, and fails nothing.
    """

    code: str
    check: Check
    title: str
    advice: str
    warning: bool = False


_CATALOGUE = [
    ErrorCode(
        "encoding-error",
        "structure",
        "Not text in the file's encoding",
        "Save the file as CSV in UTF-8 and drop it again, or name its encoding in the schema.",
    ),
    ErrorCode(
        "compression-error",
        "structure",
        "A compressed file that cannot be expanded",
        "Fetch the file again, or save it uncompressed; a .zip may hold one file only.",
    ),
    ErrorCode(
        "file-too-large",
        "structure",
        "A file larger than the schema allows",
        "Split the file, or raise the limit in the schema.",
    ),
    ErrorCode(
        "empty-file",
        "structure",
        "No data in the file",
        "Export the file again; it must hold a header row and at least one data row.",
    ),
    ErrorCode(
        "missing-cell",
        "structure",
        "A record has fewer cells than the header",
        "Correct the line: a delimiter is missing, or the line was cut.",
    ),
    ErrorCode(
        "extra-cell",
        "structure",
        "A record has more cells than the header",
        "Correct the line: put text that holds the delimiter in double quotes.",
    ),
    ErrorCode(
        "stray-quote",
        "structure",
        "A double quote where none may be",
        "Put the whole cell in double quotes and write each quote inside it twice.",
    ),
    ErrorCode(
        "unclosed-quote",
        "structure",
        "A quoted cell that never ends",
        "Close the quote in the line named; everything behind it was taken for one cell.",
    ),
    ErrorCode(
        "record-too-long",
        "structure",
        "A record longer than the schema allows",
        "Look whether the file is CSV at all, or raise csv.max_record_size in the schema.",
    ),
    ErrorCode(
        "field-too-long",
        "structure",
        "A cell longer than the schema allows",
        "Shorten the cell, or raise csv.max_field_length in the schema.",
    ),
    ErrorCode(
        "control-character",
        "structure",
        "A control character in a cell",
        "Take it out: nobody sees it, and it makes two texts that look alike differ.",
    ),
    ErrorCode(
        "blank-row",
        "structure",
        "Blank lines",
        "Nothing need be done; blank lines hold no data and are skipped.",
        warning=True,
    ),
    ErrorCode(
        "no-final-newline",
        "structure",
        "The last line has no line end",
        "The file may be cut: compare its last line with the source.",
        warning=True,
    ),
    ErrorCode(
        "no-checksum",
        "structure",
        "A zstd file without a checksum",
        "Have it written with one (zstd does so by itself): damage to it cannot be seen otherwise.",
        warning=True,
    ),
    ErrorCode(
        "blank-header", "mapping", "The header row is blank", "Name the columns in the first row."
    ),
    ErrorCode(
        "too-many-columns",
        "mapping",
        "More columns than the schema allows",
        "Remove columns, or raise csv.max_columns in the schema.",
    ),
    ErrorCode(
        "title-row",
        "mapping",
        "Lines above the header",
        "Take out the lines above the header: it must come first.",
    ),
    ErrorCode("no-header", "mapping", "No header row", "Add a first row that names the columns."),
    ErrorCode(
        "wrong-delimiter",
        "mapping",
        "Cells are separated by another sign than can be read",
        "Save the file with the schema's delimiter (auto: comma, semicolon, tab or vertical bar).",
    ),
    ErrorCode(
        "blank-label", "mapping", "A column without a header", "Name the column or remove it."
    ),
    ErrorCode(
        "duplicate-label",
        "mapping",
        "Two columns with the same header",
        "Rename or remove one of them.",
    ),
    ErrorCode(
        "ambiguous-label",
        "mapping",
        "Two columns could feed one field",
        "Rename or remove all but one of them.",
    ),
    ErrorCode(
        "missing-label",
        "mapping",
        "A required column is missing",
        "If a column holds it under another header, map it: `usage-pipeline map UPLOAD --set "
        "FIELD=HEADER`, or the job map_upload. Else add the column, or rename its header; for all "
        "later files add the header to `from` in the schema.",
    ),
    ErrorCode(
        "incomplete-fix",
        "mapping",
        "Corrected bad lines whose other rows are not in",
        "Drop the whole corrected file. Just its bad lines do only where the others are ingested "
        "already, by on_invalid: quarantine_rows.",
    ),
    ErrorCode(
        "file-name",
        "mapping",
        "The file's name lacks a value",
        "Rename the file as the schema expects it and drop it again.",
    ),
    ErrorCode(
        "unmapped-label",
        "mapping",
        "A column that no field takes",
        "Nothing need be done; to use it, add its header to `from` of a field.",
        warning=True,
    ),
    ErrorCode("required-value", "values", "A required cell is empty", "Fill in the cell."),
    ErrorCode(
        "type-error",
        "values",
        "Not a value of the field's type",
        "Correct the cell: plain digits and a point, or the signs that the schema names.",
    ),
    ErrorCode(
        "precision-loss",
        "values",
        "A value with more digits than the field holds",
        "Correct the cell, or raise precision and scale in the schema.",
    ),
    ErrorCode(
        "constraint-error",
        "values",
        "A value that the schema forbids",
        "Correct the cell, or widen the rule in the schema.",
    ),
    ErrorCode(
        "unknown-customer",
        "values",
        "A customer that is not in the list of customers",
        "Correct the cell; or add the customer to the list, then hand the file in again.",
    ),
    ErrorCode(
        "padded-text",
        "values",
        "Space at the ends of a text",
        "Check that it belongs there: 'acme ' and 'acme' are two customers.",
        warning=True,
    ),
    ErrorCode(
        "timestamp-format",
        "timestamps",
        "Not a time in the format of the schema",
        "Correct the cell, or set `format` in the schema.",
    ),
    ErrorCode(
        "timestamp-no-zone",
        "timestamps",
        "A time without an offset",
        "Write the offset (Z, +01:00), or set `time_zone` in the schema.",
    ),
    ErrorCode(
        "timestamp-ambiguous",
        "timestamps",
        "A local time that the clock change skips or repeats",
        "Write the time with its offset.",
    ),
    ErrorCode(
        "future-timestamp",
        "timestamps",
        "A time in the future",
        "Correct the time, or raise `future_limit` in the schema.",
    ),
    ErrorCode(
        "past-timestamp",
        "timestamps",
        "A time too far in the past",
        "Correct the time, or set `start` or `past_limit` in the schema.",
    ),
    ErrorCode(
        "duplicate-in-file",
        "duplicates",
        "The same event again in the same file",
        "Nothing need be done; on_duplicate in the schema says which one counts.",
        warning=True,
    ),
    ErrorCode(
        "conflict-in-file",
        "duplicates",
        "The same event with other content in the same file",
        "Find out which line is right. on_duplicate in the schema says which one counts, or that "
        "the file is refused.",
        warning=True,
    ),
    ErrorCode(
        "conflict-with-ledger",
        "duplicates",
        "An event that counts already, with other content",
        "Find out which file is right: correct this one, or void the other upload first.",
    ),
]

CODES: dict[str, ErrorCode] = {entry.code: entry for entry in _CATALOGUE}
CHECKS: tuple[Check, ...] = ("structure", "mapping", "values", "timestamps", "duplicates")


def check_of(code: str, field_type: str | None = None) -> Check:
    """The check that reports a code; a time that is too fine is a matter of timestamps."""
    if code == "precision-loss" and field_type == "timestamp":
        return "timestamps"
    return CODES[code].check


def is_warning(code: str, schema: EventSchema) -> bool:
    """Whether a finding fails nothing under the rules of a schema."""
    if code == "unknown-customer":
        return schema.customers is not None and schema.customers.unknown == "warning"
    refused = schema.policy == "refuse" and code == "conflict-in-file"
    return CODES[code].warning and not refused
