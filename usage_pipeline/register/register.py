"""Every change of an upload's state, each with its line of history in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select

from usage_pipeline.register.asks import IN_HAND, PATIENCE, Asks, begin_anew, give_up
from usage_pipeline.register.database import connect
from usage_pipeline.register.decisions import Decisions, is_newer
from usage_pipeline.register.drops import Drops, record_drop
from usage_pipeline.register.happenings import Happenings
from usage_pipeline.register.lines import (
    PIPELINE,
    UPLOAD_COLUMNS,
    as_upload,
    change,
    find_upload,
    record,
    require,
    take_step,
)
from usage_pipeline.register.mappings import Mappings
from usage_pipeline.register.records import Entry, Receipt, ReceiptOutcome, Upload, Verdict
from usage_pipeline.register.stale import StaleWindows
from usage_pipeline.register.states import DECISIONS, STEPS, Action, State
from usage_pipeline.register.tables import history, metric_definitions, uploads, verdicts

#: A database takes a bounded number of values in a statement; more keys are picked out here.
_KEYS = 500

_VERDICT_COLUMNS = [verdicts.c[column.name] for column in fields(Verdict)]
_ENTRY_COLUMNS = [history.c[column.name] for column in fields(Entry)]


class Register:
    """The register at one database URL. Every method is one transaction."""

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self.drops = Drops(self._engine)
        self.asks = Asks(self._engine)
        self.decisions = Decisions(self._engine)
        self.mappings = Mappings(self._engine)
        self.windows = StaleWindows(self._engine)
        self.happenings = Happenings(self._engine)

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
                select(*UPLOAD_COLUMNS).where(
                    uploads.c.schema == upload.schema, uploads.c.identity == identity
                )
            ).first()
            before = None if known is None else as_upload(known)
            outcome = _outcome(before, schema_version)
            if before is None:
                transaction.execute(insert(uploads).values(**asdict(upload), identity=identity))
            elif outcome == "again":
                change(transaction, before, state="received", received_at=upload.received_at)
            found = find_upload(
                transaction, before.upload if before else upload.upload, upload.schema
            )
            key = found.schema, found.upload
            if found.state in ("received", "confirmed"):
                begin_anew(transaction, key, hold)
            action: Action = "receive" if outcome in ("new", "again") else "repeat"
            entry = record(transaction, found, action, by, details=_file(upload))
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
            before = find_upload(transaction, upload.upload, upload.schema)
            give_up(transaction, (upload.schema, upload.upload), None)
            undecided = before.state in STEPS[action][0] or (
                # A confirmation is for one schema version. What has a place may count by now.
                before.state == "confirmed"
                and before.place is None
                and before.schema_version != verdict.schema_version
            )
            if undecided:
                change(
                    transaction,
                    before,
                    state=STEPS[action][1],
                    decision=before.followed,
                    schema_version=verdict.schema_version,
                    lines=verdict.lines,
                    valid=verdict.valid,
                    invalid=verdict.invalid,
                )
            record(
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
            replaces = before.state == "ingested" and is_newer(transaction, before, verdict)
            if confirmed_by is not None and verdict.passed and (undecided or replaces):
                confirmed = find_upload(transaction, upload.upload, upload.schema)
                take_step(
                    transaction, confirmed, "confirm", confirmed_by, None, verdict.schema_version
                )
            return find_upload(transaction, upload.upload, upload.schema)

    def decide(
        self, upload: Upload, action: Action, by: str, note: str | None, schema_version: str | None
    ) -> Upload:
        """Take one step of an upload's life; returns it as it is now.

        Raises:
            WrongState: the step does not follow from the state it is in.
        """
        [decided] = self.decide_all([(upload, schema_version)], action, by, note)
        return decided

    def decide_all(
        self,
        chosen: Sequence[tuple[Upload, str | None]],
        action: Action,
        by: str,
        note: str | None,
    ) -> list[Upload]:
        """Take the same step for several uploads, each given with the schema version it is for.

        Raises:
            WrongState: it does not follow for one of them; it is taken for none.
        """
        with self._engine.begin() as transaction:
            for upload, schema_version in chosen:
                before = find_upload(transaction, upload.upload, upload.schema)
                require(before, action)
                take_step(transaction, before, action, by, note, schema_version)
                if action in DECISIONS:
                    begin_anew(transaction, (upload.schema, upload.upload), PATIENCE)
            return [find_upload(transaction, one.upload, one.schema) for one, _ in chosen]

    def give_up(self, upload: str, schema: str, why: str) -> Upload:
        """No more runs are asked for an upload: an unchecked one becomes `failed`.

        One whose rows may be in, or have to go out, stays what it is: only the warehouse knows.
        """
        with self._engine.begin() as transaction:
            before = find_upload(transaction, upload, schema)
            give_up(transaction, (schema, upload), why)
            if before.state in STEPS["give_up"][0]:
                change(transaction, before, state=STEPS["give_up"][1])
            record(transaction, before, "give_up", PIPELINE, why)
            return find_upload(transaction, upload, schema)

    def find_identity(self, schema: str, identity: str) -> Upload | None:
        """The upload that has these bytes already."""
        query = select(*UPLOAD_COLUMNS).where(
            uploads.c.schema == schema, uploads.c.identity == identity
        )
        with self._engine.begin() as transaction:
            row = transaction.execute(query).first()
        return None if row is None else as_upload(row)

    def find(self, upload: str, schema: str | None = None) -> Upload:
        """The upload with that key.

        Raises:
            UnknownUpload: there is none, or two schemas have one and none was named.
        """
        with self._engine.begin() as transaction:
            return find_upload(transaction, upload, schema)

    def uploads(
        self,
        schema: str | None = None,
        states: Collection[State] | None = None,
        keys: Collection[str] | None = None,
        most: int | None = None,
    ) -> list[Upload]:
        """Uploads in the order in which they were first received; of all, the first `most`."""
        query = select(*UPLOAD_COLUMNS).order_by(uploads.c.received_at, uploads.c.upload)
        if schema is not None:
            query = query.where(uploads.c.schema == schema)
        if states is not None:
            query = query.where(uploads.c.state.in_(states))
        if keys is None:
            query = query.limit(most)
        elif len(keys) <= _KEYS:
            query = query.where(uploads.c.upload.in_(keys))
        with self._engine.begin() as transaction:
            found = [as_upload(row) for row in transaction.execute(query)]
        if keys is not None:
            found = [upload for upload in found if upload.upload in keys]
        return found[:most]

    def has_size(self, schema: str, size: int) -> bool:
        """Whether any upload has so many bytes."""
        query = select(uploads.c.upload).where(uploads.c.schema == schema, uploads.c.size == size)
        with self._engine.begin() as transaction:
            return transaction.execute(query.limit(1)).first() is not None

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

    def last_verdict(self, upload: Upload) -> Verdict | None:
        """What the last check said, also where a newer schema version than that in force did it."""
        query = (
            select(*_VERDICT_COLUMNS)
            .where(verdicts.c.schema == upload.schema, verdicts.c.upload == upload.upload)
            .order_by(verdicts.c.checked_at.desc())
            .limit(1)
        )
        with self._engine.begin() as transaction:
            row = transaction.execute(query).first()
        return None if row is None else Verdict(**row._mapping)

    def reading_waits(self, upload: Upload) -> bool:
        """Whether rows are in, and a newer reading of them has passed and waits for a person.

        Where no person is asked it is decided on at once, and so never waits.
        """
        if upload.state != "ingested" or upload.decision != upload.followed:
            return False
        last = self.last_verdict(upload)
        return last is not None and last.passed and last.schema_version != upload.schema_version

    def history(self, upload: Upload) -> list[Entry]:
        """The life of an upload, oldest first."""
        query = (
            select(*_ENTRY_COLUMNS)
            .where(history.c.schema == upload.schema, history.c.upload == upload.upload)
            .order_by(history.c.id)
        )
        with self._engine.begin() as transaction:
            return [Entry(**row._mapping) for row in transaction.execute(query)]

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


def _file(upload: Upload) -> dict[str, Any]:
    return {"file_name": upload.file_name, "size": upload.size}


def _outcome(before: Upload | None, schema_version: str | None) -> ReceiptOutcome:
    if before is None:
        return "new"
    outdated = schema_version is not None and before.schema_version != schema_version
    if before.state in STEPS["receive"][0] or (before.state == "passed" and outdated):
        return "again"
    return "answered" if before.state in ("refused", "voided") else "repeat"
