"""One step of an upload's life, inside a transaction: its new state, and its line of history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from usage_pipeline.register.drops import mark_news
from usage_pipeline.register.records import Upload
from usage_pipeline.register.states import DECISIONS, STEPS, Action, next_step
from usage_pipeline.register.tables import history, uploads

#: Who did what no person did.
PIPELINE = "pipeline"

UPLOAD_COLUMNS = [uploads.c[column.name] for column in fields(Upload)]


class UnknownUpload(LookupError):
    """No upload has that key."""


class WrongState(RuntimeError):
    """The step does not follow from the upload's state; the message says what does."""


def as_upload(row: Row[Any]) -> Upload:
    """The upload that a row of `UPLOAD_COLUMNS` is."""
    return Upload(*row)


def find_upload(transaction: Connection, upload: str, schema: str | None) -> Upload:
    """The upload with that key; see `Register.find`."""
    query = select(*UPLOAD_COLUMNS).where(uploads.c.upload == upload)
    if schema is not None:
        query = query.where(uploads.c.schema == schema)
    rows = transaction.execute(query).all()
    if not rows:
        raise UnknownUpload(f"There is no upload '{upload}'. `usage-pipeline uploads` lists them.")
    if len(rows) > 1:
        names = ", ".join(sorted(row.schema for row in rows))
        raise UnknownUpload(f"'{upload}' was uploaded to several schemas; add --schema: {names}.")
    return as_upload(rows[0])


def change(transaction: Connection, upload: Upload, **values: Any) -> None:
    """Set columns of an upload."""
    transaction.execute(
        update(uploads)
        .where(uploads.c.schema == upload.schema, uploads.c.upload == upload.upload)
        .values(**values)
    )


def record(
    transaction: Connection,
    upload: Upload,
    action: str,
    by: str,
    note: str | None = None,
    schema_version: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Add a line to an upload's history; returns its number, which names a decision elsewhere."""
    result = transaction.execute(
        insert(history).values(
            at=datetime.now(UTC),
            schema=upload.schema,
            upload=upload.upload,
            action=action,
            by=by,
            note=note,
            schema_version=schema_version,
            details=dict(details) if details else None,
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    entry = int(key[0])
    mark_news(transaction, (upload.schema, upload.upload), entry)
    return entry


def take_step(
    transaction: Connection,
    upload: Upload,
    action: Action,
    by: str,
    note: str | None,
    schema_version: str | None,
) -> None:
    """Set the state that a step ends in; a decision about rows is what the ledger is to follow."""
    entry = record(transaction, upload, action, by, note, schema_version)
    # A newer reading of rows that count: they go on counting until the new ones are in.
    replaces = action == "confirm" and upload.state == "ingested"
    state = upload.state if replaces else STEPS[action][1]
    decision = entry if action in DECISIONS else upload.decision
    change(transaction, upload, state=state, decision=decision)


def require(upload: Upload, action: Action) -> None:
    """Raises WrongState, with what to do instead, where a step does not follow."""
    if upload.state not in STEPS[action][0]:
        why = next_step(upload.state, upload.schema, upload.upload)
        raise WrongState(f"Cannot {action} {upload.upload}: it is {upload.state} ({why}).")
