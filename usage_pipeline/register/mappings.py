"""Mappings that persons set: for one upload, and remembered for later files with its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from usage_pipeline.register.asks import IN_HAND, begin_anew
from usage_pipeline.register.lines import change, find_upload, record, require
from usage_pipeline.register.records import Upload
from usage_pipeline.register.states import STEPS
from usage_pipeline.register.tables import remembered_mappings as remembered


class UnknownMapping(LookupError):
    """No remembered mapping has that number."""


@dataclass(frozen=True, slots=True)
class RememberedMapping:
    """{field: header} for files with this header row; who said it, of which upload, and when.

    header: the labels as written, in their order.
    """

    id: int
    schema: str
    header: list[str]
    chosen: dict[str, str]
    upload: str
    by: str
    at: datetime


_COLUMNS = [remembered.c[column.name] for column in fields(RememberedMapping)]


class Mappings:
    """The mappings of a register. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def choose(
        self,
        upload: Upload,
        chosen: Mapping[str, str],
        by: str,
        note: str | None,
        *,
        remember_for: Sequence[str] | None = None,
    ) -> Upload:
        """Note how a person maps an upload; it is to be checked anew by that.

        Args:
            chosen: {field: header}, all that persons said of it; empty: the schema alone decides.
            remember_for: the header row for whose files it is to be remembered.

        Raises:
            WrongState: nothing of the upload can be mapped now.
        """
        with self._engine.begin() as transaction:
            before = find_upload(transaction, upload.upload, upload.schema)
            require(before, "map")
            details: dict[str, Any] = {"mapping": dict(chosen)}
            if remember_for is not None:
                details["remembered"] = _remember(transaction, before, chosen, by, remember_for)
            # Whoever says it has it checked; nobody else takes it up meanwhile.
            begin_anew(transaction, (before.schema, before.upload), IN_HAND)
            state = "ingested" if before.state == "ingested" else STEPS["map"][1]
            change(transaction, before, state=state, chosen=dict(chosen))
            record(transaction, before, "map", by, note, details=details)
            return find_upload(transaction, upload.upload, upload.schema)

    def take_over(
        self, upload: Upload, chosen: Mapping[str, str], fix_of: str | None, by: str, note: str
    ) -> Upload:
        """Note what was known of an upload before its first check: from an earlier file.

        Args:
            chosen: the mapping remembered for its header row, or that of the upload it corrects.
            by: who had set that mapping.
        """
        with self._engine.begin() as transaction:
            before = find_upload(transaction, upload.upload, upload.schema)
            # What a person says of this very upload stays, also where it was said just now.
            maps = before.chosen is None and before.place is None and bool(chosen)
            change(
                transaction,
                before,
                chosen=dict(chosen) if maps else before.chosen,
                fix_of=fix_of,
            )
            details: dict[str, Any] = {"mapping": dict(chosen)} if maps else {}
            if fix_of is not None:
                details["fix_of"] = fix_of
            record(transaction, before, "map" if maps else "fix", by, note, details=details)
            return find_upload(transaction, upload.upload, upload.schema)

    def remembered(self, schema: str | None = None) -> list[RememberedMapping]:
        """The mappings in use for later files, in the order in which they were set."""
        query = select(*_COLUMNS).where(remembered.c.forgotten_at.is_(None))
        if schema is not None:
            query = query.where(remembered.c.schema == schema)
        with self._engine.begin() as transaction:
            rows = transaction.execute(query.order_by(remembered.c.id))
            return [RememberedMapping(**row._mapping) for row in rows]

    def forget(self, number: int, by: str) -> RememberedMapping:
        """Use a remembered mapping no more; uploads that were mapped by it stay as they are.

        Raises:
            UnknownMapping: none of that number is remembered.
        """
        with self._engine.begin() as transaction:
            row = transaction.execute(
                select(*_COLUMNS).where(
                    remembered.c.id == number, remembered.c.forgotten_at.is_(None)
                )
            ).first()
            if row is None:
                raise UnknownMapping(
                    f"No mapping {number} is remembered. `usage-pipeline mappings` lists them."
                )
            _forget(transaction, [number], by)
            return RememberedMapping(**row._mapping)


def _remember(
    transaction: Connection,
    upload: Upload,
    chosen: Mapping[str, str],
    by: str,
    header: Sequence[str],
) -> int:
    """One header row has one mapping: an earlier one is forgotten."""
    rows = transaction.execute(
        select(remembered.c.id, remembered.c.header).where(
            remembered.c.schema == upload.schema, remembered.c.forgotten_at.is_(None)
        )
    )
    _forget(transaction, [row.id for row in rows if row.header == list(header)], by)
    result = transaction.execute(
        insert(remembered).values(
            schema=upload.schema,
            header=list(header),
            chosen=dict(chosen),
            upload=upload.upload,
            by=by,
            at=datetime.now(UTC),
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _forget(transaction: Connection, numbers: Sequence[int], by: str) -> None:
    transaction.execute(
        update(remembered)
        .where(remembered.c.id.in_(numbers))
        .values(forgotten_by=by, forgotten_at=datetime.now(UTC))
    )
