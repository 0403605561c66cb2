"""Uploads that a person should look at, in words: they failed, wait, or cannot be finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from usage_pipeline.printable import printable
from usage_pipeline.reading import clip
from usage_pipeline.register import Register, Upload, Verdict
from usage_pipeline.register.happenings import Happening
from usage_pipeline.register.records import Entry
from usage_pipeline.register.states import next_step

#: Lines of history that are looked at in one go.
LINES_AT_ONCE = 500

_LONGEST_NAME = 120
_LONGEST_REASON = 500
_FIRST_CODES = 5

#: Lines that may call for a person; `receive` begins anew.
_CALLS = ("pass", "fail", "recheck", "conflict", "give_up")
_TURNS = ("receive", *_CALLS)


def calls_since(register: Register, line: int) -> Iterator[tuple[int, str | None]]:
    """(number, words) of the lines of history behind one, oldest first.

    Words only where the line calls for a person, and nothing since has changed that. A check that
    finds by the same schema version what the one before found is no call.
    """
    for happening in register.happenings.after(line, LINES_AT_ONCE):
        yield happening.entry.id, _call(register, happening)


def _call(register: Register, happening: Happening) -> str | None:
    entry = happening.entry
    if entry.action not in _CALLS:
        return None
    upload = register.find(entry.upload, happening.schema)
    news = list(_news(register.history(upload)))
    if not news or news[-1].id != entry.id:
        return None
    said = _said(register, upload, entry)
    if said is None:
        return None
    what, to_do = said
    name = printable(clip(upload.file_name, _LONGEST_NAME))
    lines = [f"{upload.schema}: {name} {what}", *_counts(register.last_verdict(upload))]
    return "\n".join([*lines, to_do, f"Upload: {upload.upload}"])


def _news(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The lines that say something else of an upload than the one before."""
    before: Entry | None = None
    for entry in entries:
        if entry.action not in _TURNS:
            continue
        same = before is not None and (before.action, before.schema_version) == (
            entry.action,
            entry.schema_version,
        )
        if entry.action in _CALLS and not (same and entry.action in ("pass", "fail", "recheck")):
            yield entry
        before = entry


def _said(register: Register, upload: Upload, entry: Entry) -> tuple[str, str] | None:
    """What has become of an upload and what to do; None where no person is called for."""
    reading_waits = register.reading_waits(upload)
    step = next_step(upload.state, upload.schema, upload.upload, reading_waits=reading_waits)
    step = f"{step[0].upper()}{step[1:]}."
    note = printable(clip(entry.note or "", _LONGEST_REASON))
    match entry.action, upload.state:
        case "give_up", _:
            if register.asks.given_up(upload.schema, upload.upload) is None:
                return None
            return f"is not done: {note}", "When the cause is mended, hand the same file in again."
        case "conflict", "failed":
            return f"failed: {note}.", step
        case "conflict", state:
            return f"stays {state}: {note}.", step
        case "fail", "failed":
            return "failed its checks.", step
        case "pass", "passed":
            return "passed its checks, and waits for a person.", step
        case "recheck", "ingested" if reading_waits:
            return "passed its checks by the changed schema, and waits for a person.", step
    return None


def _counts(verdict: Verdict | None) -> Iterator[str]:
    if verdict is None:
        return
    if verdict.lines is not None:
        yield (
            f"Lines: {verdict.lines:,}, of which {verdict.valid:,} valid and "
            f"{verdict.invalid:,} invalid. Errors: {verdict.error_count:,}. "
            f"Warnings: {verdict.warning_count:,}."
        )
    if verdict.codes:
        counted = sorted(verdict.codes.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{count:,} × {code}" for code, count in counted[:_FIRST_CODES])
        yield f"{shown}, …" if counted[_FIRST_CODES:] else shown
