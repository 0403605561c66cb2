"""The same number of rows in other situations, beside a clean file into an empty data folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ours
from benchmarks.goals import Goal
from benchmarks.measure import Measured, interleaved
from benchmarks.table import Row, Section, time_of
from benchmarks.usage_file import SCATTERED, write_large_file

CLEAN = "clean, into nothing"
#: After the months of any ledger that is there before.
MONTH = "2024-11-01"
#: Numbers of events that no ledger has yet.
FIRST = 10**12


@dataclass(frozen=True)
class Situation:
    """Something else about an ingest. `ingest` is given a clean file, new in each round."""

    what: str
    ingest: Callable[[Path], Measured]
    goal: Goal


def measure_situations(
    work: Path, rows: int, rounds: int, situations: Sequence[Situation]
) -> Section:
    """All of them in turn, so that one baseline is for all."""
    file = work / "new.csv"
    written = 0

    def clean() -> Measured:
        nonlocal written
        write_large_file(file, rows, FIRST + written * rows, SCATTERED, MONTH)
        written += 1
        return ours.ingest(file, work / "empty", ingested=rows)

    def case(one: Situation) -> Callable[[], Measured]:
        return lambda: one.ingest(file)

    found = interleaved(rounds, {CLEAN: clean} | {one.what: case(one) for one in situations})
    file.unlink()
    beside = time_of(found[CLEAN])
    rows_of_all = [
        Row(one.what, time_of(found[one.what]), beside, CLEAN, one.goal) for one in situations
    ]
    return Section(f"Ingest of {rows:,} rows in other situations", rows_of_all)
