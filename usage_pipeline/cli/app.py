"""`usage-pipeline`: every command, by the person who uses it."""

from __future__ import annotations

import typer

from usage_pipeline.cli import (
    intake_commands,
    ledger_commands,
    look_commands,
    mapping_commands,
    metric_commands,
    review_commands,
    serve_commands,
    suggest_command,
)

app = typer.Typer(
    name="usage-pipeline",
    help="Usage CSV files in, an ingestion table that can be invoiced from and metrics out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for commands in (
    serve_commands,
    intake_commands,
    suggest_command,
    review_commands,
    mapping_commands,
    ledger_commands,
    metric_commands,
    look_commands,
):
    commands.add_to(app)
