"""Time and peak memory of processes, and their medians over interleaved rounds."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

#: So that no peer talks to its makers while it is measured.
_QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "GX_ANALYTICS_ENABLED": "false"}
_OF_THE_CALLER = ("DAGSTER_HOME", "USAGE_PIPELINE_DEFS", "USAGE_PIPELINE_LOCK_WAIT")
#: With these, all of our modules would be compiled anew in each process.
_OF_SOME_MACHINES = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
_OUTPUT_SHOWN = 8_000


@dataclass(frozen=True)
class Measured:
    """Wall time, processor time and peak resident memory of a process."""

    seconds: float
    megabytes: float
    processor: float = 0

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s  {self.megabytes:6.0f} MB"


@dataclass(frozen=True)
class Rounds:
    """One thing, measured again and again."""

    runs: tuple[Measured, ...]

    @property
    def seconds(self) -> float:
        return median(run.seconds for run in self.runs)

    @property
    def worst(self) -> float:
        return max(run.seconds for run in self.runs)

    @property
    def megabytes(self) -> float:
        return max(run.megabytes for run in self.runs)

    def __str__(self) -> str:
        each = ", ".join(f"{run.seconds:.1f}" for run in self.runs)
        processor = median(run.processor for run in self.runs)
        used = f", processor {processor:.1f} s" if processor else ""
        return f"{self.seconds:.2f} s (each: {each}{used}), {self.megabytes:,.0f} MB"


def measure(
    *command: str, data: Path, exit_code: int = 0, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a command to its end on a data folder.

    Raises:
        SystemExit: with the command's output, where it ends otherwise than with `exit_code`.
    """
    around = {
        name: value
        for name, value in os.environ.items()
        if name not in (*_OF_THE_CALLER, *_OF_SOME_MACHINES)
    }
    around |= {"USAGE_PIPELINE_DATA": str(data)} | _QUIET | dict(environment or {})
    with tempfile.TemporaryFile() as output:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=output, env=around)  # noqa: S603
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != exit_code:
            output.seek(0)
            said = output.read().decode(errors="replace")[-_OUTPUT_SHOWN:]
            raise SystemExit(f"{said}\n{' '.join(command)[:500]}: exit code {process.returncode}")
    return Measured(seconds, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)


def interleaved(
    rounds: int,
    cases: Mapping[str, Callable[[], Measured]],
    at_most: Mapping[str, int] | None = None,
) -> dict[str, Rounds]:
    """Measure each case once, then each once more, and so on: a busy minute hits all of them.

    at_most: cases that are done after fewer rounds.
    """
    runs: dict[str, list[Measured]] = {name: [] for name in cases}
    for number in range(1, rounds + 1):
        for name, case in cases.items():
            if at_most and number > at_most.get(name, rounds):
                continue
            say(f"round {number} of {rounds}: {name}", end=" … ")
            runs[name].append(case())
            print(f"{runs[name][-1].seconds:.1f} s", flush=True)
    found = {name: Rounds(tuple(of_one)) for name, of_one in runs.items()}
    for name, figures in found.items():
        say(f"{name}: {figures}")
    return found


def say(what: str, end: str = "\n") -> None:
    """A line of progress."""
    print(f"  {what}", end=end, flush=True)


def run_module(module: str, *arguments: str | Path, data: Path) -> Measured:
    """Measure a module run as a program of its own."""
    return measure(sys.executable, "-m", module, *map(str, arguments), data=data)
