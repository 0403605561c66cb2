"""Commands on what counts: the undo, why a row counts or not, and the ledger anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from usage_pipeline.audit import Reason, explain, lost_rows
from usage_pipeline.cli.common import (
    By,
    FormatOption,
    ReasonOption,
    RequiredSchema,
    SchemaOption,
    Uploads,
    flow_of,
    register,
    remark,
    said,
    schema_named,
)
from usage_pipeline.cli.intake_commands import INGEST_COLUMNS, upload_row
from usage_pipeline.cli.output import Format, show, text
from usage_pipeline.cli.problems import MACHINE, REFUSED, WrongUse
from usage_pipeline.cli.progress import shown
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.export import export_tables
from usage_pipeline.flow import Flow
from usage_pipeline.ledger.rivals import Rival
from usage_pipeline.rebuild import rebuild as build_anew
from usage_pipeline.register import Upload
from usage_pipeline.register.states import Action
from usage_pipeline.schema import load_schemas

Several = Annotated[
    list[str], typer.Argument(help="Uploads, as `uploads` lists them.", show_default=False)
]


def void(
    uploads: Several,
    by: By,
    reason: ReasonOption,
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Take whole uploads back out: what they had displaced counts again. `restore` undoes it."""
    _take_back("void", uploads, by, reason, schema, form)


