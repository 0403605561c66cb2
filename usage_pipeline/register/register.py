"""Every change of an upload's state, each with its line of history in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, update

from usage_pipeline.register.asks import IN_HAND, PATIENCE, Asks, begin_anew, give_up
from usage_pipeline.register.database import connect
from usage_pipeline.register.drops import Drops, mark_news, record_drop
from usage_pipeline.register.records import Entry, Receipt, ReceiptOutcome, Upload, Verdict
from usage_pipeline.register.states import STEPS, Action, State, next_step
from usage_pipeline.register.tables import (
    history,
    metric_definitions,
    stale_windows,
    uploads,
    verdicts,
)

#: Who did what no person did.
PIPELINE = "pipeline"

_UPLOAD_COLUMNS = [uploads.c[column.name] for column in fields(Upload)]
_VERDICT_COLUMNS = [verdicts.c[column.name] for column in fields(Verdict)]
_ENTRY_COLUMNS = [history.c[column.name] for column in fields(Entry)]


class UnknownUpload(LookupError):
    """No upload has that key."""


class WrongState(RuntimeError):
    """The step does not follow from the upload's state; the message says what does."""


class Register:
    """The register at one database URL. Every method is one transaction."""

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self.drops = Drops(self._engine)
        self.asks = Asks(self._engine)

    def receive(
        self,
        upload: Upload,
        identity: str,
        by: str,
        *,
        schema_version: str | None = None,
        look: str | None = None,
    ) -> Receipt:
        """Record that a file came; its identity decides what that means (see `Receipt`).

        Args:
            schema_version: today's; an upload that passed under another one is checked afresh.
            look: what the file looks like in the drop folder, where it came from there. A file
                that came in another way is in the hands of whoever brought it.
        """
        hold = IN_HAND if look is None else None
        with self._engine.begin() as transaction:
            known = transaction.execute(
                select(*_UPLOAD_COLUMNS).where(
                    uploads.c.schema == upload.schema, uploads.c.identity == identity
                )
            ).first()
            before = None if known is None else _upload(known)
            outcome = _outcome(before, schema_version)
            if before is None:
                transaction.execute(insert(uploads).values(**asdict(upload), identity=identity))
            elif outcome == "again":
                _change(transaction, before, state="received", received_at=upload.received_at)
            found = _find(transaction, before.upload if before else upload.upload, upload.schema)
            key = found.schema, found.upload
            if found.state in ("received", "confirmed"):
                begin_anew(transaction, key, hold)
            action: Action = "receive" if outcome in ("new", "again") else "repeat"
            entry = _record(transaction, found, action, by, details=_file(upload))
            if look is not None:
                at = upload.received_at
                record_drop(transaction, key, upload.file_name, outcome, at, look, entry)
            return Receipt(found, outcome)

    def judge(self, upload: Upload, verdict: Verdict, confirmed_by: str | None = None) -> Upload:
        """Store a verdict; the upload becomes `passed` or `failed` unless more was decided.

        Args:
            confirmed_by: whose standing confirmation an upload has that passes. It is part of the
                same transaction, so that no crash leaves it waiting for a person.
        """
        now = datetime.now(UTC)
        action: Action = "pass" if verdict.passed else "fail"
        key = {
            "schema": upload.schema,
            "upload": upload.upload,
            "schema_version": verdict.schema_version,
        }
        with self._engine.begin() as transaction:
            transaction.execute(delete(verdicts).where(*_equal(verdicts.c, key)))
            stored = asdict(verdict) | key | {"checked_at": now}
            transaction.execute(insert(verdicts).values(**stored))
            before = _find(transaction, upload.upload, upload.schema)
            give_up(transaction, (upload.schema, upload.upload), None)
            undecided = before.state in STEPS[action][0] or (
                # A confirmation is for one schema version; nothing of it counts yet.
                before.state == "confirmed" and before.schema_version != verdict.schema_version
            )
            if undecided:
                _change(
                    transaction,
                    before,
                    state=STEPS[action][1],
                    schema_version=verdict.schema_version,
                    lines=verdict.lines,
                    valid=verdict.valid,
                    invalid=verdict.invalid,
                )
            _record(
                transaction,
                before,
                action if undecided else "recheck",
                PIPELINE,
                schema_version=verdict.schema_version,
                details={
                    "passed": verdict.passed,
                    "errors": verdict.error_count,
                    "warnings": verdict.warning_count,
                },
            )
            if undecided and verdict.passed and confirmed_by is not None:
                _change(transaction, before, state=STEPS["confirm"][1])
                version = verdict.schema_version
                _record(transaction, before, "confirm", confirmed_by, schema_version=version)
            return _find(transaction, upload.upload, upload.schema)

    def decide(
        self, upload: Upload, action: Action, by: str, note: str | None, schema_version: str | None
    ) -> tuple[Upload, int]:
        """Take one step of an upload's life; returns it as it is now, and the decision's id.

        Raises:
            WrongState: the step does not follow from the state it is in.
        """
        with self._engine.begin() as transaction:
            before = _find(transaction, upload.upload, upload.schema)
            require(before, action)
            _change(transaction, before, state=STEPS[action][1])
            if action == "confirm":
                begin_anew(transaction, (upload.schema, upload.upload), PATIENCE)
            decision = _record(transaction, before, action, by, note, schema_version)
            return _find(transaction, upload.upload, upload.schema), decision

    def give_up(self, upload: str, schema: str, why: str) -> Upload:
        """No more runs are asked for an upload: an unchecked one becomes `failed`.

        A confirmed one stays what it is: its rows may be in, and only the warehouse knows.
        """
        with self._engine.begin() as transaction:
            before = _find(transaction, upload, schema)
            give_up(transaction, (schema, upload), why)
            if before.state in STEPS["give_up"][0]:
                _change(transaction, before, state=STEPS["give_up"][1])
            _record(transaction, before, "give_up", PIPELINE, why)
            return _find(transaction, upload, schema)

    def ingested(self, upload: Upload, place: int, counts: Mapping[str, int]) -> Upload:
        """Follow the warehouse: the upload's rows are in, at `place`. Saying it twice is fine."""
        with self._engine.begin() as transaction:
            before = _find(transaction, upload.upload, upload.schema)
            _change(transaction, before, state="ingested", place=place, **counts)
            give_up(transaction, (upload.schema, upload.upload), None)
            if before.state != "ingested":
                _record(
                    transaction,
                    before,
                    "ingest",
                    PIPELINE,
                    schema_version=before.schema_version,
                    details={"place": place, **counts},
                )
            return _find(transaction, upload.upload, upload.schema)

    def find_identity(self, schema: str, identity: str) -> Upload | None:
        """The upload that has these bytes already."""
        query = select(*_UPLOAD_COLUMNS).where(
            uploads.c.schema == schema, uploads.c.identity == identity
        )
        with self._engine.begin() as transaction:
            row = transaction.execute(query).first()
        return None if row is None else _upload(row)

    def find(self, upload: str, schema: str | None = None) -> Upload:
        """The upload with that key.

        Raises:
            UnknownUpload: there is none, or two schemas have one and none was named.
        """
        with self._engine.begin() as transaction:
            return _find(transaction, upload, schema)

    def uploads(
        self,
        schema: str | None = None,
        states: Collection[State] | None = None,
        keys: Collection[str] | None = None,
    ) -> list[Upload]:
        """Uploads in the order in which they were first received."""
        query = select(*_UPLOAD_COLUMNS).order_by(uploads.c.received_at, uploads.c.upload)
        if schema is not None:
            query = query.where(uploads.c.schema == schema)
        if states is not None:
            query = query.where(uploads.c.state.in_(states))
        with self._engine.begin() as transaction:
            found = [_upload(row) for row in transaction.execute(query)]
        return found if keys is None else [upload for upload in found if upload.upload in keys]

    def verdict(self, upload: Upload, schema_version: str | None = None) -> Verdict | None:
        """What the checks said under `schema_version`, or under the version in force."""
        query = select(*_VERDICT_COLUMNS).where(
            verdicts.c.schema == upload.schema,
            verdicts.c.upload == upload.upload,
            verdicts.c.schema_version == (schema_version or upload.schema_version),
        )
        with self._engine.begin() as transaction:
            row = transaction.execute(query).first()
        return None if row is None else Verdict(**row._mapping)

    def history(self, upload: Upload) -> list[Entry]:
        """The life of an upload, oldest first."""
        query = (
            select(*_ENTRY_COLUMNS)
            .where(history.c.schema == upload.schema, history.c.upload == upload.upload)
            .order_by(history.c.id)
        )
        with self._engine.begin() as transaction:
            return [Entry(**row._mapping) for row in transaction.execute(query)]

    def confirmation(self, upload: Upload) -> Entry | None:
        """The last confirmation of an upload, whichever schema version it was for."""
        confirmed = [entry for entry in self.history(upload) if entry.action == "confirm"]
        return confirmed[-1] if confirmed else None

    def mark_stale(self, schema: str, windows: Mapping[str, Collection[datetime]]) -> None:
        """Note, before rows change, which windows of which metrics will need computing."""
        rows = [
            {"schema": schema, "metric": metric, "window_start": start}
            for metric, starts in windows.items()
            for start in starts
        ]
        with self._engine.begin() as transaction:
            known = {
                (row.metric, row.window_start)
                for row in transaction.execute(
                    select(stale_windows).where(stale_windows.c.schema == schema)
                )
            }
            new = [row for row in rows if (row["metric"], row["window_start"]) not in known]
            if new:
                transaction.execute(insert(stale_windows), new)

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

    def clear_stale(self, schema: str, metric: str, starts: Iterable[datetime] | None) -> None:
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

    def metric_definitions(self, schema: str) -> dict[str, str]:
        """What the metrics' values answer: {metric: definition}."""
        query = select(metric_definitions.c.metric, metric_definitions.c.definition).where(
            metric_definitions.c.schema == schema
        )
        with self._engine.begin() as transaction:
            return {row.metric: row.definition for row in transaction.execute(query)}

    def set_metric_definitions(self, schema: str, definitions: Mapping[str, str]) -> None:
        """Note what the metrics' values answer from now on."""
        with self._engine.begin() as transaction:
            transaction.execute(
                delete(metric_definitions).where(metric_definitions.c.schema == schema)
            )
            rows = [
                {"schema": schema, "metric": metric, "definition": definition}
                for metric, definition in definitions.items()
            ]
            if rows:
                transaction.execute(insert(metric_definitions), rows)


