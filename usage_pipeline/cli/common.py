"""What commands share: options, and the way to schemas, stores and runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from usage_pipeline.cli.output import Format
from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.printable import printable
from usage_pipeline.register import Register, Upload
from usage_pipeline.schema import EventSchema, load_schemas

#: Remarks for a person; standard output is for what was asked. Words go through `remark`.
remarks = Console(stderr=True)

_LONGEST_NAME = 255

FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.")]
SchemaOption = Annotated[str | None, typer.Option("--schema", help="The event schema.")]
RequiredSchema = Annotated[str, typer.Option("--schema", help="The event schema.")]
By = Annotated[str, typer.Option("--by", help="Who you are.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.")]
Uploads = Annotated[str, typer.Argument(help="The upload, as `uploads` lists it.")]


def remark(words: str, style: str = "") -> None:
    """Say something beside what was asked, in one line, however wide the terminal is."""
    # Text, not markup: what a file is called is not ours to interpret.
    remarks.print(Text(printable(words), style=style), soft_wrap=True)


def schema_named(name: str) -> EventSchema:
    """The event schema of that name.

    Raises:
        WrongUse: there is none; the message lists those there are.
    """
    schemas = load_schemas()
    if name not in schemas:
        raise WrongUse(f"There is no event schema '{name}'. There are: {', '.join(schemas)}.")
    return schemas[name]


def said(words: str, option: str) -> None:
    """Raises WrongUse where an option that must say something is empty."""
    if not words.strip():
        raise WrongUse(f"{option} must not be empty.")


def register() -> Register:
    return Register(DataFolder.current().register_url)


def flow_of(upload: Upload) -> Flow:
    """The flow of the schema that an upload belongs to."""
    return Flow(schema_named(upload.schema), DataFolder.current())


def existing_files(files: Iterable[Path]) -> list[Path]:
    """The files, all looked at before anything is done with the first.

    Raises:
        WrongUse: naming each that is missing or no file.
    """
    wrong = []
    for file in (found := list(files)):
        if len(os.fsencode(file.name)) > _LONGEST_NAME:
            wrong.append(f"There is no file {file}: no file has so long a name")
        elif not file.exists():
            wrong.append(f"There is no file {file}")
        elif file.is_symlink():
            wrong.append(f"Cannot read {file}: it is a symbolic link; name the file itself")
        elif not file.is_file():
            wrong.append(f"{file} is not a file")
    if wrong:
        raise WrongUse(*wrong)
    return found
