"""From the text of a cell to a typed value, in SQL, through one strict pattern before any cast.

DuckDB's casts guess: they round `1.005`, read `1.5` as the integer 2, `T24:00:00` as the next day
and `1_000` as a number. Here a text is read exactly as it is meant, or refused with a code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING

from usage_pipeline.mapping.numbers import (
    PLAIN_SIGNS,
    NumberSigns,
    boolean_value,
    decimal_problem,
    decimal_value,
    integer_problem,
    integer_value,
    literal,
    plain_decimal,
    plain_integer,
)
from usage_pipeline.mapping.timestamps import (
    EPOCH_FORMATS,
    epoch_problem,
    epoch_value,
    iso_problem,
    iso_value,
    iso_value_or_local,
    iso_wall,
    strptime_as_iso,
    strptime_found,
    strptime_problem,
)
from usage_pipeline.mapping.zones import local_spans
from usage_pipeline.schema.sql_types import sql_type

if TYPE_CHECKING:
    # The schema loader asks for strptime_problem: importing it back would be a circle.
    from usage_pipeline.schema.event_schema import FieldSpec

__all__ = ["Cast", "cast", "literal", "sql_type", "strptime_problem", "with_steps"]


@dataclass(frozen=True, slots=True)
class Cast:
    """How one cell is read: SQL expressions over its text and over the columns of `steps`.

    `value` has the type `sql_type` and is NULL exactly where the cell is NULL or unreadable;
    `problem` is the error code of a cell that is unreadable, of no meaning for others, and NULL
    where every text can be read.
    """

    sql_type: str
    cell: str
    value: str
    problem: str
    #: (quoted name, expression) of columns to compute before, each with the ones before it.
    steps: tuple[tuple[str, str], ...] = ()

    @property
    def code(self) -> str:
        """The error code of an unreadable cell, else NULL."""
        return self.code_beside(self.value)

    def code_beside(self, value: str) -> str:
        """`code`, where a column called `value` holds the value already."""
        if self.problem == "NULL":
            return "NULL"
        return f"CASE WHEN {value} IS NULL AND {self.cell} IS NOT NULL THEN {self.problem} END"


def cast(
    field: FieldSpec,
    cell: str,
    *,
    earliest: datetime,
    latest: datetime,
    signs: NumberSigns = PLAIN_SIGNS,
) -> Cast:
    """How `cell`, an SQL expression of type VARCHAR, NULL for no value, is read as `field`.

    `earliest` and `latest` (aware) bound the instants that count: clock changes of the field's
    time zone are known between them. A local time beyond reads as an instant beyond, maybe not as
    the true one, so the caller must refuse it. `signs` is how the file writes numbers; a number
    that is not from the file is plain. Select from `with_steps`, on a connection with
    `SET TimeZone='UTC'`.
    """
    if field.type == "timestamp":
        return _timestamp(field, cell, earliest, latest)
    if field.numeric:
        return _number(field, cell, signs if field.in_file else PLAIN_SIGNS)
    kind = sql_type(field)
    if field.type == "boolean":
        return Cast(kind, cell, boolean_value(cell), literal("type-error"))
    return Cast(kind, cell, cell, "NULL")


def with_steps(source: str, casts: Iterable[Cast]) -> str:
    """What to select from: `source`, a table or a query in parentheses, with the columns that the
    steps of `casts` compute added to its own.
    """
    stages = zip_longest(*(one.steps for one in casts))
    for stage in stages:
        columns = dict(step for step in stage if step is not None)
        added = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
        source = f"(SELECT *, {added} FROM {source})"
    return source


def _number(field: FieldSpec, cell: str, signs: NumberSigns) -> Cast:
    whole = field.type == "integer"
    plain = plain_integer(cell, signs) if whole else plain_decimal(cell, signs)
    text, steps = cell, []
    if plain != cell:
        text = _identifier(f"plain: {cell} as {field.type} with {signs}")
        steps.append((text, plain))
    if whole:
        value, problem = integer_value(text), integer_problem(text)
    else:
        value = decimal_value(text, field.precision, field.scale)
        problem = decimal_problem(text)
    return Cast(sql_type(field), cell, value, problem, tuple(steps))


def _timestamp(field: FieldSpec, cell: str, earliest: datetime, latest: datetime) -> Cast:
    kind = sql_type(field)
    if field.format in EPOCH_FORMATS:
        digits = EPOCH_FORMATS[field.format]
        return Cast(kind, cell, epoch_value(cell, digits), epoch_problem(cell, digits))
    spans = local_spans(field.time_zone, earliest, latest) if field.time_zone else ()
    name = f"{cell} as {field.format} in {field.time_zone}"
    text, wall = cell, _identifier(f"wall: {name}")
    steps: list[tuple[str, str]] = []
    if field.format != "iso8601":
        found, text = _identifier(f"found: {name}"), _identifier(f"text: {name}")
        steps.append((found, strptime_found(cell, field.format)))
        steps.append((text, strptime_as_iso(found, field.format)))
    if not spans:
        return Cast(kind, cell, iso_value(text), iso_problem(text, wall, spans), tuple(steps))
    steps.append((wall, iso_wall(text)))
    value = iso_value_or_local(text, wall, spans)
    return Cast(kind, cell, value, iso_problem(text, wall, spans), tuple(steps))


def _identifier(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'"{quoted}"'
