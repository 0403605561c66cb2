"""Strict reading beside DuckDB's own reader, both into a table; and memory on a file of 10 GB.

`python -m benchmarks.strict_reading` runs just these.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import machine, ours
from benchmarks.measure import Measured, interleaved, measure, say
from benchmarks.table import Row, Section, less, memory_of, print_table, time_of
from benchmarks.usage_file import write_large_file, write_usage_file

ROWS = 5_000_000
ROUNDS = 5
LARGE = 10 * 10**9
LARGE_ROWS = 130_000_000

DUCKDB = """
import sys, duckdb
connection = duckdb.connect(sys.argv[2])
connection.execute("CREATE TABLE record AS SELECT * FROM read_csv(?, all_varchar = true)",
                   [sys.argv[1]])
connection.close()
"""
STRICT = """
import sys, duckdb, pyarrow
from pathlib import Path
from usage_pipeline.reading import Records, read_header
from usage_pipeline.schema import CsvOptions
path, options = Path(sys.argv[1]), CsvOptions()
header = read_header(path, ",", options)
records = Records(path, header, range(len(header.labels)), options)
batches = pyarrow.RecordBatchReader.from_batches(records.schema, records.batches())
connection = duckdb.connect(sys.argv[2])
connection.execute("CREATE TABLE record AS SELECT * FROM batches")
connection.close()
"""
#: The reader alone: what it holds does not depend on the size of the file.
SCAN = """
import sys
from pathlib import Path
from usage_pipeline.reading import Records, read_header
from usage_pipeline.schema import CsvOptions
path, options = Path(sys.argv[1]), CsvOptions()
header = read_header(path, ",", options)
records = Records(path, header, range(len(header.labels)), options)
assert sum(batch.num_rows for batch in records.batches()) == records.lines > 0
"""
#: What each program costs before it reads anything.
IMPORTS = "import duckdb, pyarrow, usage_pipeline.reading"


def measure_strict_reading(work: Path) -> Section:
    """A clean file of 5 million rows into a table, in memory and on disk; imports left out."""
    file = work / "clean.csv"
    write_usage_file(file, ROWS)
    start = median(_run(IMPORTS, work).seconds for _ in range(3))
    bare_start = median(_run("import duckdb", work).seconds for _ in range(3))
    rows = []
    for name, target in (("in memory", ":memory:"), ("on disk", str(work / "read.duckdb"))):
        bare, strict = f"DuckDB, {name}", f"strictly, {name}"

        def reading(code: str, target: str = target) -> Callable[[], Measured]:
            return lambda: _run(code, work, str(file), _fresh(target))

        found = interleaved(ROUNDS, {bare: reading(DUCKDB), strict: reading(STRICT)})
        _fresh(target)
        rows.append(
            Row(
                f"into a table {name}",
                less(time_of(found[strict]), start),
                less(time_of(found[bare]), bare_start),
                "DuckDB's own reader",
            )
        )
    file.unlink()
    return Section(f"Strict reading of {ROWS:,} rows", rows)


def measure_large_file(work: Path) -> Section:
    """Peak memory on a file of 10 GB: of reading it, and of all that `check` does with it."""
    title = f"A file of {LARGE_ROWS:,} rows, 10 GB"
    if shutil.disk_usage(work).free < 3 * LARGE:
        return Section(f"{title}: left out, as there is not enough room on the disk", [])
    file = work / "large.csv"
    say(f"writing a clean file of {LARGE_ROWS:,} rows")
    write_large_file(file, LARGE_ROWS)
    check = ("check", file, "--schema", ours.SCHEMA, "--format", "json")
    found = interleaved(
        1,
        {
            "read strictly": lambda: _run(SCAN, work, str(file)),
            "check": lambda: ours.usage_pipeline(*check, data=work / "large-file"),
        },
    )
    file.unlink()
    return Section(title, [Row(f"{name}: peak memory", memory_of(found[name])) for name in found])


def _run(code: str, work: Path, *arguments: str) -> Measured:
    return measure(sys.executable, "-c", code, *arguments, data=work)


def _fresh(target: str) -> str:
    if target != ":memory:":
        Path(target).unlink(missing_ok=True)
    return target


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        print_table([measure_strict_reading(work), measure_large_file(work)], machine.about())


if __name__ == "__main__":
    main()
