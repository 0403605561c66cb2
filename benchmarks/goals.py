"""What the pipeline is to reach, in one place. A ratio is of medians of one interleaved run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """At most `limit` of a unit: "times" the figure beside it, "s", or "MB"."""

    limit: float
    unit: str

    def __str__(self) -> str:
        if self == FASTER:
            return "faster"
        return f"≤ {self.limit:,g} {self.unit}"


def times(limit: float) -> Goal:
    return Goal(limit, "times")


def seconds(limit: float) -> Goal:
    return Goal(limit, "s")


def megabytes(limit: float) -> Goal:
    return Goal(limit, "MB")


FASTER = times(1)

CLEAN_FILE = times(1.8)
CLEAN_FILE_MEMORY = megabytes(1_500)
AGAINST_PANDAS = FASTER
#: 50 million rows beside ten times as long as 5 million take.
LINEAR = times(1.3)
LINEAR_MEMORY = megabytes(2_000)

ONE_PERCENT_BAD = times(1.3)
ALL_BAD = times(2)
INTO_LARGE_LEDGER = times(1.5)
AFTER_LONG_HISTORY = times(1.25)

HELP = seconds(0.5)
CHECK_SMALL = seconds(3)
INGEST_SMALL = seconds(5)

DROPPED_FILE = seconds(12)
DROPPED_FILE_WORST = seconds(20)
#: From the drop of all to the metrics of all: 1,000 files in 5 minutes.
SECONDS_PER_FILE_OF_A_CROWD = 0.3


def crowd(files: int) -> Goal:
    return seconds(files * SECONDS_PER_FILE_OF_A_CROWD)
