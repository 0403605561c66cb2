"""Dagster's own records in SQLite, on connections that stay open.

Dagster opens its database files anew for each event, two or three times, and closes them again:
SQLite then syncs, and takes its log away, each time. For a crowd of small files that is most of the
work. What is written and where is as Dagster has it, and an event is durable before the next one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

#: What Dagster tells of together, such as that a run intends to make each of 200 partitions, is
#: stored together, at most so many events at a time.
EVENTS_AT_ONCE = 1000


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's event log; the index, and the log of the run that was used last, stay open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._connections: ExitStack | None = None
        self._begun: dict[str, Connection] = {}
        super().__init__(base_dir, inst_data)
        # Dagster's lock, one thread at a time, but for several transactions of an event.
        self._db_lock: Any = RLock()

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event: a transaction in each file that it goes to."""
        with self._together():
            super().store_event(event)
        self._show([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store several events, all or none in each file that they go to."""
        with self._together():
            super().store_event_batch(events)
        self._show(events)

    def _show(self, events: Sequence[EventLogEntry]) -> None:
        """Touch the files of runs: the page of a run is told of events by watching its file, and
        what is written lies in the log beside it until that is full or closed.
        """
        for run_id in {event.run_id for event in events if event.run_id}:
            with suppress(FileNotFoundError):
                os.utime(self.path_for_shard(run_id))

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Make one transaction in each file of all that the block does there.

        They are committed in the order in which they began, a run's own log before the index.
        """
        with self._db_lock:
            if self._connections is not None:
                yield
                return
            try:
                with ExitStack() as self._connections:
                    yield
                    for connection in self._begun.values():
                        connection.commit()
            finally:
                self._connections = None
                self._begun.clear()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if self._connections is None:
                with self._engine(shard).begin() as connection:
                    yield connection
                return
            if shard not in self._begun:
                connection = self._connections.enter_context(self._engine(shard).connect())
                # At once: where none has begun, Dagster makes transactions of its own.
                connection.begin()
                self._begun[shard] = connection
            yield self._begun[shard]

    def _engine(self, shard: str) -> Engine:
        if shard not in self._open:
            for other in {*self._open} - {INDEX_SHARD_NAME}:
                self._open.pop(other).dispose()
            self._open[shard] = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
        if shard not in self._initialized_dbs:
            self._initdb(self._open[shard])
            self._initialized_dbs.add(shard)
        return self._open[shard]

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; one that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        self._close()
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._db_lock:
            while self._open:
                self._open.popitem()[1].dispose()


class OpenStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite, with `OpenEventLog`; `dagster.yaml` names it.

    Has Dagster hand over events together in this process and its children, unless the environment
    says otherwise: there is no other place to ask for that.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENTS_AT_ONCE))
        # As Dagster reads the home that this is said to lie in.
        super().__init__(str(Path(base_dir).expanduser()), inst_data)
        directory = self._event_log_storage._base_dir
        self._event_log_storage: SqliteEventLogStorage = OpenEventLog(directory)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> OpenStorage:
        return cls.from_local(inst_data=inst_data, **config_value)
