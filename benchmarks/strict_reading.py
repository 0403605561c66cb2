"""Strict reading beside DuckDB's own reader, both into a table; and memory on a file of 10 GB.

`python -m benchmarks.strict_reading` runs just these.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.measure import Measured, measure
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


def measure_strict_reading(work: Path) -> None:
    """A clean file of 5 million rows into a table, in memory and on disk; medians, interleaved."""
    file = work / "clean.csv"
    write_usage_file(file, ROWS)
    start = median(_run(IMPORTS, work).seconds for _ in range(3))
    bare_start = median(_run("import duckdb", work).seconds for _ in range(3))
    size = file.stat().st_size / 1e6
    print(f"Strict reading of {ROWS:,} rows, {size:.0f} MB, medians of {ROUNDS}, imports left out")
    for name, target in (("in memory", ":memory:"), ("on disk", str(work / "read.duckdb"))):
        pairs = []
        for _ in range(ROUNDS):
            bare = _run(DUCKDB, work, str(file), _fresh(target))
            strict = _run(STRICT, work, str(file), _fresh(target))
            pairs.append((bare, strict))
        _fresh(target)
        bare_time = median(bare.seconds for bare, _ in pairs) - bare_start
        time = median(strict.seconds for _, strict in pairs) - start
        print(
            f"  into a table {name:9}  DuckDB {bare_time:5.2f} s "
            f"{max(bare.megabytes for bare, _ in pairs):5.0f} MB   strict {time:5.2f} s "
            f"{max(strict.megabytes for _, strict in pairs):5.0f} MB   "
            f"({time / bare_time:.2f} times)",
            flush=True,
        )
    file.unlink()


def measure_large_file(work: Path) -> None:
    """Peak memory on a file of 10 GB: of reading it, and of all that `check` does with it."""
    if shutil.disk_usage(work).free < 3 * LARGE:
        print("A file of 10 GB: left out, as there is not enough room on the disk")
        return
    file = work / "large.csv"
    write_large_file(file, LARGE_ROWS)
    print(f"A clean file of {LARGE_ROWS:,} rows, {file.stat().st_size / 1e9:.1f} GB")
    print(f"  read strictly         {_run(SCAN, work, str(file))}", flush=True)
    program = str(Path(sys.executable).parent / "usage-pipeline")
    check = (program, "check", str(file), "--schema", "api_usage", "--format", "json")
    print(f"  usage-pipeline check  {measure(*check, data=work / 'large')}", flush=True)
    file.unlink()


def _run(code: str, work: Path, *arguments: str) -> Measured:
    return measure(sys.executable, "-c", code, *arguments, data=work)


def _fresh(target: str) -> str:
    if target != ":memory:":
        Path(target).unlink(missing_ok=True)
    return target


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure_strict_reading(Path(folder))
        measure_large_file(Path(folder))


if __name__ == "__main__":
    main()
