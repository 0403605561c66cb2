"""Ten times the rows in ten times the time, and within bounds of memory."""

from __future__ import annotations

from pathlib import Path

from benchmarks import goals, ours
from benchmarks.measure import Rounds, interleaved, say
from benchmarks.sizes import Sizes
from benchmarks.table import Figure, Row, Section, memory_of, time_of
from benchmarks.usage_file import write_large_file


def measure_linear(work: Path, sizes: Sizes, smaller: Rounds, fixed: Rounds) -> Section:
    """A file of `linear_rows` beside one of `rows`.

    Args:
        smaller: what the file of `rows` took in this run.
        fixed: what a file of 1,000 rows took: start-up, which grows with no file.
    """
    rows, times = sizes.linear_rows, sizes.linear_rows / sizes.rows
    file = work / "linear.csv"
    say(f"writing a clean file of {rows:,} rows")
    write_large_file(file, rows)
    what = f"ingest {rows:,} rows"
    found = interleaved(
        sizes.rounds, {what: lambda: ours.ingest(file, work / "linear", ingested=rows)}
    )[what]
    file.unlink()
    name = f"{times:g} × {sizes.rows:,} rows"
    start = fixed.seconds
    return Section(
        "Time grows with the file",
        [
            Row(what, time_of(found), time_of(smaller), name, times=times),
            Row(
                f"  less {start:.1f} s of start-up on both sides",
                Figure(found.seconds - start),
                Figure(smaller.seconds - start),
                name,
                goals.LINEAR,
                times,
            ),
            Row("  peak memory", memory_of(found), goal=goals.LINEAR_MEMORY),
        ],
    )
