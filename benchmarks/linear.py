"""Ten times the rows in ten times the time, and within bounds of memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import goals, ours
from benchmarks.measure import Measured, interleaved, say
from benchmarks.sizes import Sizes
from benchmarks.table import Row, Section, less, memory_of, time_of
from benchmarks.usage_file import write_large_file

#: What an ingest takes whatever the file: start-up, and Dagster's run.
FIXED_ROWS = 1_000


def measure_linear(work: Path, sizes: Sizes) -> Section:
    """A file of `linear_rows` beside one of `rows`; once as they are, and once with the time of a
    file of 1,000 rows taken off both, so that the fixed part flatters nobody.
    """

    def ingest(rows: int) -> Callable[[], Measured]:
        file = work / f"linear-{rows}.csv"
        say(f"writing a clean file of {rows:,} rows")
        write_large_file(file, rows)
        return lambda: ours.ingest(file, work / "linear", ingested=rows)

    few, many = sizes.rows, sizes.linear_rows
    cases = {f"{rows:,} rows": ingest(rows) for rows in (FIXED_ROWS, few, many)}
    fixed, smaller, larger = interleaved(sizes.rounds, cases).values()
    for file in work.glob("linear-*.csv"):
        file.unlink()
    times, name = many / few, f"{many / few:g} × {few:,} rows"
    start = fixed.seconds
    return Section(
        "Time grows with the file",
        [
            Row(f"ingest {many:,} rows", time_of(larger), time_of(smaller), name, times=times),
            Row(
                f"  less {start:.1f} s, for {FIXED_ROWS:,} rows, on both sides",
                less(time_of(larger), start),
                less(time_of(smaller), start),
                name,
                goals.LINEAR,
                times,
            ),
            Row("  peak memory", memory_of(larger), goal=goals.LINEAR_MEMORY),
        ],
    )
