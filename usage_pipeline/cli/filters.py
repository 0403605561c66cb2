"""Options that narrow a listing down, and the rows it then reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.warehouse.connection import Connection

Customer = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]
From = Annotated[str | None, typer.Option("--from", help="From this day or time on.")]
To = Annotated[str | None, typer.Option("--to", help="Up to, not including, this day or time.")]


@dataclass(frozen=True, slots=True)
class Filter:
    """A WHERE clause, empty or not, and its parameters."""

    where: str
    values: list[Any]


def narrowed(
    column: str, customer: str | None, begin: str | None, end: str | None, time_zone: str
) -> Filter:
    """Rows of a customer whose `column` lies in a span of time.

    Raises:
        WrongUse: `begin` or `end` is no day and no time.
    """
    conditions: list[tuple[str, Any]] = []
    if customer is not None:
        conditions.append(("customer_id = ?", customer))
    if begin is not None:
        conditions.append((f"{column} >= ?", moment(begin, "--from", time_zone)))
    if end is not None:
        conditions.append((f"{column} < ?", moment(end, "--to", time_zone)))
    where = " AND ".join(condition for condition, _ in conditions)
    return Filter(f"WHERE {where}" if where else "", [value for _, value in conditions])


def moment(text: str, option: str, time_zone: str) -> datetime:
    """A day or a time, in `time_zone` where it has no offset.

    Raises:
        WrongUse: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            f"{option} {text}: write a day or a time as 2026-10-31 or 2026-10-31T12:00:00+01:00."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(time_zone))


def rows_of(
    connection: Connection, query: str, values: Sequence[Any], columns: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The rows of a query, one after another, however many there are."""
    result = connection.execute(query, values)
    while rows := result.fetchmany(10_000):
        for row in rows:
            yield dict(zip(columns, row, strict=True))
