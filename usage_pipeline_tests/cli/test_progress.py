"""Progress of long work: a bar on a terminal, nothing when piped, never on standard output."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import pytest

from usage_pipeline.cli import main
from usage_pipeline_tests.workplace import HEADER, Workplace

ROWS = 200_000


@pytest.fixture
def large(work: Workplace) -> Path:
    """A file that takes the reader several blocks."""
    rows = (f"e{number},acme,2024-10-01T10:00:00Z,1,1.5,us-east" for number in range(ROWS))
    return work.file("october.csv", "\n".join([HEADER, *rows, ""]))


class Terminal:
    """A terminal, and what was shown on it."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        self._shown = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.stream = open(self._theirs, "w")  # noqa: PTH123, SIM115

    def _read(self) -> None:
        # Ends in an error when all who could write to it have closed it.
        with suppress(OSError):
            while read := os.read(self._ours, 65536):
                self._shown += read

    def close(self) -> str:
        """What it showed, without the commands to move about on it."""
        self.stream.close()
        self._reader.join()
        os.close(self._ours)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode())


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> tuple[str, str]:
    """(standard output, what the terminal showed) of a command."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "argv", ["usage-pipeline", *map(str, arguments)])
    terminal, out = Terminal(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(terminal.stream), suppress(SystemExit):
        main()
    return out.getvalue(), terminal.close()


def test_the_bar_ends_at_the_rows_of_the_file(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, shown = on_a_terminal(
        monkeypatch, "check", large, "--schema", "api_usage", "--format", "json"
    )
    last = [line for line in shown.splitlines() if "october.csv" in line][-1]
    assert f"100% {ROWS:,} rows, comparing with what is there" in last
    assert re.search(r"\d:\d\d:\d\d", last)
    assert json.loads(out)[0]["lines"] == ROWS


def test_what_rows_are_compared_with_is_named(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("keep_first", "refuse", 1))
    work.ingest(work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,1,1,"))
    file = work.api_file("b.csv", "e2,acme,2024-10-01T10:00:00Z,1,1,")
    _, shown = on_a_terminal(monkeypatch, "check", file, "--schema", "api_usage")
    assert "1 row, comparing with what is there" in shown


def test_a_rebuild_says_how_many_uploads_are_done(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a", "b", "c")
    work.ingest(
        *(work.api_file(f"{one}.csv", f"{one},acme,2024-10-01T10:00:00Z,1,1,") for one in names)
    )
    _, shown = on_a_terminal(monkeypatch, "rebuild", "--schema", "api_usage")
    assert "3 of 3 uploads rebuilt" in shown


@pytest.mark.slow
def test_it_shows_what_a_run_of_dagster_does_in_the_command(large: Path) -> None:
    # In a process of its own: Dagster turns standard error into a file while a step runs.
    terminal = Terminal()
    program = "from usage_pipeline.cli import main; main()"
    command = ["ingest", str(large), "--schema", "api_usage", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        stdout=subprocess.PIPE,
        stderr=terminal.stream,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "120", "TERM": "xterm"},
    )
    shown = terminal.close()
    assert re.search(r"october.csv-\w{12}\W+100% " + f"{ROWS:,} rows, checking", shown)
    assert "computing metrics" in shown
    assert json.loads(done.stdout)[0]["ingested"] == ROWS


@pytest.mark.parametrize("command", ["check", "ingest"])
def test_nothing_is_shown_when_piped(
    work: Workplace, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What makes rich take a pipe for a terminal.
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,1,1,")
    done = work.run(command, file, "--schema", "api_usage", "--format", "json")
    assert done.err == ""
    assert done.json[0]["lines"] == 1
