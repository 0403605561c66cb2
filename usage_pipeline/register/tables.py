"""The register's tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; SQLite would drop the offset and hand back a naive time."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

uploads = Table(
    "uploads",
    metadata,
    Column("schema", String, primary_key=True),
    Column("upload", String, primary_key=True),
    Column("identity", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file_name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("schema_version", String),
    Column("lines", BigInteger),
    Column("valid", BigInteger),
    Column("invalid", BigInteger),
    Column("ingested", BigInteger),
    Column("duplicates", BigInteger),
    Column("superseded", BigInteger),
    Column("place", Integer),
    # The line of history that says what the ledger is to hold of the upload, and the last such
    # line that it is known to have followed. Where they differ, something is left to do.
    Column("decision", Integer),
    Column("followed", Integer),
    # {field: header} where a person said it, and the upload whose bad lines the file corrects.
    Column("chosen", JSON(none_as_null=True)),
    Column("fix_of", String),
    UniqueConstraint("schema", "identity"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("schema", String, primary_key=True),
    Column("upload", String, primary_key=True),
    Column("schema_version", String, primary_key=True),
    Column("passed", Boolean, nullable=False),
    Column("lines", BigInteger),
    Column("valid", BigInteger),
    Column("invalid", BigInteger),
    Column("error_count", BigInteger, nullable=False),
    Column("warning_count", BigInteger, nullable=False),
    Column("duplicates", BigInteger),
    Column("mapping", JSON, nullable=False),
    Column("codes", JSON, nullable=False),
    Column("checked_at", Instant, nullable=False),
)

#: Append-only: who did what to which upload, when and why. Its id names a decision elsewhere.
history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("schema", String, nullable=False),
    Column("upload", String, nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("by", String, nullable=False),
    Column("note", Text),
    Column("schema_version", String),
    Column("details", JSON),
    sqlite_autoincrement=True,
)

#: Mappings that a person wants used for every later file with the same header row.
remembered_mappings = Table(
    "remembered_mappings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("schema", String, nullable=False),
    Column("header", JSON, nullable=False),
    Column("chosen", JSON, nullable=False),
    Column("upload", String, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Instant, nullable=False),
    # Who took it back, and when; then it is used no more.
    Column("forgotten_by", String),
    Column("forgotten_at", Instant),
    sqlite_autoincrement=True,
)

#: Files that came through the drop folder, and whether ops have been told what became of them.
drops = Table(
    "drops",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("schema", String, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("upload", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("dropped_at", Instant, nullable=False),
    # What the file looked like, as long as it may still lie in the folder.
    Column("look", String),
    # The line of history that is news, and whether it has been told.
    Column("news", Integer, nullable=False),
    Column("told", Boolean, nullable=False),
    Index("drops_told", "schema", "told"),
    Index("drops_name", "schema", "file_name"),
    Index("drops_upload", "schema", "upload"),
    sqlite_autoincrement=True,
)

#: Runs asked for uploads that are not done: how many came to nothing, the last one asked for,
#: when to ask again, and why no more.
asks = Table(
    "asks",
    metadata,
    Column("schema", String, primary_key=True),
    Column("upload", String, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("ask", String),
    Column("not_before", Instant, nullable=False),
    Column("given_up", Text),
)

#: What the values of a metric answer; another definition in the YAML makes all of them stale.
metric_definitions = Table(
    "metric_definitions",
    metadata,
    Column("schema", String, primary_key=True),
    Column("metric", String, primary_key=True),
    Column("definition", Text, nullable=False),
)

#: Windows whose metric value no longer follows from the ingestion table.
stale_windows = Table(
    "stale_windows",
    metadata,
    Column("schema", String, primary_key=True),
    Column("metric", String, primary_key=True),
    Column("window_start", Instant, primary_key=True),
)
