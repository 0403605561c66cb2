"""New rows into a ledger that holds many already."""

from __future__ import annotations

from pathlib import Path

from benchmarks import goals, ours
from benchmarks.measure import Measured, say
from benchmarks.situations import Situation
from benchmarks.usage_file import SCATTERED, write_large_file

#: History in equal parts; new rows lie in a month after them.
MONTHS = [f"2024-{month:02d}-01" for month in range(1, 11)]


def fill_ledger(data: Path, parts: int, rows: int, work: Path) -> None:
    """Really ingest so many parts of so many rows, a month each, the latest months last."""
    for number, month in enumerate(MONTHS[-parts:]):
        file = work / f"part-{number}.csv"
        say(f"filling a ledger: {rows:,} rows of {month}, part {number + 1} of {parts}")
        write_large_file(file, rows, first=number * rows, key=SCATTERED, begin=month)
        ours.ingest(file, data, ingested=rows, fresh=False)
        file.unlink()


def into_large_ledger(work: Path, parts: int, part_rows: int, batch: int) -> Situation:
    """A batch of new rows into a ledger of so many parts; it grows by the batch every time."""
    data = work / "large"
    fill_ledger(data, parts, part_rows, work)

    def ingest(file: Path) -> Measured:
        return ours.ingest(file, data, ingested=batch, fresh=False)

    return Situation(f"into {parts * part_rows:,} rows", ingest, goals.INTO_LARGE_LEDGER)
