"""Time and peak memory of a process."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """Wall time and peak resident memory of a process."""

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s  {self.megabytes:6.0f} MB"


def measure(*command: str, data: Path) -> Measured:
    """Run a command to its end; it must succeed."""
    begin = time.monotonic()
    environment = {**os.environ, "USAGE_PIPELINE_DATA": str(data)}
    environment.pop("DAGSTER_HOME", None)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return Measured(time.monotonic() - begin, used.ru_maxrss / 1024)
