"""Every line knows its room: who may import Dagster, and who may open a database."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from usage_pipeline.data_folder import PROJECT

PACKAGE = PROJECT / "usage_pipeline"
FILES = sorted(PACKAGE.rglob("*.py"))
DAGSTERS_ROOMS = ("orchestration", "components", "defs", "definitions.py")

#: In the order in which data walks; nobody imports a room further on.
ROOMS = ("warehouse", "schema", "register", "intake", "reading", "mapping", "validation")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_only_the_dagster_layer_imports_dagster(file: Path) -> None:
    uses = any(name.split(".")[0].startswith("dagster") for name in imports(file))
    assert not uses or room(file) in DAGSTERS_ROOMS


def test_only_the_warehouse_opens_a_database() -> None:
    opening = [file for file in FILES if "duckdb.connect(" in file.read_text()]
    assert {room(file) for file in opening} == {"warehouse"}


@pytest.mark.parametrize("stage", ["ledger", "metering", "orchestration", "cli"])
def test_no_stage_knows_what_comes_after_it(stage: str) -> None:
    before = ROOMS if stage in ("ledger", "metering") else (*ROOMS, "ledger", "metering")
    for file in FILES:
        if room(file) in before:
            assert not any(name.startswith(f"usage_pipeline.{stage}") for name in imports(file)), (
                file
            )


@pytest.mark.parametrize("stage", ["intake", "reading", "mapping"])
def test_no_file_goes_back_up(stage: str) -> None:
    later = ROOMS[ROOMS.index(stage) + 1 :]
    for file in FILES:
        if room(file) == stage:
            back = [
                name
                for name in imports(file)
                if name.split(".")[1:2] and name.split(".")[1] in later
            ]
            assert back == [], file


def test_no_command_loads_dagster_or_great_expectations_before_it_needs_them() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from typer.main import get_command; from usage_pipeline.cli.app import app;"
        "[one.loaded() for one in get_command(app).commands.values()];"
        "sys.exit(any(name in sys.modules for name in ('dagster', 'great_expectations')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
