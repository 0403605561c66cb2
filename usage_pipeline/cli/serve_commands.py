"""Commands to begin with: `demo` and `dev`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.data_folder import PROJECT, DataFolder
from usage_pipeline.schema import load_schemas


def demo() -> None:
    """Drop the samples, run the whole flow, and show what happened and where to look."""
    from usage_pipeline.cli.demo import run_demo

    run_demo()


def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
) -> None:
    """Start the Dagster UI and the daemon that watches the drop folders, on 127.0.0.1."""
    from usage_pipeline.orchestration.alerts import alert_url
    from usage_pipeline.orchestration.instance import open_instance

    alert_url()  # a wrong one would end in a traceback when Dagster loads
    folder = DataFolder.current()
    for schema in load_schemas():
        (folder.drop / schema).mkdir(parents=True, exist_ok=True)
    with open_instance(folder):
        pass
    program = shutil.which("dagster", path=Path(sys.executable).parent)
    if program is None:
        raise WrongUse("Dagster is not installed beside this command; run `make install`.")
    environment = os.environ | {
        "DAGSTER_HOME": str(folder.dagster_home),
        "USAGE_PIPELINE_DATA": str(folder.root),
    }
    command = [program, "dev", "-w", str(PROJECT / "workspace.yaml")]
    # This process becomes Dagster, so that Ctrl-C and signals reach it without a middleman.
    os.execve(program, [*command, "-h", "127.0.0.1", "-p", str(port)], environment)  # noqa: S606