def restore(
    uploads: Several,
    by: By,
    reason: ReasonOption,
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Bring voided uploads back to their places, as if they had never been out."""
    _take_back("restore", uploads, by, reason, schema, form)


def duplicates(
    upload: Uploads, schema: SchemaOption = None, form: FormatOption = Format.table
) -> None:
    """List the rows of an upload that do not count: to which row they lost, and what differs."""
    found = register().find(upload, schema)
    flow = flow_of(found)
    columns = ("line", "event_key", "lost_as", "to_upload", "to_line", "differing")
    counted: Counter[str] = Counter()

    def rows(rivals: Iterator[Rival]) -> Iterator[dict[str, Any]]:
        for rival in rivals:
            row = _lost_row(rival, form)
            counted[row["lost_as"]] += 1
            yield row

    with lost_rows(flow, found) as rivals:
        listed = list(rows(rivals)) if form is Format.table else rows(rivals)
        show(listed, columns, form, _nothing_lost(found))
    if counted:
        would = "" if found.state == "ingested" else " if its rows went in now"
        counts = f"duplicates: {counted['duplicate']}, conflicts: {counted['conflict']}"
        remark(f"Rows that do not count{would}: {counts}.")


def _nothing_lost(upload: Upload) -> str:
    if upload.state == "ingested":
        return "Every valid row counts."
    if not upload.valid:
        return f"{upload.upload} is {upload.state}, and has no valid rows."
    return f"{upload.upload} is {upload.state}; every valid row would count if it went in now."


def explain_event(
    schema: RequiredSchema,
    key: Annotated[
        list[str],
        typer.Argument(
            help="The values of the event key, in its order; '' for one that is missing.",
            show_default=False,
        ),
    ],
    form: FormatOption = Format.table,
) -> None:
    """Say why an event counts or not: every upload and line it came in, and which one won."""
    flow = Flow(schema_named(schema), DataFolder.current())
    reasons = explain(flow, key)
    columns = ["upload", "line", "state", "counts", "why", "differing"]
    if form is not Format.table:
        columns.append("fields")
    rows = [_reason_row(one, form) for one in reasons]
    show(rows, columns, form, "No upload has this event.")


def rebuild(schema: RequiredSchema, form: FormatOption = Format.table) -> None:
    """Build the tables of a schema anew from the archive; needed when the YAML changed key, policy
    or types under rows that are in. Exit 1, and nothing changed, where an upload does not fit.
    """
    described = schema_named(schema)
    with shown("Rebuilding…"):
        flow = Flow(described, DataFolder.current())
        built = build_anew(flow)
    problems = _settle([flow], [])
    columns = ("schema", "uploads", "read_again", "ingested", "displaced")
    show([{"schema": schema} | asdict(built)], columns, form, "")
    _fail_on(problems)


def export(
    to: Annotated[Path, typer.Option("--to", help="A folder; files in it are replaced.")],
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Write the tables as Parquet, for readers who must not hold the database."""
    schemas = [schema_named(schema)] if schema else list(load_schemas().values())
    if to.exists() and not to.is_dir():
        raise WrongUse(f"{to} is not a folder")
    to.mkdir(parents=True, exist_ok=True)
    with shown("Exporting…"):
        written = list(export_tables(DataFolder.current(), schemas, to.resolve()))
    rows = [asdict(one) | {"file": one.file and str(one.file)} for one in written]
    columns = ("schema", "table", "rows", "stale", "file")
    show(rows, columns, form, "Nothing has been ingested yet.")
    for one in written:
        if one.file is None:
            words = "has no file: its values, as the YAML describes it now, are not computed yet."
            remark(f"{one.schema}.{one.table} {words}", "yellow")
        elif one.stale:
            remark(f"{one.schema}.{one.table}: {one.stale} windows wait to be computed.", "yellow")


def _take_back(
    action: Action, names: list[str], by: str, reason: str, schema: str | None, form: Format
) -> None:
    said(by, "--by")
    said(reason, "--reason")
    store = register()
    found = [store.find(name, schema) for name in dict.fromkeys(names)]
    flows = {upload.schema: flow_of(upload) for upload in found}
    for flow in flows.values():
        flow.open_ledger()
    # A command that was killed may have left its decision undone, and this is its repetition.
    left = [flow for flow in flows.values() if store.decisions.due(flow.schema.name)]
    problems = _settle(left, found)
    fresh = [store.find(one.upload, one.schema) for one in found]
    # All of them or none, also across schemas.
    store.decide_all([(one, one.schema_version) for one in fresh], action, by, reason)
    problems += _settle(flows.values(), found)
    now = [store.find(one.upload, one.schema) for one in found]
    show([upload_row(one, INGEST_COLUMNS) for one in now], INGEST_COLUMNS, form, "")
    _fail_on(problems)
    wanted = "voided" if action == "void" else "ingested"
    for one in now:
        if one.state != wanted:
            remark(f"{one.upload} is still {one.state}: {store.history(one)[-1].note}", "red")
    if action == "void":
        for fix in store.uploads(states=["ingested"]):
            if fix.fix_of in names:
                remark(
                    f"{fix.upload} corrects bad lines of {fix.fix_of}, and still counts.", "yellow"
                )
    if any(one.state != wanted for one in now):
        raise typer.Exit(REFUSED)


def _settle(flows: Collection[Flow], uploads: Sequence[Upload]) -> list[str]:
    """Have the ledgers follow what is decided, in recorded runs; returns what went wrong."""
    from usage_pipeline.orchestration.instance import open_instance
    from usage_pipeline.orchestration.local_runs import run_settle

    if not flows:
        return []
    problems: list[str] = []
    with open_instance(DataFolder.current()) as instance, shown("Working…"):
        for flow in flows:
            keys = [one.upload for one in uploads if one.schema == flow.schema.name]
            problems += run_settle(instance, flow.folder, flow.schema, keys).problems
    return problems


def _fail_on(problems: list[str]) -> None:
    for problem in problems:
        remark(problem, style="red")
    if problems:
        raise typer.Exit(MACHINE)


def _lost_row(rival: Rival, form: Format) -> dict[str, Any]:
    return {
        "line": rival.line,
        "event_key": _values(rival.key, form),
        "lost_as": "conflict" if rival.conflict else "duplicate",
        "to_upload": rival.other_upload,
        "to_line": rival.other_line,
        "differing": _differing(rival.differing, form),
    }


def _reason_row(reason: Reason, form: Format) -> dict[str, Any]:
    one = reason.occurrence
    return {
        "upload": one.upload,
        "line": one.line,
        "state": reason.upload.state,
        "counts": one.counts,
        "why": reason.why,
        "differing": _differing(reason.differing, form),
        "fields": one.fields,
    }


def _values(fields: dict[str, Any], form: Format) -> Any:
    """For programs, {field: value}; for people, the values."""
    return fields if form is not Format.table else ", ".join(map(text, fields.values()))


def _differing(differing: dict[str, tuple[Any, Any]], form: Format) -> Any:
    """For programs, {field: [here, there]}; for people, in words."""
    if form is not Format.table:
        return {field: list(values) for field, values in differing.items()}
    return "; ".join(
        f"{field}: {text(here)}, there {text(there)}" for field, (here, there) in differing.items()
    )
