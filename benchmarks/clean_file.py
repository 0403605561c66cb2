"""A clean file all the way to its metrics, beside bare DuckDB, pandas with Great Expectations, and
dlt.

Ours has every check, the archive, the ledger and Dagster's records in it; the others have the file
in a database and the two metrics.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks import goals, ours
from benchmarks.measure import Measured, interleaved, run_module, say
from benchmarks.sizes import Sizes
from benchmarks.table import Row, Section, memory_of, time_of
from benchmarks.usage_file import write_large_file

FLOORS = {"first": "bare DuckDB, first line of a key", "any": "bare DuckDB, any line of a key"}
OURS, PANDAS, DLT = "ours", "pandas + Great Expectations", "dlt merge"
NOT_INSTALLED = "dlt merge: not installed (pip install -e '.[peers]')"


def measure_clean_file(work: Path, sizes: Sizes) -> Section:
    """All of them in turn on one file, each from nothing."""
    rows = sizes.rows
    file = work / "clean.csv"
    say(f"writing a clean file of {rows:,} rows")
    write_large_file(file, rows)
    found = interleaved(sizes.rounds, _cases(file, work, rows))
    mine = found[OURS]
    table = [
        Row(f"ingest {rows:,} rows", time_of(mine), time_of(found[floor]), floor, goals.CLEAN_FILE)
        for floor in FLOORS.values()
    ]
    table += [
        Row("  peak memory", memory_of(mine), goal=goals.CLEAN_FILE_MEMORY),
        Row("  same", time_of(mine), time_of(found[PANDAS]), PANDAS, goals.AGAINST_PANDAS),
    ]
    dlt = time_of(found[DLT]) if DLT in found else None
    table.append(Row("  same", time_of(mine), dlt, DLT if dlt else NOT_INSTALLED))
    file.unlink()
    return Section(f"{rows:,} clean rows, six columns", table)


def _cases(file: Path, work: Path, rows: int) -> dict[str, Callable[[], Measured]]:
    """Each from nothing to nothing left."""

    def floor(kept: str) -> Callable[[], Measured]:
        return lambda: _peer("duckdb_alone", file, work, rows, kept)

    cases = {name: floor(kept) for kept, name in FLOORS.items()}
    cases[OURS] = lambda: ours.ingest(file, work / "ours", ingested=rows)
    cases[PANDAS] = lambda: _peer("pandas_expectations", file, work, rows)
    if importlib.util.find_spec("dlt"):
        cases[DLT] = lambda: _peer("dlt_merge", file, work, rows, in_folder=True)
    return cases


def _peer(
    name: str, file: Path, work: Path, rows: int, *arguments: str, in_folder: bool = False
) -> Measured:
    folder = work / "peer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    database = folder / "usage.duckdb"
    target = folder if in_folder else database
    found = run_module(f"benchmarks.peers.{name}", file, target, *arguments, data=folder)
    with duckdb.connect(str(database), read_only=True) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM api_calls) > 0"
        ).fetchone()
    if counts != (rows, True):
        raise SystemExit(f"{name} has {counts} in its tables, not {rows:,} rows and metrics")
    shutil.rmtree(folder)
    return found
