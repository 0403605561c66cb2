"""Time and peak memory of `usage-pipeline ingest`, beside bare DuckDB on the same file; then how
long a dropped file takes to its metric values.

Figures from one run are to be read as ratios: the machine may be busy. Sizes are arguments, in
rows: `python -m benchmarks 1000000`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.usage_file import HEADER, small_files, write_usage_file
from benchmarks.watched_folder import measure_watched_folder

DEFAULT_SIZES = (1_000_000, 5_000_000)
SMALL_FILES = 100

#: What the schema's two metrics ask for, with nothing checked, kept or explained.
BARE = f"""
import sys, duckdb
connection = duckdb.connect(sys.argv[2])
columns = dict(zip({HEADER!r}.split(","), ["VARCHAR", "VARCHAR", "TIMESTAMP", "BIGINT",
                                           "DECIMAL(38,18)", "VARCHAR"]))
connection.execute("CREATE TABLE event AS SELECT * FROM read_csv(?, columns=?)",
                   [sys.argv[1], columns])
connection.execute('CREATE TABLE calls AS SELECT "Account", date_trunc(\\'day\\', "When") AS day,'
                   ' region, sum("API Calls"), count(*) FROM event GROUP BY ALL')
connection.execute('CREATE TABLE peak AS SELECT "Account",'
                   ' date_trunc(\\'month\\', "When") AS month,'
                   ' max("Storage GB"), count(*) FROM event GROUP BY ALL')
connection.close()
"""


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


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or list(DEFAULT_SIZES)
    program = str(Path(sys.executable).parent / "usage-pipeline")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for rows in sizes:
            file = work / f"{rows}.csv"
            write_usage_file(file, rows)
            size = file.stat().st_size / 1e6
            bare = measure(
                sys.executable, "-c", BARE, str(file), str(work / f"{rows}.duckdb"), data=work
            )
            ours = measure(
                program, "ingest", str(file), "--schema", "api_usage", data=work / f"data-{rows}"
            )
            report(f"{rows:,} rows, {size:.0f} MB", bare, ours)
            file.unlink()
        files = small_files(work / "small", SMALL_FILES, rows=100)
        many = measure(
            program, "ingest", *map(str, files), "--schema", "api_usage", data=work / "many"
        )
        print(f"{SMALL_FILES} files of 100 rows: {many}, {many.seconds / SMALL_FILES:.2f} s a file")
        measure_watched_folder(work)


def report(title: str, bare: Measured, ours: Measured) -> None:
    print(title)
    print(f"  bare DuckDB            {bare}")
    print(f"  usage-pipeline ingest  {ours}  ({ours.seconds / bare.seconds:.1f} times)", flush=True)


if __name__ == "__main__":
    main()
