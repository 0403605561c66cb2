"""Answers for whoever has to account for a number: which rows lost, and why an event counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from usage_pipeline.flow import Flow
from usage_pipeline.ledger import standing, standings
from usage_pipeline.ledger.explain import Occurrence, Outside, in_ledger, outside_ledger, typed_key
from usage_pipeline.ledger.preview import as_if_ingested
from usage_pipeline.ledger.rivals import Rival, losses_of
from usage_pipeline.register import Upload


@dataclass(frozen=True, slots=True)
class Reason:
    """An occurrence of an event, and in words why it counts or not.

    differing: {field: (value here, value of the row that counts)}.
    """

    occurrence: Occurrence
    upload: Upload
    why: str
    differing: dict[str, tuple[Any, Any]]


@contextmanager
def lost_rows(flow: Flow, upload: Upload) -> Iterator[Iterator[Rival]]:
    """The rows of an upload that do not count, by line, each with the row that counts instead.

    Of an upload that is not in: the rows that would lose if it went in now; none where its file
    could not be read as rows.
    """
    version = upload.schema_version
    frame = flow.archive.mapped(upload.schema, upload.upload, version or "")
    with flow.warehouse.open() as connection:
        known = flow.can_read(connection)
        stands = standing(connection, flow.schema, upload.upload) if known else None
        if stands is not None and stands.active:
            yield losses_of(connection, flow.schema, stands.place)
        elif version is None or not frame.exists():
            yield iter(())
        else:
            with as_if_ingested(connection, flow.schema, upload.upload, frame) as place:
                yield losses_of(connection, flow.schema, place)


def explain(flow: Flow, words: Sequence[str]) -> list[Reason]:
    """Every row of an event, given by the values of its event key, with why it counts or not.

    Raises:
        WrongKey: the words are no event key of the schema.
    """
    uploads = {one.upload: one for one in flow.register.uploads(flow.schema.name)}
    with flow.warehouse.open() as connection:
        known = flow.can_read(connection)
        key = typed_key(flow.schema, words)
        found = list(in_ledger(connection, flow.schema, key)) if known else []
        stands = standings(connection, flow.schema) if known else []
        active = {one.upload for one in stands if one.active}
        outside = _outside(flow, uploads.values(), active)
        found += outside_ledger(connection, flow.schema, key, outside)
    winner = next((one for one in found if one.counts), None)
    return [_reason(flow, one, uploads[one.upload], winner, found) for one in found]


def _outside(flow: Flow, uploads: Iterable[Upload], active: set[str]) -> Iterator[Outside]:
    for upload in uploads:
        is_in = upload.upload in active
        if upload.schema_version is None or (is_in and not upload.invalid):
            continue
        frame = flow.archive.mapped(upload.schema, upload.upload, upload.schema_version)
        if frame.exists():
            yield Outside(upload.upload, frame, all_rows=not is_in)


def _reason(
    flow: Flow, one: Occurrence, upload: Upload, winner: Occurrence | None, found: list[Occurrence]
) -> Reason:
    if not one.in_ledger:
        return Reason(one, upload, _outside_words(flow, one, upload), {})
    if winner is None or one is winner:
        others = sum(other.in_ledger for other in found) - 1
        rule = "the last" if flow.schema.policy == "keep_last" else "the first"
        why = f"counts: {rule} of {others + 1} rows" if others else "counts: the only row"
        return Reason(one, upload, why, {})
    differing = {
        field: (value, winner.fields[field])
        for field, value in one.fields.items()
        if value != winner.fields[field]
    }
    came = "later" if flow.schema.policy == "keep_last" else "first"
    kind = "conflict: other content" if differing else "duplicate: the same content"
    where = f"line {winner.line} of {winner.upload}"
    why = f"lost to {where}, which came {came} ({flow.schema.policy}); {kind}"
    return Reason(one, upload, why, differing)


def _outside_words(flow: Flow, one: Occurrence, upload: Upload) -> str:
    if upload.state == "voided":
        for entry in reversed(flow.register.history(upload)):
            if entry.action == "void":
                when = entry.at.astimezone(UTC)
                return f"voided by {entry.by} on {when:%Y-%m-%d %H:%M}Z: {entry.note}"
    if not one.valid:
        return f"invalid: `usage-pipeline errors {upload.upload}` says what is wrong with the line"
    return {
        "failed": "its upload failed",
        "passed": "its upload waits for confirmation",
        "refused": "its upload was refused by a person",
        "confirmed": "its upload is confirmed, and on its way in",
    }.get(upload.state, f"its upload is {upload.state}")
