"""From `mv` into the drop folder to metric values, with UI and daemon running."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.usage_file import small_files
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.register import Register

SCHEMA = "api_usage"
SINGLE_FILES = 10
CROWD = 300
LIMIT_SECONDS = 600.0


def measure_watched_folder(work: Path) -> None:
    """Print how long single files take, and how long a crowd."""
    folder = DataFolder(work / "watched")
    with _dev(folder, work / "dev.log"):
        singles = small_files(work / "single", SINGLE_FILES, rows=1000)
        seconds = sorted(_until_metered(folder, [file], n + 1) for n, file in enumerate(singles))
        print(
            f"{SINGLE_FILES} files of 1,000 rows, one after another, from mv to metric values: "
            f"median {statistics.median(seconds):.1f} s, worst {seconds[-1]:.1f} s",
            flush=True,
        )
        crowd = small_files(work / "crowd", CROWD, rows=100)
        taken = _until_metered(folder, crowd, SINGLE_FILES + CROWD)
        print(f"{CROWD} files of 100 rows at once: {taken:.1f} s, {taken / CROWD:.2f} s a file")


def _until_metered(folder: DataFolder, files: list[Path], ingested: int) -> float:
    begin = time.monotonic()
    for file in files:
        file.rename(folder.drop / SCHEMA / f"{file.parent.name}-{file.name}")
    register = Register(folder.register_url)
    while len(register.uploads(SCHEMA, ["ingested"])) < ingested or register.windows.stale(SCHEMA):
        if time.monotonic() - begin > LIMIT_SECONDS:
            raise SystemExit(f"not done after {LIMIT_SECONDS:g} s")
        time.sleep(0.2)
    return time.monotonic() - begin


@contextmanager
def _dev(folder: DataFolder, log: Path) -> Iterator[None]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "USAGE_PIPELINE_DATA": str(folder.root)}
    environment.pop("DAGSTER_HOME", None)
    program = str(Path(sys.executable).parent / "usage-pipeline")
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [program, "dev", "--port", str(port)],
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
        try:
            _wait_for_first_tick(log)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_first_tick(log: Path) -> None:
    begin = time.monotonic()
    while f"{SCHEMA}_drop_folder skipped" not in log.read_text(errors="replace"):
        if time.monotonic() - begin > LIMIT_SECONDS:
            raise SystemExit(f"the daemon did not start; see {log}")
        time.sleep(0.2)