def _equal(columns: Any, values: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [columns[name] == value for name, value in values.items()]


def _chunks(items: Sequence[datetime], size: int) -> Iterable[Sequence[datetime]]:
    # SQLite takes a bounded number of values in one statement.
    return (items[start : start + size] for start in range(0, len(items), size))


def _upload(row: Row[Any]) -> Upload:
    return Upload(**row._mapping)


def _find(transaction: Connection, upload: str, schema: str | None) -> Upload:
    query = select(*_UPLOAD_COLUMNS).where(uploads.c.upload == upload)
    if schema is not None:
        query = query.where(uploads.c.schema == schema)
    rows = transaction.execute(query).all()
    if not rows:
        raise UnknownUpload(f"There is no upload '{upload}'. `usage-pipeline uploads` lists them.")
    if len(rows) > 1:
        names = ", ".join(sorted(row.schema for row in rows))
        raise UnknownUpload(f"'{upload}' was uploaded to several schemas; add --schema: {names}.")
    return _upload(rows[0])


def _change(transaction: Connection, upload: Upload, **values: Any) -> None:
    transaction.execute(
        update(uploads)
        .where(uploads.c.schema == upload.schema, uploads.c.upload == upload.upload)
        .values(**values)
    )


def _record(
    transaction: Connection,
    upload: Upload,
    action: str,
    by: str,
    note: str | None = None,
    schema_version: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
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


def _file(upload: Upload) -> dict[str, Any]:
    return {"file_name": upload.file_name, "size": upload.size}


def _outcome(before: Upload | None, schema_version: str | None) -> ReceiptOutcome:
    if before is None:
        return "new"
    outdated = schema_version is not None and before.schema_version != schema_version
    if before.state in STEPS["receive"][0] or (before.state == "passed" and outdated):
        return "again"
    return "answered" if before.state == "refused" else "repeat"


def require(upload: Upload, action: Action) -> None:
    """Raises WrongState, with what to do instead, where a step does not follow."""
    if upload.state not in STEPS[action][0]:
        why = next_step(upload.state, upload.schema, upload.upload)
        raise WrongState(f"Cannot {action} {upload.upload}: it is {upload.state} ({why}).")
