"""How large the two sets are: `QUICK` for every day, `FULL` for the long figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Rows, files and rounds of one set.

    rounds: of everything that takes seconds. small_rounds: of what takes less.
    rows: of the clean file. linear_rows: of the large one beside it; 0 leaves it out.
    bad_rows: of the files with bad rows.
    ledger_parts, part_rows: the large ledger, a month a part. batch_rows: what goes into it.
    history, history_seed: uploads after which all is measured again, and how many of those are
    really made.
    singles: files dropped one after another. crowd: files dropped at once. crowd_bad: bad ones
    among them.
    """

    rounds: int
    small_rounds: int
    rows: int
    linear_rows: int
    bad_rows: int
    ledger_parts: int
    part_rows: int
    batch_rows: int
    history: int
    history_seed: int
    singles: int
    singles_after_history: int
    crowd: int
    crowd_bad: int


QUICK = Sizes(
    rounds=3,
    small_rounds=5,
    rows=5_000_000,
    linear_rows=0,
    bad_rows=5_000_000,
    ledger_parts=2,
    part_rows=5_000_000,
    batch_rows=1_000_000,
    history=1_000,
    history_seed=20,
    singles=5,
    singles_after_history=3,
    crowd=200,
    crowd_bad=2,
)
FULL = Sizes(
    rounds=3,
    small_rounds=5,
    rows=5_000_000,
    linear_rows=50_000_000,
    bad_rows=5_000_000,
    ledger_parts=10,
    part_rows=10_000_000,
    batch_rows=1_000_000,
    history=10_000,
    history_seed=40,
    singles=10,
    singles_after_history=10,
    crowd=1_000,
    crowd_bad=10,
)
