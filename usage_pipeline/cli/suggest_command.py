"""A command for a file nobody described: `suggest`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from usage_pipeline.cli.common import FormatOption, existing_files, remark, remarks
from usage_pipeline.cli.output import Format, show, show_object
from usage_pipeline.cli.problems import REFUSED, WrongUse
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.printable import printable
from usage_pipeline.reading import UnreadableFile
from usage_pipeline.schema import CsvOptions, load_schemas
from usage_pipeline.schema.cross_checks import RESERVED_SCHEMAS
from usage_pipeline.schema.parts import NAME_PATTERN
from usage_pipeline.suggest import Suggestion, suggest
from usage_pipeline.suggest.fits import FieldFit, SchemaFit

COLUMNS = ("header", "field", "role", "type", "format", "values", "missing", "distinct")
#: Schemas of which more than the name is said, on a terminal.
_TOLD = 3
#: A schema that fits so far is worth saying of what it still lacks.
_NEAR = 50


def suggest_schema(
    file: Annotated[Path, typer.Argument(help="A CSV file.", show_default=False)],
    name: Annotated[
        str | None, typer.Option(help="Name of the schema; else taken from the file's.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the draft to this new file.")] = None,
    encoding: Annotated[str, typer.Option(help="How the file is encoded.")] = "auto",
    form: FormatOption = Format.table,
) -> None:
    """Draft a defs.yaml for a file that nobody described. Exit 1 if it cannot be read."""
    [found] = existing_files([file])
    schemas = load_schemas()
    _may_be_named(name, schemas)
    _may_be_written(output)
    _may_be_encoded(encoding)
    try:
        with remarks.status("Reading…"):
            suggestion = suggest(found, DataFolder.current(), schemas, name=name, encoding=encoding)
    except UnreadableFile as refusal:
        error = refusal.error
        place = f"line {error.line}" if error.line is not None else "the file"
        remark(f"{found.name}: {place}  {error.code}  {error.message}", style="red")
        raise typer.Exit(REFUSED) from None
    if output is not None:
        _write(output, suggestion.draft)
    if form is Format.json:
        show_object(_object(suggestion))
    elif form is Format.csv:
        show(suggestion.columns, COLUMNS, form, "")
    elif output is None:
        sys.stdout.write(suggestion.draft)
    if form is Format.table:
        _tell(suggestion, output)


def _may_be_named(name: str | None, schemas: Any) -> None:
    if name is None:
        return
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > 63 or name in RESERVED_SCHEMAS:
        raise WrongUse(
            f"--name {name}: a schema is named by lower-case letters and digits in parts joined by "
            f"single _, a letter first, at most 63, and not {', '.join(RESERVED_SCHEMAS)}."
        )
    if name in schemas:
        raise WrongUse(f"There is an event schema '{name}' already; choose another --name.")


def _may_be_written(output: Path | None) -> None:
    """Looked at before the work; what appears meanwhile is not overwritten either."""
    if output is None:
        return
    if output.exists() or output.is_symlink():
        raise WrongUse(_there_already(output))
    if not output.absolute().parent.is_dir():
        raise WrongUse(f"There is no folder {output.absolute().parent}; make it first.")


def _may_be_encoded(encoding: str) -> None:
    try:
        CsvOptions(encoding=encoding)
    except ValueError:
        raise WrongUse(
            f"--encoding {encoding}: no encoding that files can be read in; write auto, utf-8, "
            "cp1252, latin-1, …"
        ) from None


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise WrongUse(_there_already(output)) from None


def _there_already(output: Path) -> str:
    return f"{output} is there already and is not overwritten; name another file with --output."


def _object(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "file_name": suggestion.file_name,
        "schema": suggestion.schema.name,
        "lines": suggestion.lines,
        "draft": suggestion.draft,
        "questions": [
            {"about": one.about, "question": one.text, "codes": list(one.codes)}
            for one in suggestion.questions
        ],
        "columns": list(suggestion.columns),
        "schemas": [_fit(one) for one in suggestion.fits],
    }


def _fit(fit: SchemaFit) -> dict[str, Any]:
    return {
        "schema": fit.schema,
        "takes": fit.takes,
        "fit": fit.fit,
        "fields": [
            {
                "field": one.field,
                "required": one.required,
                "header": one.header,
                "how": one.how,
                "score": one.score,
                "candidates": [
                    {"header": near.label, "score": near.score} for near in one.candidates
                ],
            }
            for one in fit.fields
        ],
    }


def _tell(suggestion: Suggestion, output: Path | None) -> None:
    for warning in suggestion.warnings:
        remark(f"{warning.code}: {warning.message}", style="yellow")
    if suggestion.questions:
        remark("Questions to answer:", style="bold")
        for number, question in enumerate(suggestion.questions, 1):
            remark(f"{number}. {question.about}: {question.text}")
    _tell_fits(suggestion.fits)
    where = f"{output} as " if output is not None else "The draft belongs in "
    folder = f"usage_pipeline/defs/{suggestion.schema.name}/defs.yaml"
    moved = f"Move {where}{folder}" if output is not None else f"{where}{folder}"
    remark(f"{moved}; then: usage-pipeline check FILE --schema {suggestion.schema.name}")


def _tell_fits(fits: Sequence[SchemaFit]) -> None:
    if not fits:
        return
    remark("How the schemas there are fit its headers:", style="bold")
    width = max(len(one.schema) for one in fits)
    for fit in fits:
        verdict = "takes the file as it is" if fit.takes else _short(fit)
        remark(f"{fit.schema:{width}}  {fit.fit:3}  {verdict}")
    for fit in fits[:_TOLD]:
        for one in () if fit.takes else fit.fields:
            if words := _words(one, near=fit.fit >= _NEAR):
                remark(f"  {fit.schema}.{one.field}: {words}")


def _short(fit: SchemaFit) -> str:
    needed = [one for one in fit.fields if one.required]
    found = sum(one.score == 100 and one.how not in ("likely", "ask") for one in needed)
    return f"{found} of {len(needed)} required fields find their column"


def _words(one: FieldFit, *, near: bool) -> str | None:
    if one.how == "likely":
        return f"'{printable(one.header or '')}' likely feeds it ({one.score})"
    if one.how == "ask":
        labels = (f"'{label.label}' ({label.score})" for label in one.candidates)
        return f"is it {' or '.join(labels)}?"
    if one.how == "none" and one.required and near:
        return "no header comes near"
    return None
