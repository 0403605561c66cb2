"""Metric windows whose value no longer follows from the ingestion table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, and_, delete, insert, select

from usage_pipeline.register.tables import stale_windows


class StaleWindows:
    """The stale windows of a register. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def mark(self, schema: str, windows: Mapping[str, Collection[datetime]]) -> None:
        """Note, before rows change, which windows of which metrics will need computing."""
        with self._engine.begin() as transaction:
            mark_stale(transaction, schema, windows)

    def stale(self, schema: str) -> dict[str, list[datetime]]:
        """Windows to compute: {metric: window starts, in order}."""
        query = (
            select(stale_windows)
            .where(stale_windows.c.schema == schema)
            .order_by(stale_windows.c.metric, stale_windows.c.window_start)
        )
        found: dict[str, list[datetime]] = {}
        with self._engine.begin() as transaction:
            for row in transaction.execute(query):
                found.setdefault(row.metric, []).append(row.window_start)
        return found

    def clear(self, schema: str, metric: str, starts: Iterable[datetime] | None) -> None:
        """Note that windows are computed; None clears all of the metric."""
        mine = and_(stale_windows.c.schema == schema, stale_windows.c.metric == metric)
        with self._engine.begin() as transaction:
            if starts is None:
                transaction.execute(delete(stale_windows).where(mine))
                return
            for chunk in _chunks(list(starts), 500):
                transaction.execute(
                    delete(stale_windows).where(mine, stale_windows.c.window_start.in_(chunk))
                )


def mark_stale(
    transaction: Connection, schema: str, windows: Mapping[str, Collection[datetime]]
) -> None:
    """Mark windows inside a transaction of the caller's."""
    rows = [
        {"schema": schema, "metric": metric, "window_start": start}
        for metric, starts in windows.items()
        for start in starts
    ]
    known = {
        (row.metric, row.window_start)
        for row in transaction.execute(
            select(stale_windows).where(stale_windows.c.schema == schema)
        )
    }
    new = [row for row in rows if (row["metric"], row["window_start"]) not in known]
    if new:
        transaction.execute(insert(stale_windows), new)


def _chunks(items: Sequence[datetime], size: int) -> Iterable[Sequence[datetime]]:
    # SQLite takes a bounded number of values in one statement.
    return (items[start : start + size] for start in range(0, len(items), size))
