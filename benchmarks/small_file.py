"""What a person waits for at the prompt: `--help`, and a file of 1,000 rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks import goals, ours
from benchmarks.measure import Measured, interleaved
from benchmarks.sizes import Sizes
from benchmarks.table import Row, Section, time_of
from benchmarks.usage_file import SCATTERED, write_large_file

ROWS = 1_000
#: Numbers of events of their own, so that each file is new to any ledger.
FIRST = 2 * 10**12
HELP, CHECK, INGEST = "--help", "check of 1,000 rows", "ingest of 1,000 rows"


def measure_small_file(work: Path, sizes: Sizes, history: Path) -> Section:
    """Both into an empty data folder, and into one with a long history."""
    numbers = count()

    def file() -> Path:
        path = work / "small.csv"
        write_large_file(path, ROWS, first=FIRST + ROWS * next(numbers), key=SCATTERED)
        return path

    def check(data: Path) -> Callable[[], Measured]:
        return lambda: ours.usage_pipeline("check", file(), "--schema", ours.SCHEMA, data=data)

    def ingest(data: Path, fresh: bool) -> Callable[[], Measured]:
        return lambda: ours.ingest(file(), data, ingested=ROWS, fresh=fresh)

    empty, after = work / "small", f" after {sizes.history:,} uploads"
    shutil.rmtree(empty, ignore_errors=True)
    found = interleaved(
        sizes.small_rounds,
        {
            HELP: lambda: ours.usage_pipeline("--help", data=empty),
            CHECK: check(empty),
            CHECK + after: check(history),
            INGEST: ingest(empty, fresh=True),
            INGEST + after: ingest(history, fresh=False),
        },
        at_most={CHECK + after: sizes.rounds, INGEST + after: sizes.rounds},
    )
    rows = [
        Row(what, time_of(found[what]), goal=goal)
        for what, goal in (
            (HELP, goals.HELP),
            (CHECK, goals.CHECK_SMALL),
            (INGEST, goals.INGEST_SMALL),
        )
    ] + [
        Row(
            what + after,
            time_of(found[what + after]),
            time_of(found[what]),
            "no history",
            goals.AFTER_LONG_HISTORY,
        )
        for what in (CHECK, INGEST)
    ]
    return Section("At the prompt", rows)
