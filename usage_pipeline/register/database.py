"""The register's database: SQLite by default, any that SQLAlchemy speaks by URL."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.pool import QueuePool

from usage_pipeline.register.tables import metadata

BUSY_SECONDS = 60

#: A process may end without freeing them: closed, a register's log is folded into its one file.
_opened: WeakSet[Engine] = WeakSet()


@atexit.register
def _close() -> None:
    for engine in list(_opened):
        engine.dispose()


def connect(url: str) -> Engine:
    """An engine on `url` whose tables exist; several processes may come at once."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        engine = create_engine(url)
    else:
        if address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        # A connection that stays open: SQLite syncs once more whenever the last one closes.
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=1,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        _make_durable(engine)
        _opened.add(engine)
    with engine.begin() as transaction:
        metadata.create_all(transaction)
        _upgrade(transaction)
    return engine


def _upgrade(transaction: Connection) -> None:
    """Bring a register of an earlier release up to what this one reads."""
    there = {column["name"] for column in inspect(transaction).get_columns("uploads")}
    for column, kind in (("chosen", "JSON"), ("fix_of", "VARCHAR")):
        if column not in there:
            transaction.execute(text(f"ALTER TABLE uploads ADD COLUMN {column} {kind}"))
    if "decision" not in there:
        _add_decisions(transaction)


def _add_decisions(transaction: Connection) -> None:
    """The first release did not store what the ledger is to follow; its history has it."""
    for column in ("decision", "followed"):
        transaction.execute(text(f"ALTER TABLE uploads ADD COLUMN {column} INTEGER"))
    last = """(SELECT max(id) FROM history WHERE history.schema = uploads.schema
               AND history.upload = uploads.upload AND history.action = 'confirm')"""
    transaction.execute(
        text(f"UPDATE uploads SET decision = {last} WHERE state IN ('confirmed', 'ingested')")
    )
    transaction.execute(text("UPDATE uploads SET followed = decision WHERE state = 'ingested'"))


def _make_durable(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver would begin transactions late and weakly; SQLAlchemy's documented remedy.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Taking the write lock at once makes read-then-write one step among processes.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
