"""Every figure beside its goal, in one table.

`python -m benchmarks` takes minutes and has the goals with smaller numbers where the true ones
take long; `python -m benchmarks full` has them all, and what strict reading, metrics and a ledger
cost, and takes hours and 60 GB of disk. All compared figures are medians of interleaved rounds on
one machine: they are to be read as ratios, as the machine may be busy.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.bad_rows import situations_with_bad_rows
from benchmarks.clean_file import measure_clean_file
from benchmarks.history import after_long_history, make_history
from benchmarks.large_ledger import into_large_ledger
from benchmarks.ledger import measure_ledger
from benchmarks.linear import measure_linear
from benchmarks.measure import say
from benchmarks.metrics import measure_metrics
from benchmarks.situations import measure_situations
from benchmarks.sizes import FULL, QUICK, Sizes
from benchmarks.small_file import measure_small_file
from benchmarks.strict_reading import measure_large_file, measure_strict_reading
from benchmarks.table import Section, markdown, print_table
from benchmarks.watched_folder import measure_watched_folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("set", nargs="?", choices=("quick", "full"), default="quick")
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    begin, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        work = Path(folder)
        sections = list(_goals(work, FULL if given.set == "full" else QUICK))
        if given.set == "full":
            sections += _long_figures(work)
    minutes = (time.monotonic() - begin) / 60
    busy = f"load average {load:.1f} before and {os.getloadavg()[0]:.1f} after"
    about = [f"The {given.set} set, {minutes:.0f} minutes, {busy}", *machine.about()]
    print_table(sections, about)
    if given.markdown:
        given.markdown.write_text(markdown(sections, about), encoding="utf-8")


def _goals(work: Path, sizes: Sizes) -> Iterator[Section]:
    print("A clean file, beside floors and peers", flush=True)
    yield measure_clean_file(work, sizes)
    if sizes.linear_rows:
        print("Ten times the rows", flush=True)
        yield measure_linear(work, sizes)
    print("The same in other situations", flush=True)
    history = work / "history"
    say(f"making a history of {sizes.history:,} uploads")
    make_history(history, sizes.history, sizes.history_seed)
    batch = sizes.batch_rows
    others = [
        into_large_ledger(work, sizes.ledger_parts, sizes.part_rows, batch),
        after_long_history(history, sizes.history, batch),
    ]
    bad = situations_with_bad_rows(work, sizes.bad_rows)
    if sizes.bad_rows == batch:
        # One baseline for all of them.
        yield measure_situations(work, batch, sizes.rounds, [*bad, *others])
    else:
        yield measure_situations(work, sizes.bad_rows, sizes.rounds, bad)
        yield measure_situations(work, batch, sizes.rounds, others)
    print("At the prompt", flush=True)
    yield measure_small_file(work, sizes, history)
    print("Watched folder", flush=True)
    yield measure_watched_folder(work, sizes, history)


def _long_figures(work: Path) -> Iterator[Section]:
    print("Strict reading", flush=True)
    yield measure_strict_reading(work)
    yield measure_large_file(work)
    print("Metrics", flush=True)
    yield measure_metrics(work)
    print("A large ledger", flush=True)
    yield measure_ledger(work)


if __name__ == "__main__":
    main()
