"""Decisions about rows: what the ledger has not followed yet, and what became of it.

The register says what is to be, the warehouse what is. A decision is written here first and its
number goes into the warehouse's commit, so that after a crash each can tell how far the other is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from usage_pipeline.register.asks import give_up
from usage_pipeline.register.lines import (
    PIPELINE,
    UPLOAD_COLUMNS,
    change,
    find_upload,
    record,
)
from usage_pipeline.register.records import Entry, Upload, Verdict
from usage_pipeline.register.stale import mark_stale
from usage_pipeline.register.tables import history, uploads, verdicts

_ENTRY_COLUMNS = [history.c[column.name].label(f"entry_{column.name}") for column in fields(Entry)]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided last about an upload's rows.

    active: whether they are to be in, as mapped by `schema_version`.
    """

    id: int
    upload: Upload
    active: bool
    schema_version: str


class Known(NamedTuple):
    """What the register knows of where an upload stands in the ledger."""

    upload: str
    followed: int | None
    schema_version: str | None
    place: int | None
    ingested: int | None
    duplicates: int | None
    superseded: int | None


_KNOWN_COLUMNS = [uploads.c[name] for name in Known._fields]


class Decisions:
    """The decisions of a register. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, schema: str, keys: Collection[str] = ()) -> list[Decision]:
        """Decisions that the ledger is not known to have followed, in the order of receipt.

        Args:
            keys: uploads whose last decision is wanted although the ledger follows it.
        """
        wanted = or_(_is_pending(), uploads.c.upload.in_(keys))
        return self._select(schema, uploads.c.decision, wanted)

    def in_force(self, schema: str) -> list[Decision]:
        """The decision on each upload that the ledger is known to have followed last."""
        return self._select(schema, uploads.c.followed, uploads.c.followed.is_not(None))

    def known(self, schema: str) -> list[Known]:
        """Where each upload is known to stand in the ledger, in the order of receipt."""
        query = (
            select(*_KNOWN_COLUMNS)
            .where(uploads.c.schema == schema)
            .order_by(uploads.c.received_at, uploads.c.upload)
        )
        with self._engine.begin() as transaction:
            return [Known._make(row) for row in transaction.execute(query)]

    def _select(
        self, schema: str, which: ColumnElement[int], wanted: ColumnElement[bool]
    ) -> list[Decision]:
        query = (
            select(*UPLOAD_COLUMNS, *_ENTRY_COLUMNS)
            .join(history, history.c.id == which)
            .where(uploads.c.schema == schema, wanted)
            .order_by(uploads.c.received_at, uploads.c.upload)
        )
        with self._engine.begin() as transaction:
            return [_decision(row) for row in transaction.execute(query)]

    def committing(
        self,
        upload: str,
        schema: str,
        decision: int,
        place: int,
        windows: Mapping[str, Collection[datetime]],
    ) -> bool:
        """The ledger is about to commit a decision at a place; windows become stale by it.

        False where something else was decided meanwhile: then nothing is to be committed. From
        here on no check can take the upload back: what has a place may count by now.
        """
        with self._engine.begin() as transaction:
            before = find_upload(transaction, upload, schema)
            if before.decision != decision:
                return False
            mark_stale(transaction, schema, windows)
            change(transaction, before, place=place)
            return True

    def followed(
        self,
        upload: str,
        schema: str,
        decision: int,
        place: int,
        schema_version: str,
        *,
        active: bool,
        counts: Mapping[str, int],
        conflicts: int | None = None,
    ) -> Upload:
        """Follow the warehouse: so the upload stands in the ledger. Saying it twice is fine."""
        with self._engine.begin() as transaction:
            before = find_upload(transaction, upload, schema)
            values: dict[str, Any] = {"place": place, "followed": decision, **counts}
            values |= _judged(transaction, before, schema_version)
            if before.decision in (decision, None):
                # Else more was decided since, and the state speaks of that.
                values["state"] = "ingested" if active else "voided"
                values["decision"] = decision
            change(transaction, before, **values)
            known = {} if conflicts is None else {"conflicts": conflicts}
            anew = before.followed == decision and before.schema_version != schema_version
            if before.followed != decision or anew:
                give_up(transaction, (schema, upload), None)
                record(
                    transaction,
                    before,
                    "rebuild" if anew else "ingest" if active else "remove",
                    PIPELINE,
                    schema_version=schema_version,
                    details={"place": place, **counts, **known},
                )
            return find_upload(transaction, upload, schema)

    def conflict(self, decision: Decision, why: str, verdict: Verdict | None) -> Upload:
        """The ledger refuses a decision: other rows that count say otherwise, and stay.

        An upload that was to go in for the first time becomes `failed`; one that was to come back
        stays `voided`; one that was to be replaced goes on counting as it was.

        Args:
            verdict: on the upload under the decision's schema version, with the conflicts.
        """
        with self._engine.begin() as transaction:
            before = find_upload(transaction, decision.upload.upload, decision.upload.schema)
            if before.decision != decision.id:
                return before
            state = {"confirmed": "voided" if before.followed else "failed"}.get(before.state)
            change(
                transaction,
                before,
                state=state or before.state,
                decision=before.followed,
                place=before.place if before.followed else None,
            )
            if verdict is not None:
                transaction.execute(
                    update(verdicts)
                    .where(
                        verdicts.c.schema == before.schema,
                        verdicts.c.upload == before.upload,
                        verdicts.c.schema_version == decision.schema_version,
                    )
                    .values(
                        passed=verdict.passed, error_count=verdict.error_count, codes=verdict.codes
                    )
                )
            record(transaction, before, "conflict", PIPELINE, why, decision.schema_version)
            return find_upload(transaction, before.upload, before.schema)


def _is_pending() -> ColumnElement[bool]:
    return and_(
        uploads.c.decision.is_not(None),
        or_(uploads.c.followed.is_(None), uploads.c.followed != uploads.c.decision),
    )


def is_newer(transaction: Connection, upload: Upload, verdict: Verdict) -> bool:
    """Whether a verdict is for another schema version than the one that is to count."""
    wanted = transaction.scalar(
        select(history.c.schema_version).where(history.c.id == upload.decision)
    )
    return bool(verdict.schema_version != wanted)


def _judged(transaction: Connection, upload: Upload, schema_version: str) -> dict[str, Any]:
    """The columns of an upload that come with the schema version in force."""
    found = transaction.execute(
        select(verdicts.c.lines, verdicts.c.valid, verdicts.c.invalid).where(
            verdicts.c.schema == upload.schema,
            verdicts.c.upload == upload.upload,
            verdicts.c.schema_version == schema_version,
        )
    ).first()
    judged = {} if found is None else dict(found._mapping)
    return {"schema_version": schema_version, **judged}


def _decision(row: Any) -> Decision:
    values = row._mapping
    upload = Upload(**{column.name: values[column.name] for column in fields(Upload)})
    return Decision(
        values["entry_id"],
        upload,
        values["entry_action"] != "void",
        values["entry_schema_version"] or upload.schema_version or "",
    )
