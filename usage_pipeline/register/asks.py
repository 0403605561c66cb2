"""Which uploads need a run, how often one was asked for, and when to ask again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, and_, delete, insert, or_, select, update

from usage_pipeline.register.states import State
from usage_pipeline.register.tables import asks, uploads

#: How long a run that was asked for may take to show up before it counts as lost.
PATIENCE = timedelta(seconds=30)

#: A command works on what it received in its own process; nobody else takes it up meanwhile.
IN_HAND = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Due:
    """An upload with work left.

    attempts: how many runs before the last one came to nothing. ask: the last one asked for.
    """

    upload: str
    state: State
    attempts: int
    ask: str | None


class Asks:
    """The runs asked for. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, schema: str) -> list[Due]:
        """Uploads with work left that no ask of late covers, in the order they were received."""
        query = (
            select(uploads.c.upload, uploads.c.state, asks.c.attempts, asks.c.ask)
            .join(
                asks,
                and_(asks.c.schema == uploads.c.schema, asks.c.upload == uploads.c.upload),
                isouter=True,
            )
            .where(
                uploads.c.schema == schema,
                or_(
                    uploads.c.state.in_(("received", "confirmed")),
                    # A void or a re-mapping that a crash kept the ledger from following.
                    uploads.c.decision != uploads.c.followed,
                ),
                asks.c.given_up.is_(None),
                or_(asks.c.not_before.is_(None), asks.c.not_before <= datetime.now(UTC)),
            )
            .order_by(uploads.c.received_at, uploads.c.upload)
        )
        with self._engine.begin() as transaction:
            return [
                Due(row.upload, row.state, row.attempts or 0, row.ask)
                for row in transaction.execute(query)
            ]

    def asked(self, schema: str, attempts: Mapping[str, int], ask: str) -> None:
        """Note that the run `ask` is asked for uploads, given with what came to nothing so far."""
        rows = [
            {
                "schema": schema,
                "upload": upload,
                "attempts": count,
                "ask": ask,
                "not_before": datetime.now(UTC) + PATIENCE,
            }
            for upload, count in attempts.items()
        ]
        with self._engine.begin() as transaction:
            transaction.execute(
                delete(asks).where(asks.c.schema == schema, asks.c.upload.in_(attempts))
            )
            transaction.execute(insert(asks), rows)

    def hold_off(self, schema: str, uploads: Iterable[str], length: timedelta) -> None:
        """Ask for no run of uploads that long, and forget the runs that came to nothing so far."""
        with self._engine.begin() as transaction:
            for upload in uploads:
                begin_anew(transaction, (schema, upload), length)

    def given_up(self, schema: str, upload: str) -> str | None:
        """Why no more runs are asked for an upload; None where they are."""
        query = select(asks.c.given_up).where(asks.c.schema == schema, asks.c.upload == upload)
        with self._engine.begin() as transaction:
            return transaction.scalar(query)


def begin_anew(
    transaction: Connection, upload: tuple[str, str], hold: timedelta | None = None
) -> None:
    """Forget what was asked for an upload, given as (schema, key); `hold` off asking that long."""
    schema, key = upload
    transaction.execute(delete(asks).where(asks.c.schema == schema, asks.c.upload == key))
    if hold is not None:
        transaction.execute(
            insert(asks).values(
                schema=schema, upload=key, attempts=0, not_before=datetime.now(UTC) + hold
            )
        )


def give_up(transaction: Connection, upload: tuple[str, str], why: str | None) -> None:
    """Note why no more runs are asked for an upload, given as (schema, key); None: they are."""
    schema, key = upload
    transaction.execute(
        update(asks).where(asks.c.schema == schema, asks.c.upload == key).values(given_up=why)
    )
