"""Commands for the review: what came, what is wrong with it, and what a person decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from usage_pipeline.cli.bad_lines import match_as_judged, write_bad_lines
from usage_pipeline.cli.common import (
    By,
    FormatOption,
    ReasonOption,
    SchemaOption,
    Uploads,
    flow_of,
    register,
    remark,
    said,
    schema_named,
)
from usage_pipeline.cli.intake_commands import (
    ERROR_COLUMNS,
    INGEST_COLUMNS,
    error_row,
    upload_row,
)
from usage_pipeline.cli.located import print_located
from usage_pipeline.cli.output import TABLE_ROWS, Format, page, show
from usage_pipeline.cli.problems import MACHINE, REFUSED, WrongUse
from usage_pipeline.cli.progress import shown
from usage_pipeline.flow import Flow
from usage_pipeline.register import Upload, require
from usage_pipeline.register.states import STATES, State
from usage_pipeline.validation.findings import read_error_file

UPLOAD_COLUMNS = (
    "upload",
    "schema",
    "state",
    "file_name",
    "sha256",
    "size",
    "lines",
    "valid",
    "invalid",
    "ingested",
    "duplicates",
    "superseded",
    "received_at",
    "fix_of",
)
_NARROW = tuple(
    column
    for column in UPLOAD_COLUMNS
    if column not in ("file_name", "sha256", "size", "superseded", "fix_of")
)


def uploads(
    schema: SchemaOption = None,
    state: Annotated[str | None, typer.Option(help=f"One of: {', '.join(STATES)}.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """List what came, in which state, with counts."""
    if schema is not None:
        schema_named(schema)
    states = None if state is None else [_state(state)]
    # A table shows that there are more, and no more of them.
    most = TABLE_ROWS + 1 if form is Format.table else None
    found = register().uploads(schema, states, most=most)
    columns = _NARROW if form is Format.table else UPLOAD_COLUMNS
    show(
        (upload_row(upload, UPLOAD_COLUMNS) for upload in found),
        columns,
        form,
        "No uploads. `usage-pipeline ingest FILE --schema NAME` takes one in.",
    )


def errors(
    upload: Uploads,
    schema: SchemaOption = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Write just the bad lines to this .csv or .xlsx, to fix them."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """List the located errors of an upload, as the last check found them."""
    found = register().find(upload, schema)
    flow = flow_of(found)
    verdict = flow.register.last_verdict(found)
    if verdict is None:
        why = flow.register.asks.given_up(found.schema, upload)
        raise WrongUse(
            f"{upload} could not be checked: {why}. When that is mended, send the file again."
            if why
            else f"{upload} has not been checked yet; ingest the file again to check it."
        )
    findings = read_error_file(flow.archive.errors(found.schema, upload, verdict.schema_version))
    if output is not None:
        with shown("Writing…"):
            count = write_bad_lines(flow, found, verdict, findings, output)
        remark(f"{count} bad {'line' if count == 1 else 'lines'} written to {output}")
        return
    listed = findings
    if form is Format.table and findings:
        listed = findings[:TABLE_ROWS]
        original = flow.archive.original(found.schema, upload)
        match = match_as_judged(flow, found, verdict)
        print_located(page(), listed, original, match, flow.schema)
    else:
        show([error_row(one) for one in findings], ERROR_COLUMNS, form, "Nothing was found.")
    total = verdict.error_count + verdict.warning_count
    if len(listed) < total:
        kept = f"; --format json lists {len(findings):,}" if len(listed) < len(findings) else ""
        remark(f"The first {len(listed):,} of {total:,}{kept}; --output writes every bad line.")


def confirm(
    upload: Uploads,
    by: By,
    note: Annotated[str, typer.Option(help="Anything worth keeping.")] = "",
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Let an upload in that passed its checks and waits for a person."""
    said(by, "--by")
    found = register().find(upload, schema)
    flow = flow_of(found)
    flow.may_confirm(found, by)
    flow.open_ledger()
    _decide(flow, "confirm", found, {"by": by, "note": note}, form)


def refuse(
    upload: Uploads,
    by: By,
    reason: ReasonOption,
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Keep an upload out that passed its checks; nothing of it is lost."""
    _keep_or_take_up("refuse", upload, schema, by, reason, form)


def reopen(
    upload: Uploads,
    by: By,
    reason: ReasonOption,
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Take up a refused upload again; it waits for confirmation as before."""
    _keep_or_take_up("reopen", upload, schema, by, reason, form)


def history(
    upload: Uploads, schema: SchemaOption = None, form: FormatOption = Format.table
) -> None:
    """Tell the life of an upload: who did what, when and why."""
    store = register()
    entries = store.history(store.find(upload, schema))
    columns = ("at", "action", "by", "note", "schema_version", "details")
    rows: list[dict[str, Any]] = [
        {"upload": entry.upload} | {column: getattr(entry, column) for column in columns}
        for entry in entries
    ]
    show(rows, columns, form, "")


def _keep_or_take_up(
    step: Literal["refuse", "reopen"],
    upload: str,
    schema: str | None,
    by: str,
    reason: str,
    form: Format,
) -> None:
    said(by, "--by")
    said(reason, "--reason")
    found = register().find(upload, schema)
    require(found, step)
    _decide(flow_of(found), step, found, {"by": by, "reason": reason}, form)


def _decide(
    flow: Flow,
    step: Literal["confirm", "refuse", "reopen"],
    upload: Upload,
    words: dict[str, str],
    form: Format,
) -> None:
    """Have the job of the UI decide, so that its pages know of it, and show what came of it."""
    from usage_pipeline.orchestration.instance import open_instance
    from usage_pipeline.orchestration.local_runs import run_decision

    with open_instance(flow.folder) as instance, shown("Working…"):
        report = run_decision(instance, flow.folder, flow.schema, step, upload.upload, words)
    now = flow.register.find(upload.upload, upload.schema)
    show([upload_row(now, INGEST_COLUMNS)], INGEST_COLUMNS, form, "")
    for problem in report.problems:
        remark(problem, style="red")
        last = flow.register.history(now)[-1].action
        raise typer.Exit(REFUSED if last == "conflict" else MACHINE)


def _state(word: str) -> State:
    for state in STATES:
        if state == word:
            return state
    raise WrongUse(f"'{word}' is no state. States: {', '.join(STATES)}.")
