"""From `mv` into the drop folder to metric values, with UI and daemon running."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import goals
from benchmarks.measure import say
from benchmarks.ours import SCHEMA, program
from benchmarks.sizes import Sizes
from benchmarks.table import Figure, Row, Section
from benchmarks.usage_file import make_bad, small_files
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.register import Register

ROWS = 1_000
LIMIT_SECONDS = 1_800.0
LOG_SHOWN = 8_000


def measure_watched_folder(work: Path, sizes: Sizes, history: Path) -> Section:
    """Single files and a crowd with some bad ones among them; then single files again, in a data
    folder with a long history.
    """
    with _dev(DataFolder(work / "watched"), work / "dev.log") as folder:
        single = _singles(folder, small_files(work / "single", sizes.singles, ROWS))
        crowd = _crowd(folder, work, sizes)
    with _dev(DataFolder(history), work / "dev-history.log") as folder:
        late = _singles(folder, small_files(work / "late", sizes.singles_after_history, ROWS))
    median, name = Figure(statistics.median(single)), f"a file of {ROWS:,} rows, drop to metrics"
    return Section(
        "Watched folder, with UI and daemon",
        [
            Row(f"{name}, median of {len(single)}", median, goal=goals.DROPPED_FILE),
            Row(f"  worst of {len(single)}", Figure(max(single)), goal=goals.DROPPED_FILE_WORST),
            Row(
                f"  median of {len(late)} after {sizes.history:,} uploads",
                Figure(statistics.median(late)),
                median,
                "no history",
                goals.AFTER_LONG_HISTORY,
            ),
            Row(
                f"{sizes.crowd:,} such files at once, {sizes.crowd_bad} of them bad",
                Figure(crowd),
                goal=goals.crowd(sizes.crowd),
            ),
        ],
    )


def _singles(folder: DataFolder, files: Sequence[Path]) -> list[float]:
    """Seconds from the drop of each file to its metrics, one after another."""
    before = len(Register(folder.register_url).uploads(SCHEMA, ["ingested"]))
    taken = []
    for number, file in enumerate(files, start=1):
        taken.append(_until_done(folder, [file], before + number))
        say(f"dropped file {number} of {len(files)}: {taken[-1]:.1f} s")
    return taken


def _crowd(folder: DataFolder, work: Path, sizes: Sizes) -> float:
    """Seconds for all of a crowd; its bad files must fail, and stop none of the others."""
    register = Register(folder.register_url)
    before = len(register.uploads(SCHEMA, ["ingested"]))
    files = small_files(work / "crowd", sizes.crowd, ROWS)
    for file in files[:: len(files) // sizes.crowd_bad][: sizes.crowd_bad]:
        make_bad(file)
    say(f"{len(files):,} files at once, {sizes.crowd_bad} of them bad")
    good = sizes.crowd - sizes.crowd_bad
    taken = _until_done(folder, files, before + good, failed=sizes.crowd_bad)
    say(f"{good:,} ingested, {sizes.crowd_bad} failed: {taken:.1f} s")
    return taken


def _until_done(folder: DataFolder, files: Sequence[Path], ingested: int, failed: int = 0) -> float:
    begin = time.monotonic()
    for file in files:
        file.rename(folder.drop / SCHEMA / f"{file.parent.name}-{file.name}")
    register = Register(folder.register_url)

    def done() -> bool:
        return (
            len(register.uploads(SCHEMA, ["ingested"])) == ingested
            and len(register.uploads(SCHEMA, ["failed"])) == failed
            and not register.windows.stale(SCHEMA)
        )

    _wait_until(done, f"{len(files)} files are not done")
    return time.monotonic() - begin


@contextmanager
def _dev(folder: DataFolder, log: Path) -> Iterator[DataFolder]:
    """UI and daemon on a data folder, from the daemon's first look into the drop folder on."""
    say(f"starting the daemon on {folder.root.name}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Killed in the end, Dagster leaves its temporary files; they go with the benchmark's own.
    environment = {
        **os.environ,
        "USAGE_PIPELINE_DATA": str(folder.root),
        "TMPDIR": str(log.parent),
    }
    environment.pop("DAGSTER_HOME", None)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [program(), "dev", "--port", str(port)],
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
        try:
            _wait_until(
                lambda: f"{SCHEMA}_drop_folder skipped" in log.read_text(errors="replace"),
                "the daemon did not start",
            )
            yield folder
        except SystemExit:
            print(log.read_text(errors="replace")[-LOG_SHOWN:])
            raise
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until(done: Callable[[], bool], otherwise: str) -> None:
    begin = time.monotonic()
    while not done():
        if time.monotonic() - begin > LIMIT_SECONDS:
            raise SystemExit(f"{otherwise} after {LIMIT_SECONDS:g} s")
        time.sleep(0.2)
