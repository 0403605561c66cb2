"""What a command loads before it begins: nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys

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


def loaded_by(*arguments: str) -> set[str]:
    """The packages in memory when a command ends, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _TELLING, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_no_engine_and_no_framework() -> None:
    heavy = {"dagster", "duckdb", "great_expectations", "numpy", "pandas", "pyarrow", "pydantic"}
    assert loaded_by("--help") & {*heavy, "sqlalchemy", "yaml"} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_listing_says_of_a_command_what_its_own_help_says(name: str) -> None:
    late = getattr(get_command(app), "commands", {})[name]
    assert isinstance(late, LateCommand)
    assert late.help == late.loaded().help


def test_a_misspelled_command_is_answered_with_the_right_one(work: Workplace) -> None:
    outcome = work.run("chekc")
    assert outcome.exit_code == 2
    assert "Did you mean 'check'?" in outcome.err
