"""What became of a dropped file, in the words of the notes that ops read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pyarrow import ArrowInvalid

from usage_pipeline.flow import Flow
from usage_pipeline.intake.notes import write_note
from usage_pipeline.reading import LocatedError
from usage_pipeline.register import Upload, Verdict
from usage_pipeline.register.drops import Drop
from usage_pipeline.register.states import next_step
from usage_pipeline.validation.codes import CODES, is_warning
from usage_pipeline.validation.findings import read_error_file

NOTES_AT_ONCE = 200
FIRST_ERRORS = 5
EARLIER_DROPS = 5
#: Drops of one name that are told at a time: all of them, or the older ones stay news for ever.
MOST_DROPS = 100_000


def tell_outcomes(flow: Flow, seconds: float) -> None:
    """Write the notes on all outcomes that ops do not know yet; after `seconds`, stop.

    Raises:
        OSError: some cannot be written and stay to be told; all others are told.
    """
    end = time.monotonic() + seconds
    told: list[Drop] = []
    troubles: list[str] = []
    for file_name in flow.register.drops.untold(flow.schema.name, NOTES_AT_ONCE):
        if told and time.monotonic() > end:
            break
        try:
            told += tell_outcome(flow, file_name)
        except (OSError, ArrowInvalid) as error:
            troubles.append(f"{file_name}: {error}")
    flow.register.drops.told(told)
    if troubles:
        raise OSError("; ".join(troubles))


def tell_outcome(flow: Flow, file_name: str) -> list[Drop]:
    """Write the note on what became of the last file of that name.

    Returns the drops it tells of, newest first, as they were when they were read.

    Raises:
        OSError: the note cannot be written.
    """
    drops = flow.register.drops.named(flow.schema.name, file_name, MOST_DROPS)
    newest, *earlier = drops
    upload = flow.register.find(newest.upload, flow.schema.name)
    why_given_up = flow.register.asks.given_up(upload.schema, upload.upload)
    lines = [*_lines(flow, newest, upload, why_given_up)]
    if earlier:
        lines += ["", "Earlier files of this name:", *_earlier(flow, earlier[:EARLIER_DROPS])]
    failed = upload.state in ("failed", "refused", "voided") or why_given_up is not None
    write_note(flow.drop_folder, file_name, lines, failed=failed)
    return drops


def _lines(flow: Flow, drop: Drop, upload: Upload, why_given_up: str | None) -> Iterator[str]:
    if why_given_up is not None:
        yield f"{drop.file_name}: not done."
        yield why_given_up
        yield "What to do: when the cause is mended, drop the file again."
    else:
        yield f"{drop.file_name}: {_STATES[upload.state]}"
        yield from _counts(upload)
        verdict = flow.register.verdict(upload)
        if verdict is not None:
            yield from _findings(flow, upload, verdict)
        if upload.state in _DECIDED:
            yield from _decided(flow, upload)
        if upload.state != "ingested":
            yield f"What to do: {next_step(upload.state, upload.schema, upload.upload)}."
    yield ""
    if drop.outcome in ("repeat", "answered"):
        yield (
            f"The same bytes came before, as {upload.file_name} on {_time(upload.received_at)}: "
            "nothing counts twice."
        )
    yield f"Dropped {_time(drop.dropped_at)}. Upload: {upload.upload}"


_STATES = {
    "ingested": "ingested. Its events count.",
    "failed": "failed. Nothing of it counts.",
    "passed": "passed its checks, and waits for a person.",
    "confirmed": "confirmed, on its way in.",
    "refused": "refused by a person. Nothing of it counts.",
    "received": "received, on its way.",
    "voided": "voided: taken back out by a person. Nothing of it counts.",
}


def _counts(upload: Upload) -> Iterator[str]:
    if upload.lines is not None:
        yield f"Lines: {upload.lines}, of which {upload.valid} valid and {upload.invalid} invalid."
    if upload.state == "ingested":
        yield (
            f"Events: {upload.ingested} ingested; {upload.duplicates} were in already "
            f"(duplicates); {upload.superseded} replaced by later files."
        )
        if upload.duplicates or upload.superseded:
            yield f"Which ones, and what differs: usage-pipeline duplicates {upload.upload}"


def _findings(flow: Flow, upload: Upload, verdict: Verdict) -> Iterator[str]:
    for code, count in verdict.codes.items():
        known = CODES[code]
        kind = "warning, " if is_warning(code, flow.schema) else ""
        yield f"  {count} × {code} ({kind}{known.title}). {known.advice}"
    if verdict.error_count == 0:
        return
    found = read_error_file(
        flow.archive.errors(upload.schema, upload.upload, verdict.schema_version)
    )
    errors = [one for one in found if not is_warning(one.code, flow.schema)][:FIRST_ERRORS]
    if errors:
        yield "The first errors:" if len(errors) < verdict.error_count else "The errors:"
        yield from map(_error, errors)


def _error(error: LocatedError) -> str:
    place = f"line {error.line}" if error.line else "the file"
    column = f", column {error.column}" if error.column else ""
    return f"  {place}{column}: {error.message}"


#: State -> the step of a person's that led to it, and how it is told.
_DECIDED = {"refused": ("refuse", "Refused"), "voided": ("void", "Voided")}


def _decided(flow: Flow, upload: Upload) -> Iterator[str]:
    action, word = _DECIDED[upload.state]
    entries = [entry for entry in flow.register.history(upload) if entry.action == action]
    if entries:
        yield f"{word} by {entries[-1].by}: {entries[-1].note}"


def _earlier(flow: Flow, drops: Sequence[Drop]) -> Iterator[str]:
    for drop in drops:
        state = flow.register.find(drop.upload, drop.schema).state
        yield f"  {_time(drop.dropped_at)}  {state}  {drop.upload}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
