"""The smallest set of columns that really tells all rows of a file apart, counted exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import cast

from usage_pipeline.suggest.column import Column
from usage_pipeline.suggest.profile import values_of
from usage_pipeline.suggest.roles import Candidate, keys
from usage_pipeline.suggest.text_table import TextTable
from usage_pipeline.suggest.words import has_any, hints
from usage_pipeline.warehouse.sql import column_list

#: Each costs a pass over its columns.
MOST_TRIED = 60
_PER_LEVEL = 8
#: The estimate of how many values a column has may be off by so much.
_ESTIMATE = 1.3
_NAMES_ONE = {"id", "uuid", "guid", "key", "identity", "hash", "event", "record", "number", "ref"}
_NAMES_ONE |= {"reference", "transaction", "request"}


@dataclass(frozen=True, slots=True)
class EventKey:
    """What tells the rows apart.

    columns: of the file; `customer` and `time` say whether these belong to the key as well.
    Without anything, no set that was tried does, and every line is its own event.
    equal_rows: rows that say exactly what an earlier one says.
    """

    columns: tuple[Column, ...]
    customer: bool = False
    time: bool = False
    tried: int = 0
    equal_rows: int = 0

    @property
    def time_alone(self) -> bool:
        """Whether nothing but its time tells a customer's event from the next."""
        return self.time and not self.columns

    @property
    def every_line(self) -> bool:
        return not self.columns and not self.time


def find_key(
    table: TextTable,
    columns: Sequence[Column],
    customer: Column | None,
    time: Column | None,
    nulls: Sequence[str],
) -> EventKey:
    """Search single columns first, then pairs, then customer and time with others.

    A set without an id of its own has the customer in it, though no column says who that is: a
    time at which one customer uses something is one at which another may, too.
    """
    rows = table.sound
    tried = 0
    for candidate in islice(_sets(columns, customer, time, rows), MOST_TRIED):
        tried += 1
        if _unique(table, candidate.all(customer, time), nulls):
            return EventKey(candidate.columns, candidate.customer, candidate.time, tried)
    return EventKey((), tried=tried, equal_rows=equal_rows(table))


@dataclass(frozen=True, slots=True)
class _Set:
    columns: tuple[Column, ...]
    customer: bool = False
    time: bool = False

    def all(self, customer: Column | None, time: Column | None) -> list[Column]:
        found = [*self.columns]
        if self.customer and customer is not None:
            # Whatever it looks like, a customer is text: `007` is not `7`.
            found.append(replace(customer, type="string"))
        if self.time and time is not None:
            found.append(time)
        return found


def _sets(
    columns: Sequence[Column], customer: Column | None, time: Column | None, rows: int
) -> Iterator[_Set]:
    others = [one for one in keys(columns, rows) if one.column not in (customer, time)]
    named = [one for one in others if hints(one.column.label) & _NAMES_ONE]
    base = [one for one in (customer, time) if one is not None]
    usable_time = time is not None and not time.misfit and not time.orders
    for one in named:
        if _may_be_unique([one.column], rows):
            yield _Set((one.column,))
    yield from _pairs(named, others, time if usable_time else None, rows)
    if not usable_time:
        return
    if _may_be_unique(base, rows):
        yield _Set((), customer=True, time=True)
    for size in (1, 2):
        for more in combinations([one.column for one in others[:_PER_LEVEL]], size):
            if _may_be_unique([*base, *more], rows):
                yield _Set(more, customer=True, time=True)


def _pairs(
    named: Sequence[Candidate], others: Sequence[Candidate], time: Column | None, rows: int
) -> Iterator[_Set]:
    """An id that comes again, with something that says which time it is."""
    pairs = [
        (one.points + other.points + 2 * _alike(one.column, other.column), one, other)
        for one in named[:_PER_LEVEL]
        for other in others[: 2 * _PER_LEVEL]
        if other not in named[: named.index(one) + 1]
    ]
    for _, one, other in sorted(pairs, key=lambda pair: -pair[0])[: 3 * _PER_LEVEL]:
        if _may_be_unique([one.column, other.column], rows):
            yield _Set((one.column, other.column))
    for one in named[:_PER_LEVEL] if time is not None else ():
        if time is not None and _may_be_unique([one.column, time], rows):
            yield _Set((one.column,), time=True)


def _alike(one: Column, other: Column) -> int:
    return has_any(other.label, hints(one.label) & {"identity", "event", "record"})


def _may_be_unique(columns: Sequence[Column], rows: int) -> bool:
    """Whether there are values enough; an estimate only ever leaves hopeless sets out."""
    ways = 1.0
    for column in columns:
        ways *= _ESTIMATE * (column.distinct + 1)
    return ways >= rows


def _unique(table: TextTable, columns: Sequence[Column], nulls: Sequence[str]) -> bool:
    names = column_list(one.cell for one in columns)
    repeated = table.ask(
        f"SELECT 1 FROM {values_of(table, columns, nulls)}"
        f" GROUP BY {names} HAVING count(*) > 1 LIMIT 1"
    )
    return not repeated


def equal_rows(table: TextTable) -> int:
    """How many rows say, cell for cell, what an earlier one says."""
    cells = column_list(f"c{index}" for index in range(len(table.header.labels)))
    [(count,)] = table.ask(
        "SELECT coalesce(sum(n - 1), 0) FROM"
        f" (SELECT count(*) AS n FROM {table.rows} GROUP BY {cells} HAVING count(*) > 1)"
    )
    return int(cast(int, count))
