"""What it costs to take a million rows out of a ledger of fifty million, and to put them back."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from benchmarks import ours
from benchmarks.large_ledger import MONTHS, fill_ledger
from benchmarks.measure import say
from benchmarks.table import Figure, Row, Section
from benchmarks.usage_file import SCATTERED, write_large_file
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.schema import load_schemas

LARGE = 50_000_000
#: New rows lie in the month after all of those, or in the last of them.
NEW_MONTH = "2024-11-01"
BATCH = 1_000_000
CYCLES = 12
WHAT = ("void, the command", "void, the ledger alone", "restore, the ledger alone")


def measure_ledger(work: Path) -> Section:
    """Void and restore a million rows in an empty and in a large ledger, in turn; then again and
    again, looking at the size of the warehouse file.
    """
    empty, large = work / "empty-ledger", work / "large-ledger"
    fill_ledger(large, len(MONTHS), LARGE // len(MONTHS), work)
    taken: dict[tuple[str, Path], list[float]] = {}
    for number, month in enumerate([NEW_MONTH, NEW_MONTH, NEW_MONTH, MONTHS[-1], MONTHS[-1]]):
        file = work / f"new-{number}.csv"
        first = LARGE + number * BATCH
        write_large_file(file, BATCH, first=first, key=SCATTERED, begin=month)
        for data in (empty, large):
            say(f"{BATCH:,} rows of {month} into the {data.name}, and out again")
            ours.ingest(file, data, ingested=BATCH, fresh=data == empty)
            flow = _flow(data)
            upload = flow.register.uploads(ours.SCHEMA)[-1].upload
            words = ("--by", "bench", "--reason", "speed")
            void = ours.usage_pipeline("void", upload, *words, data=data).seconds
            restored, voided = _ledger_alone(flow, upload)
            for what, seconds in zip(WHAT, (void, voided, restored), strict=True):
                taken.setdefault((what, data), []).append(seconds)
        file.unlink()
    rows = [
        Row(
            what,
            Figure(median(taken[what, large])),
            Figure(median(taken[what, empty])),
            "nothing else in the ledger",
        )
        for what in WHAT
    ]
    before, after = _sizes_of_the_file(empty)
    cycles = f"warehouse file after {CYCLES} restores and voids"
    rows.append(Row(cycles, Figure(after, "MB"), Figure(before, "MB"), "after the first"))
    return Section(f"{BATCH:,} rows in a ledger of {LARGE:,} rows", rows)


def _flow(data: Path) -> Flow:
    return Flow(load_schemas()[ours.SCHEMA], DataFolder(data))


def _ledger_alone(flow: Flow, upload: str) -> tuple[float, float]:
    """Seconds that the transaction of a restore takes, and that of a void; metrics left out."""
    seconds = []
    with flow.warehouse.open() as connection:
        for step in (flow.restore, flow.void):
            step([flow.register.find(upload, ours.SCHEMA)], "bench", "speed")
            begin = time.monotonic()
            list(flow.settle(connection))
            seconds.append(time.monotonic() - begin)
        list(flow.refresh(connection))
    return seconds[0], seconds[1]


def _sizes_of_the_file(data: Path) -> tuple[float, float]:
    """Restore and void a million rows in turn: does the warehouse file grow? First and last MB."""
    flow = _flow(data)
    upload = flow.register.uploads(ours.SCHEMA)[-1].upload
    sizes = []
    for _ in range(CYCLES):
        for step in (flow.restore, flow.void):
            step([flow.register.find(upload, ours.SCHEMA)], "bench", "speed")
            with flow.warehouse.open() as connection:
                list(flow.settle(connection))
        sizes.append(flow.folder.warehouse.stat().st_size / 1e6)
    return sizes[0], sizes[-1]
