"""What a command loads before it begins: nothing that it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from usage_pipeline.cli.app import COMMANDS, app
from usage_pipeline.cli.late_command import LateCommand
from usage_pipeline_tests.workplace import Workplace

_TELLING = """
import sys
from usage_pipeline.cli import main
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules})
"""


_PROGRAM = "from usage_pipeline.cli import program; program()"


def run_program(*arguments: str, code: str = _PROGRAM) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    # Unbuffered, nothing could be lost at the end.
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def loaded_by(*arguments: str) -> set[str]:
    """The packages in memory when a command ends."""
    done = run_program(*arguments, code=_TELLING)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_no_engine_and_no_framework() -> None:
    heavy = {"dagster", "duckdb", "great_expectations", "numpy", "pandas", "pyarrow", "pydantic"}
    assert loaded_by("--help") & {*heavy, "sqlalchemy", "yaml"} == set()


@pytest.mark.parametrize("command", ["check", "ingest"])
def test_a_clean_file_needs_nothing_to_draw_or_to_write_workbooks(
    work: Workplace, command: str
) -> None:
    file = work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,1,1.5,us-east")
    loaded = loaded_by(command, str(file), "--schema", "api_usage")
    unused = {"matplotlib", "openpyxl", "dagster_webserver", "great_expectations"}
    assert loaded & unused == set()
    assert ("dagster" in loaded) is (command == "ingest")


def test_a_command_leaves_the_register_in_its_one_file(work: Workplace) -> None:
    file = work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,1,1.5,us-east")
    assert run_program("ingest", str(file), "--schema", "api_usage").returncode == 0
    assert not Path(f"{work.folder.register}-wal").exists()


def test_what_cannot_be_imported_meanwhile_is_told_by_whoever_needs_it(work: Workplace) -> None:
    file = work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,1,1.5,us-east")
    broken = f"import sys; sys.modules['dagster'] = None; {_PROGRAM}"
    done = run_program("ingest", str(file), "--schema", "api_usage", code=broken)
    assert done.returncode == 3
    assert done.stderr.count("import of dagster halted") == 1
    assert [upload.state for upload in work.register.uploads()] == ["received"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_listing_says_of_a_command_what_its_own_help_says(name: str) -> None:
    late = getattr(get_command(app), "commands", {})[name]
    assert isinstance(late, LateCommand)
    assert late.help == late.loaded().help


def test_a_misspelled_command_is_answered_with_the_right_one(work: Workplace) -> None:
    outcome = work.run("chekc")
    assert outcome.exit_code == 2
    assert "Did you mean 'check'?" in outcome.err


@pytest.mark.parametrize(("command", "code"), [("uploads", 0), ("history nobody", 2), ("chekc", 2)])
def test_the_program_ends_with_the_code_of_its_command(
    work: Workplace, command: str, code: int
) -> None:
    assert run_program(*command.split()).returncode == code


def test_the_program_says_everything_before_it_ends(work: Workplace) -> None:
    rows = [f"e{n},acme,2024-10-01T10:00:00Z,1,1.5,us-east" for n in range(3000)]
    work.ingest(work.api_file("a.csv", *rows))
    listing = ("events", "--schema", "api_usage", "--format", "json")
    assert run_program(*listing).stdout == work.run(*listing).out


def test_the_program_calls_what_is_registered_for_its_end(work: Workplace) -> None:
    begun = "import atexit, usage_pipeline.cli as cli; run = cli.main"
    registering = "cli.main = lambda: (atexit.register(print, 'the end'), run())"
    outcome = run_program("uploads", code=f"{begun}; {registering}; cli.program()")
    assert outcome.stdout.splitlines()[-1] == "the end"
