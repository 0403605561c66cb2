"""`demo`: the sample files are dropped, and go through the whole flow."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from usage_pipeline.cli.intake_commands import finish
from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.data_folder import PROJECT, DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.intake.take import TakenElsewhere
from usage_pipeline.metering.tables import has_values, metric_table
from usage_pipeline.outcomes import tell_outcomes
from usage_pipeline.printable import plain_number, printable
from usage_pipeline.register import Register, Upload
from usage_pipeline.schema import EventSchema, load_schemas
from usage_pipeline.warehouse import Warehouse

SAMPLES = PROJECT / "data" / "samples"

_COLOURS = {"ingested": "green", "failed": "red", "passed": "yellow"}


def run_demo() -> None:
    """Drop the samples of every schema, then say what happened and where to look."""
    schemas = [schema for schema in load_schemas().values() if (SAMPLES / schema.name).is_dir()]
    if not schemas:
        raise WrongUse(f"There are no samples below {SAMPLES}.")
    console, folder = Console(), DataFolder.current()
    store = Register(folder.register_url)
    before = {(one.schema, one.upload) for one in store.uploads()}
    console.print("[bold]Usage files in, billable metrics out.[/] Dropping the samples…\n")
    came: list[Upload] = []
    for schema in schemas:
        flow = Flow(schema, folder)
        flow.open_ledger()
        dropped = _drop_samples(flow)
        problems = finish(flow, dropped)
        tell_outcomes(flow, seconds=inf)
        came += [store.find(upload.upload, schema.name) for upload in dropped]
        for problem in problems:
            console.print(Text(printable(problem), style="red"))
    _tell_files(console, came, before)
    _tell_metrics(console, folder, schemas)
    _tell_next(console, came)


def _drop_samples(flow: Flow) -> list[Upload]:
    """Copy the samples into the drop folder and take them, as the daemon would."""
    samples = sorted((SAMPLES / flow.schema.name).glob("*.csv"))
    flow.drop_folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        unfinished = flow.drop_folder / f".{sample.name}"
        shutil.copy2(sample, unfinished)
        unfinished.rename(flow.drop_folder / sample.name)
    while any((flow.drop_folder / sample.name).exists() for sample in samples):
        # A daemon that runs beside us may be faster; the register tells either way.
        with suppress(TakenElsewhere):
            flow.take_dropped(most=len(samples), seconds=inf, large="take")
    drops = [flow.register.drops.named(flow.schema.name, one.name, 1)[0] for one in samples]
    return [flow.register.find(drop.upload, flow.schema.name) for drop in drops]


def _tell_files(console: Console, came: Sequence[Upload], before: set[tuple[str, str]]) -> None:
    console.print("[bold]What came, and what became of it[/]")
    table = Table(box=None)
    for column in ("file", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("lines", "ingested", "duplicates", "invalid"):
        table.add_column(column, justify="right")
    table.add_column("", no_wrap=True)
    schema = None
    for one in came:
        if one.schema != schema:
            schema = one.schema
            table.add_row(f"[bold]{schema}[/]")
        counts = (one.lines, one.ingested, one.duplicates, one.invalid)
        table.add_row(
            Text(f"  {printable(one.file_name)}"),
            f"[{_COLOURS.get(one.state, 'white')}]{one.state}[/]",
            *("" if count is None else str(count) for count in counts),
            "was there" if (one.schema, one.upload) in before else "new",
        )
    console.print(table, "")


def _tell_metrics(console: Console, folder: DataFolder, schemas: Sequence[EventSchema]) -> None:
    console.print("[bold]Billable metrics[/]")
    table = Table(box=None)
    for column in ("metric", "schema", "per", "largest value", "of customer"):
        table.add_column(column)
    for column in ("windows", "values"):
        table.add_column(column, justify="right")
    with Warehouse(folder).open() as connection:
        for schema in schemas:
            for name, spec in schema.all_metrics.items():
                if not has_values(connection, schema, name):
                    continue
                # Metrics of uploads that wait for a person have no value yet.
                rows = connection.execute(
                    f"""SELECT max(value), arg_max(customer_id, value),
                               count(DISTINCT window_start), count(*)
                        FROM {metric_table(schema, name)} HAVING count(*) > 0"""
                ).fetchall()
                for value, customer, windows, values in rows:
                    field = schema.fields.get(spec.field or "")
                    unit = (field.unit if field else None) or ""
                    shown = value if isinstance(value, int) else plain_number(value)
                    table.add_row(
                        name,
                        schema.name,
                        spec.window,
                        Text(printable(f"{shown} {unit}")),
                        Text(printable(customer)),
                        str(windows),
                        str(values),
                    )
    console.print(table, "")


def _tell_next(console: Console, came: Sequence[Upload]) -> None:
    program = _program()
    steps = [("The Dagster UI, on http://127.0.0.1:3000", "dev")]
    for one in came:
        if one.state == "failed":
            steps.append((f"Why {one.file_name} failed", f"errors {one.upload}"))
        elif one.state == "passed":
            words = f"Let {one.file_name} in, which waits for a person"
            steps.append((words, f"confirm {one.upload} --by YOU"))
    for one in [upload for upload in came if upload.state == "ingested"][:1]:
        words = f"Take {one.file_name} back out (restore brings it back)"
        steps.append((words, f"void {one.upload} --by YOU --reason WHY"))
    steps += [
        ("A metric, customer by customer", "metrics api_calls"),
        ("Proof that nothing counts twice", "verify --rebuild"),
    ]
    console.print("[bold]Where to look next[/]")
    for what, command in steps:
        console.print(Text(f"  {printable(what)}:"), soft_wrap=True)
        console.print(Text(f"    {printable(f'{program} {command}')}", "cyan"), soft_wrap=True)


def _program() -> str:
    """This program as it can be typed here."""
    here = Path(sys.argv[0]).absolute()
    if shutil.which(here.name) == str(here):
        return here.name
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
