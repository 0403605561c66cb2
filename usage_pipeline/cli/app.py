"""`usage-pipeline`: every command, by the person who uses it."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from usage_pipeline.cli.late_command import LateCommand

#: Each command and its function, in the order in which `--help` lists them.
COMMANDS = {
    "demo": "serve_commands.demo",
    "dev": "serve_commands.dev",
    "check": "intake_commands.check",
    "ingest": "intake_commands.ingest",
    "suggest": "suggest_command.suggest_schema",
    "uploads": "review_commands.uploads",
    "errors": "review_commands.errors",
    "confirm": "review_commands.confirm",
    "refuse": "review_commands.refuse",
    "reopen": "review_commands.reopen",
    "history": "review_commands.history",
    "map": "mapping_commands.map_upload",
    "mappings": "mapping_commands.mappings",
    "forget": "mapping_commands.forget",
    "void": "ledger_commands.void",
    "restore": "ledger_commands.restore",
    "duplicates": "ledger_commands.duplicates",
    "explain": "ledger_commands.explain_event",
    "rebuild": "ledger_commands.rebuild",
    "export": "ledger_commands.export",
    "metrics": "metric_commands.metrics",
    "explain-metric": "metric_commands.explain_metric",
    "preview-metric": "metric_commands.preview_metric",
    "events": "look_commands.events",
    "verify": "look_commands.verify",
}


class Commands(TyperGroup):
    """The commands, each of which is imported when it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, function in COMMANDS.items():
            self.add_command(LateCommand(name, function))


app = typer.Typer(
    cls=Commands,
    name="usage-pipeline",
    help="Usage CSV files in, an ingestion table that can be invoiced from and metrics out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def usage_pipeline() -> None:
    """Typer wants a function for a group whose commands it does not know itself."""
