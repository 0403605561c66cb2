"""What has happened to uploads since somebody last looked: the history of all of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sqlalchemy import Engine, func, select

from usage_pipeline.register.records import Entry
from usage_pipeline.register.tables import history

_COLUMNS = [history.c[column.name] for column in fields(Entry)]


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of history, and the schema of its upload."""

    schema: str
    entry: Entry


class Happenings:
    """The history of a register. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last(self) -> int:
        """The number of the last line; 0 where nothing has happened yet."""
        with self._engine.begin() as transaction:
            return transaction.scalar(select(func.max(history.c.id))) or 0

    def after(self, line: int, most: int) -> list[Happening]:
        """At most so many lines behind one, oldest first."""
        query = (
            select(history.c.schema, *_COLUMNS)
            .where(history.c.id > line)
            .order_by(history.c.id)
            .limit(most)
        )
        with self._engine.begin() as transaction:
            rows = [dict(row._mapping) for row in transaction.execute(query)]
        return [Happening(row.pop("schema"), Entry(**row)) for row in rows]
