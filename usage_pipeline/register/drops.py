"""Files that came through the drop folder, and what ops have been told of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)

from usage_pipeline.register.records import ReceiptOutcome
from usage_pipeline.register.tables import asks, drops, uploads

#: States in which nothing more happens by itself, so that there is an outcome to tell.
_SETTLED = ("failed", "passed", "ingested", "refused", "voided")


@dataclass(frozen=True, slots=True)
class Drop:
    """One file that was dropped.

    look: what the file looked like while it may still lie in the folder, None once it is gone.
    news: the line of history that ops are to be told of.
    """

    id: int
    schema: str
    file_name: str
    upload: str
    outcome: ReceiptOutcome
    dropped_at: datetime
    look: str | None
    news: int


_COLUMNS = [drops.c[column.name] for column in fields(Drop)]


class Drops:
    """The dropped files of a register. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def may_lie_there(self, schema: str) -> list[Drop]:
        """Files that are received, but not known to have left the drop folder."""
        query = select(*_COLUMNS).where(drops.c.schema == schema, drops.c.look.is_not(None))
        with self._engine.begin() as transaction:
            return [Drop(**row._mapping) for row in transaction.execute(query)]

    def gone(self, ids: Collection[int]) -> None:
        """Note that files have left the drop folder."""
        with self._engine.begin() as transaction:
            transaction.execute(update(drops).where(drops.c.id.in_(ids)).values(look=None))

    def untold(self, schema: str, most: int) -> list[str]:
        """File names whose last drop has an outcome that ops have not been told of."""
        last = drops.alias()
        newest = (
            select(func.max(last.c.id))
            .where(last.c.schema == drops.c.schema, last.c.file_name == drops.c.file_name)
            .scalar_subquery()
        )
        latest = drops.alias()
        query = (
            select(drops.c.file_name)
            .distinct()
            .select_from(drops)
            .join(latest, latest.c.id == newest)
            .join(uploads, _same_upload(uploads, latest))
            .join(asks, _same_upload(asks, latest), isouter=True)
            .where(
                drops.c.schema == schema,
                drops.c.told.is_(False),
                or_(uploads.c.state.in_(_SETTLED), asks.c.given_up.is_not(None)),
            )
            .order_by(drops.c.file_name)
            .limit(most)
        )
        with self._engine.begin() as transaction:
            return list(transaction.scalars(query))

    def named(self, schema: str, file_name: str, most: int) -> list[Drop]:
        """The drops under one file name, newest first."""
        query = (
            select(*_COLUMNS)
            .where(drops.c.schema == schema, drops.c.file_name == file_name)
            .order_by(drops.c.id.desc())
            .limit(most)
        )
        with self._engine.begin() as transaction:
            return [Drop(**row._mapping) for row in transaction.execute(query)]

    def told(self, told: Iterable[Drop]) -> None:
        """Note that ops know of drops as they were read; what has happened since is news."""
        with self._engine.begin() as transaction:
            for drop in told:
                transaction.execute(
                    update(drops)
                    .where(drops.c.id == drop.id, drops.c.news == drop.news)
                    .values(told=True)
                )


def record_drop(
    transaction: Connection,
    upload: tuple[str, str],
    file_name: str,
    outcome: ReceiptOutcome,
    at: datetime,
    look: str,
    news: int,
) -> None:
    """Record one more file of an upload, given as (schema, key)."""
    transaction.execute(
        insert(drops).values(
            schema=upload[0],
            upload=upload[1],
            file_name=file_name,
            outcome=outcome,
            dropped_at=at,
            look=look,
            news=news,
            told=False,
        )
    )


def mark_news(transaction: Connection, upload: tuple[str, str], news: int) -> None:
    """Something has happened to an upload, given as (schema, key), that ops are to be told of."""
    schema, key = upload
    transaction.execute(
        update(drops)
        .where(drops.c.schema == schema, drops.c.upload == key)
        .values(news=news, told=False)
    )


def _same_upload(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(one.c.schema == other.c.schema, one.c.upload == other.c.upload)
