"""From a file to its draft: reading, looking, drafting, and a look at the schemas there are."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.intake import shown_name
from usage_pipeline.reading import LocatedError
from usage_pipeline.schema import CsvOptions, EventSchema, load_schema
from usage_pipeline.suggest.column import Column, Profile
from usage_pipeline.suggest.draft import Draft, make_draft
from usage_pipeline.suggest.draft_fields import Question
from usage_pipeline.suggest.fits import SchemaFit, fits
from usage_pipeline.suggest.profile import profile
from usage_pipeline.suggest.render import render
from usage_pipeline.suggest.text_table import read_text
from usage_pipeline.suggest.words import schema_name
from usage_pipeline.warehouse import scratch_connection


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a file suggests.

    draft: the text of a `defs.yaml`; `schema` is what it loads as.
    columns: of each header what the draft makes of it: `header`, `field` and `role` (None where it
    is left out), `type`, `format` of times, `values`, `missing`, `distinct` (an estimate).
    """

    file_name: str
    draft: str
    schema: EventSchema
    lines: int
    questions: tuple[Question, ...]
    columns: tuple[dict[str, Any], ...]
    fits: tuple[SchemaFit, ...]
    warnings: tuple[LocatedError, ...]


def suggest(
    file: Path,
    folder: DataFolder,
    schemas: Mapping[str, EventSchema],
    *,
    name: str | None = None,
    encoding: str = "auto",
) -> Suggestion:
    """Draft an event schema for a file; nothing is stored.

    Args:
        folder: below whose scratch folder the file's text is kept meanwhile.
        schemas: those there are; the draft gets another name than they have.
        name: of the schema, else it is taken from the file's name.

    Raises:
        UnreadableFile: the file cannot be read as records below a header.
        FileChanged: somebody writes to it meanwhile.
    """
    file_name = shown_name(file.name)
    chosen = name or schema_name(file_name, schemas)
    folder.scratch.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder.scratch) as work,
        scratch_connection(folder, Path(work)) as connection,
    ):
        table = read_text(file, CsvOptions(encoding=encoding), Path(work), connection)
        found = profile(table)
        draft = make_draft(table, found, chosen, file_name, encoding, datetime.now(UTC))
        text = render(draft)
        return Suggestion(
            file_name,
            text,
            _loaded(text, Path(work)),
            table.lines,
            tuple(draft.questions),
            tuple(_columns(found, draft)),
            tuple(fits(table.header, schemas.values())),
            table.warnings,
        )


def _loaded(text: str, work: Path) -> EventSchema:
    """The draft as the pipeline will read it: one that does not load is a mistake of ours."""
    file = work / "defs.yaml"
    file.write_text(text, encoding="utf-8")
    schema = load_schema(file)
    if schema is None:
        raise RuntimeError("the draft is no event schema")
    return schema


def _columns(found: Profile, draft: Draft) -> list[dict[str, Any]]:
    fields = {part.column.cell: part for part in draft.fields if part.column is not None}
    return [_column(one, fields.get(one.cell)) for one in found.columns]


def _column(column: Column, part: Any) -> dict[str, Any]:
    return {
        "header": column.label,
        "field": part.name if part else None,
        "role": part.role if part else None,
        "type": part.keys["type"] if part else column.type,
        "format": column.format if column.type == "timestamp" else None,
        "values": column.values,
        "missing": column.missing,
        "distinct": column.distinct,
    }
