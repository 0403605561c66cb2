"""Strict reading beside DuckDB's reader; time and peak memory of `usage-pipeline ingest`, beside
bare DuckDB on the same file; then how long a dropped file takes to its metric values, and what
metrics and a ledger cost with fifty million rows.

Figures from one run are to be read as ratios: the machine may be busy. Sizes are arguments, in
rows: `python -m benchmarks 1000000`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.ledger import measure_ledger
from benchmarks.measure import Measured, measure
from benchmarks.metrics import measure_metrics
from benchmarks.strict_reading import measure_large_file, measure_strict_reading
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


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or list(DEFAULT_SIZES)
    program = str(Path(sys.executable).parent / "usage-pipeline")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        measure_strict_reading(work)
        measure_large_file(work)
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
        measure_metrics(work)
        measure_ledger(work)


def report(title: str, bare: Measured, ours: Measured) -> None:
    print(title)
    print(f"  bare DuckDB            {bare}")
    print(f"  usage-pipeline ingest  {ours}  ({ours.seconds / bare.seconds:.1f} times)", flush=True)


if __name__ == "__main__":
    main()
