"""Commands for the mapping by a person: `map`, and the mappings that are remembered."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated

import typer

from usage_pipeline.cli.common import (
    FormatOption,
    SchemaOption,
    Uploads,
    flow_of,
    register,
    remark,
    said,
    schema_named,
)
from usage_pipeline.cli.intake_commands import INGEST_COLUMNS, upload_row
from usage_pipeline.cli.output import Format, show
from usage_pipeline.cli.problems import MACHINE, REFUSED, WrongUse
from usage_pipeline.cli.progress import shown
from usage_pipeline.register.states import next_step

ByDefault = Annotated[
    str, typer.Option("--by", help="Who you are.", default_factory=getpass.getuser)
]


def map_upload(
    upload: Uploads,
    by: ByDefault,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=HEADER", help="Which header feeds a field."),
    ] = None,
    remember: Annotated[
        bool, typer.Option("--remember", help="Map later files with this header row likewise.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget what was set for this upload before.")
    ] = False,
    note: Annotated[str, typer.Option(help="Anything worth keeping.")] = "",
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Say which header of an upload's file feeds which field, and check it again."""
    from usage_pipeline.orchestration.instance import open_instance
    from usage_pipeline.orchestration.local_runs import run_map

    said(by, "--by")
    wanted = dict(map(_pair, mapping or []))
    if len(wanted) < len(mapping or []):
        raise WrongUse("--set names the same field twice")
    found = register().find(upload, schema)
    flow = flow_of(found)
    flow.choice_for(found, wanted, clear=clear)
    flow.open_ledger()
    config = {"by": by, "mapping": wanted, "remember": remember, "clear": clear, "note": note}
    with open_instance(flow.folder) as instance, shown("Checking…"):
        report = run_map(instance, flow.folder, flow.schema, upload, config)
    now = flow.register.find(upload, found.schema)
    show([upload_row(now, INGEST_COLUMNS)], INGEST_COLUMNS, form, "")
    for problem in report.problems:
        remark(problem, style="red")
    waits = flow.register.reading_waits(now)
    if now.state != "ingested" or waits:
        step = next_step(now.state, now.schema, now.upload, reading_waits=waits)
        remark(f"{now.file_name}: {step}.")
    if report.problems:
        last = flow.register.history(now)[-1].action
        raise typer.Exit(REFUSED if last == "conflict" else MACHINE)
    verdict = flow.register.last_verdict(now)
    if verdict is not None and not verdict.passed:
        raise typer.Exit(REFUSED)


def mappings(schema: SchemaOption = None, form: FormatOption = Format.table) -> None:
    """List the mappings remembered for later files: which header row is mapped how, by whom."""
    if schema is not None:
        schema_named(schema)
    columns = ("id", "schema", "header", "mapping", "upload", "by", "at")
    rows = [asdict(one) | {"mapping": one.chosen} for one in register().mappings.remembered(schema)]
    show(
        [{column: row[column] for column in columns} for row in rows],
        columns,
        form,
        "No mapping is remembered. `usage-pipeline map UPLOAD --set FIELD=HEADER --remember` does.",
    )


def forget(
    mapping: Annotated[int, typer.Argument(help="Its number, as `mappings` lists it.")],
    by: ByDefault,
) -> None:
    """Use a remembered mapping no more; what was mapped by it stays."""
    said(by, "--by")
    gone = register().mappings.forget(mapping, by)
    remark(f"Mapping {gone.id} of {gone.schema} is not used any more.")


def _pair(text: str) -> tuple[str, str]:
    field, sign, label = text.partition("=")
    if not sign or not field.strip() or not label.strip():
        raise WrongUse(f"--set {text}: write it as FIELD=HEADER")
    return field.strip(), label
