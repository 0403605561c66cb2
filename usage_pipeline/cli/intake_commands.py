"""Commands that take files: `check` and `ingest`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import typer

from usage_pipeline.cli.common import (
    FormatOption,
    RequiredSchema,
    existing_files,
    remark,
    schema_named,
)
from usage_pipeline.cli.output import Format, show
from usage_pipeline.cli.problems import MACHINE, REFUSED, WrongUse
from usage_pipeline.cli.progress import shown
from usage_pipeline.cli.prospects import prospects
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.intake import shown_name
from usage_pipeline.reading import LocatedError
from usage_pipeline.register import Upload
from usage_pipeline.register.states import next_step
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.check_files import CheckedFile

Files = Annotated[list[Path], typer.Argument(help="CSV files.", show_default=False)]

#: Errors that `check` lists per file unless told otherwise.
LISTED = {Format.table: 50, Format.json: 1000, Format.csv: 1000}

INGEST_COLUMNS = (
    "upload",
    "state",
    "lines",
    "valid",
    "invalid",
    "ingested",
    "duplicates",
    "superseded",
)


def check(
    files: Files,
    schema: RequiredSchema,
    mapped: Annotated[
        Path | None,
        typer.Option(help="Folder for the valid rows of passed files, <file name>.parquet each."),
    ] = None,
    max_errors: Annotated[
        int | None,
        typer.Option(min=0, help="Errors listed per file: 50 in a table, 1,000 otherwise."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Say everything the checks would say about files, and what ingestion would do with them;
    change nothing. Exit 1 if one fails.
    """
    found = existing_files(files)
    if mapped is not None:
        _same_names(found)
        mapped.mkdir(parents=True, exist_ok=True)
        mapped = mapped.resolve()
    described = schema_named(schema)
    listed = max_errors if max_errors is not None else LISTED[form]
    with shown("Checking…"):
        flow = Flow(described, DataFolder.current())
        checked = list(flow.dry_run(found, listed, mapped))
        known = [flow.known_upload(file) for file in found]
    if form is Format.json:
        show(
            [
                _report(flow.schema, one, listed) | prospects(one, upload)
                for one, upload in zip(checked, known, strict=True)
            ],
            (),
            form,
            "",
        )
    elif form is Format.csv:
        rows = [row for one in checked for row in _error_rows(one, listed)]
        show(rows, ("file_name", *ERROR_COLUMNS), form, "")
    else:
        for one, upload in zip(checked, known, strict=True):
            _tell(one, flow.schema, listed, upload)
    if not all(one.verdict.passed for one in checked):
        raise typer.Exit(REFUSED)


def ingest(files: Files, schema: RequiredSchema, form: FormatOption = Format.table) -> None:
    """Take files all the way into the ingestion table and the metrics. Exit 1 if one fails."""
    found = existing_files(files)
    uploads, problems = ingest_files(found, schema_named(schema))
    show([upload_row(upload, INGEST_COLUMNS) for upload in uploads], INGEST_COLUMNS, form, "")
    for upload in dict.fromkeys(uploads):
        _advise(upload)
    for problem in problems:
        remark(problem, style="red")
    if problems:
        raise typer.Exit(MACHINE)
    if any(upload.state in ("failed", "refused", "voided") for upload in uploads):
        raise typer.Exit(REFUSED)


def ingest_files(files: Sequence[Path], schema: EventSchema) -> tuple[list[Upload], list[str]]:
    """Receive files and run the ingest job on what has to be done.

    Returns the upload of each file, in order, as it stands afterwards, and what went wrong.
    """
    flow = Flow(schema, DataFolder.current())
    flow.open_ledger()
    _import_meanwhile("usage_pipeline.orchestration.local_runs")
    receipts = flow.receive(files, by="usage-pipeline ingest")
    for receipt in receipts:
        if receipt.outcome in ("repeat", "answered"):
            _say_repeat(receipt.upload)
    problems = finish(flow, [receipt.upload for receipt in receipts])
    found = [flow.register.find(r.upload.upload, schema.name) for r in receipts]
    return found, problems


def _import_meanwhile(module: str) -> None:
    """Import a module while files are copied and hashed, which leaves the interpreter idle.

    With Dagster in it that takes most of a second, as copying a few hundred megabytes does.
    """

    def load() -> None:
        # Whoever needs it imports it again, and is told what is wrong.
        with suppress(Exception):
            import_module(module)

    Thread(target=load, daemon=True).start()


def finish(flow: Flow, uploads: Sequence[Upload]) -> list[str]:
    """Run the ingest job on those of `uploads` that are not done, and on what a crash left.

    Returns what went wrong.
    """
    from usage_pipeline.orchestration.instance import open_instance
    from usage_pipeline.orchestration.local_runs import run_ingest

    due = _due(flow, uploads)
    problems: list[str] = []
    if due:
        with open_instance(flow.folder) as instance, shown("Ingesting…"):
            for report in run_ingest(instance, flow.folder, flow.schema, due):
                problems += report.problems
    return problems


def _due(flow: Flow, uploads: Sequence[Upload]) -> list[str]:
    received = [upload.upload for upload in uploads if upload.state == "received"]
    left_over = [one.upload.upload for one in flow.register.decisions.due(flow.schema.name)]
    due = list(dict.fromkeys([*received, *left_over]))
    if not due and uploads and flow.metrics_wait:
        # Any run of the schema computes the windows that were left stale.
        due = [uploads[0].upload]
    return due


def upload_row(upload: Upload, columns: Sequence[str]) -> dict[str, Any]:
    return {column: getattr(upload, column) for column in columns}


ERROR_COLUMNS = ("line", "column", "field", "code", "value", "message")


def error_row(error: LocatedError) -> dict[str, Any]:
    return {column: getattr(error, column) for column in ERROR_COLUMNS}


def _error_rows(checked: CheckedFile, max_errors: int) -> list[dict[str, Any]]:
    name = {"file_name": checked.mapped.source.file_name}
    return [name | error_row(error) for error in checked.errors[:max_errors]]


def _report(schema: EventSchema, checked: CheckedFile, max_errors: int) -> dict[str, Any]:
    verdict = checked.verdict
    return {
        "schema": schema.name,
        "file_name": checked.mapped.source.file_name,
        "verdict": "passed" if verdict.passed else "failed",
        "lines": verdict.lines,
        "valid": verdict.valid,
        "invalid": verdict.invalid,
        "error_count": verdict.error_count,
        "warning_count": verdict.warning_count,
        "errors": [error_row(error) for error in checked.errors[:max_errors]],
        "mapping": verdict.mapping,
        "codes": verdict.codes,
    }


def _tell(checked: CheckedFile, schema: EventSchema, max_errors: int, known: Upload | None) -> None:
    from usage_pipeline.cli.report import print_report

    print_report(checked, schema, max_errors, LISTED[Format.json], known)


def _same_names(files: Sequence[Path]) -> None:
    names = [shown_name(file.name) for file in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WrongUse(f"--mapped needs files with different names; twice: {', '.join(twice)}")


def _say_repeat(upload: Upload) -> None:
    in_already = "; its rows are in" if upload.state == "ingested" else ""
    remark(f"{upload.file_name}: these bytes are {upload.upload} already{in_already}.")


def _advise(upload: Upload) -> None:
    if upload.state == "ingested":
        return
    remark(f"{upload.file_name}: {next_step(upload.state, upload.schema, upload.upload)}.")
