"""What an upload would bring, in a few numbers: what a person compares before letting it in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from usage_pipeline.schema import EventSchema, FieldSpec
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import quoted

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: More digits than any sum of so many values can have.
_EXACT = Context(prec=100)
#: Digits that the engine's sum of decimals may have.
_SUM_DIGITS = 38
_HALF = 10**19


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows, different customers, and the sum of each usage field, exactly.

    first, last: the earliest and the latest `timestamp`; None where there are no rows.
    """

    rows: int = 0
    customers: int = 0
    first: datetime | None = None
    last: datetime | None = None
    totals: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What would become of the valid rows of a file; all but `corrected` add up to them.

    new: events that nobody has sent yet. replaced: rows that would count instead of one that
    counts now; `corrected` of them say otherwise. duplicates, conflicts: rows that would not
    count, and say the same as the row that does, or otherwise.
    """

    new: int
    replaced: int
    corrected: int
    duplicates: int
    conflicts: int

    @property
    def ingested(self) -> int:
        """Rows that would count."""
        return self.new + self.replaced

    @property
    def again(self) -> Arrival:
        """Of a file whose rows are in already: none would count instead of what counts."""
        same = self.duplicates + self.replaced - self.corrected
        return Arrival(self.new, 0, 0, same, self.conflicts + self.corrected)


@dataclass(frozen=True, slots=True)
class BesideLedger:
    """A file's valid rows held against what counted at a moment.

    there: what counts in the time span of the file, without the upload's own rows.
    """

    at: datetime
    there: Totals
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Profile:
    """What an upload would bring.

    in_file: of its valid rows. beside: None where they were not held against the ledger;
    `not_compared` says why, where somebody might have expected it.
    """

    in_file: Totals
    beside: BesideLedger | None = None
    not_compared: str | None = None


def totals_of(connection: Connection, rows: str, schema: EventSchema) -> Totals:
    """Of rows with the schema's fields, `rows` being what stands behind FROM."""
    usage = schema.usage_fields
    decimals = [name for name, field in usage.items() if field.type == "decimal"]
    largest = [f"coalesce(max(abs({quoted(name)})), 0)" for name in decimals]
    span = ['epoch_us(min("timestamp"))', 'epoch_us(max("timestamp"))']
    columns = ", ".join(["count(*)", "count(DISTINCT customer_id)", *span, *largest])
    [(count, customers, first, last, *found)] = connection.execute(
        f"SELECT {columns} FROM {rows}"
    ).fetchall()
    bounds = {name: count * most for name, most in zip(decimals, found, strict=True)}
    sums = {name: _sums(name, field, bounds.get(name, 0)) for name, field in usage.items()}
    # A schema has at least one usage field.
    parts = ", ".join(part for of_field in sums.values() for part, _ in of_field)
    values = iter(connection.execute(f"SELECT {parts} FROM {rows}").fetchall()[0])
    totals = {name: _total(values, of_field) for name, of_field in sums.items()}
    return Totals(count, customers, _moment(first), _moment(last), totals)


def _sums(name: str, field: FieldSpec, most: Decimal | int) -> list[tuple[str, Decimal]]:
    """Sums that cannot run out of digits, and what one of each stands for in the field's sum, which
    is at most `most`.

    In halves of 19 digits it takes ten times as long, so only where it may be that large.
    """
    column = quoted(name)
    if field.type == "integer" or most < 10 ** (_SUM_DIGITS - field.scale):
        return [(f"sum({column})", Decimal(1))]
    digits = f"CAST(replace(CAST({column} AS VARCHAR), '.', '') AS HUGEINT)"
    unit = Decimal(1).scaleb(-field.scale)
    return [
        (f"sum({digits} // {_HALF}::HUGEINT)", unit * _HALF),
        (f"sum({digits} % {_HALF}::HUGEINT)", unit),
    ]


def _total(values: Iterator[Any], sums: Iterable[tuple[str, Decimal]]) -> Decimal:
    total = Decimal(0)
    for _, unit in sums:
        total = _EXACT.fma(Decimal(next(values) or 0), unit, total)
    return total


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
