"""What a large ledger costs: a million new rows beside fifty million, and taking them out again."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.usage_file import SCATTERED, write_large_file
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.schema import load_schemas

LARGE = 50_000_000
#: Ten months of history in equal parts; new rows lie in the month after, or in the last of these.
MONTHS = [f"2024-{month:02d}-01" for month in range(1, 11)]
NEW_MONTH = "2024-11-01"
BATCH = 1_000_000
CYCLES = 12


def measure_ledger(work: Path, large: int = LARGE) -> None:
    """Ingest and void a million rows in an empty and in a large ledger, in turn; then again and
    again, looking at the size of the warehouse file.
    """
    program = str(Path(sys.executable).parent / "usage-pipeline")
    empty, full = work / "empty", work / "full"
    _fill(program, work, full, large)
    print(f"A file of {BATCH:,} new rows; empty ledger, and one of {large:,} rows", flush=True)
    for number, month in enumerate([NEW_MONTH, NEW_MONTH, NEW_MONTH, MONTHS[-1], MONTHS[-1]]):
        file = work / f"new-{number}.csv"
        first = large + number * BATCH
        write_large_file(file, BATCH, first=first, key=SCATTERED, begin=month)
        print(f"  rows of {month}:", flush=True)
        shutil.rmtree(empty, ignore_errors=True)
        for name, data in (("empty", empty), ("large", full)):
            ingest = measure(program, "ingest", str(file), "--schema", "api_usage", data=data)
            flow = _flow(data)
            upload = flow.register.uploads("api_usage")[-1].upload
            void = measure(program, "void", upload, "--by", "bench", "--reason", "speed", data=data)
            ledger = _ledger_alone(flow, upload)
            print(
                f"    {name}: ingest {ingest}; void {void}; the ledger alone: restore "
                f"{ledger[0]:.2f} s, void {ledger[1]:.2f} s",
                flush=True,
            )
        file.unlink()
    _size_of_the_file(empty)


def _fill(program: str, work: Path, data: Path, rows: int) -> None:
    part = rows // len(MONTHS)
    for number, month in enumerate(MONTHS):
        file = work / f"part-{number}.csv"
        write_large_file(file, part, first=number * part, key=SCATTERED, begin=month)
        measure(program, "ingest", str(file), "--schema", "api_usage", data=data)
        file.unlink()


def _flow(data: Path) -> Flow:
    return Flow(load_schemas()["api_usage"], DataFolder(data))


def _ledger_alone(flow: Flow, upload: str) -> tuple[float, float]:
    """Seconds that the transaction of a restore takes, and that of a void; metrics left out."""
    seconds = []
    with flow.warehouse.open() as connection:
        for step in (flow.restore, flow.void):
            step([flow.register.find(upload, "api_usage")], "bench", "speed")
            begin = time.monotonic()
            list(flow.settle(connection))
            seconds.append(time.monotonic() - begin)
        list(flow.refresh(connection))
    return seconds[0], seconds[1]


def _size_of_the_file(data: Path) -> None:
    """Restore and void a million rows in turn: does the warehouse file grow?"""
    flow = _flow(data)
    upload = flow.register.uploads("api_usage")[-1].upload
    sizes = []
    for _ in range(CYCLES):
        for step in (flow.restore, flow.void):
            step([flow.register.find(upload, "api_usage")], "bench", "speed")
            with flow.warehouse.open() as connection:
                list(flow.settle(connection))
        sizes.append(f"{flow.folder.warehouse.stat().st_size / 1e6:.0f}")
    print(f"Warehouse file in MB, after each of {CYCLES} restores and voids of {BATCH:,} rows:")
    print(f"  {' '.join(sizes)}", flush=True)
