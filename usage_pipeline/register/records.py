"""What the register hands out: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from usage_pipeline.register.states import State

ReceiptOutcome = Literal["new", "again", "repeat", "answered"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One file received for one schema. Counts are None while unknown.

    chosen: {field: header} where a person said it: nothing in it where a person wants the schema
    alone to decide, None where nobody said anything.
    fix_of: the upload whose bad lines the file holds, corrected.
    """

    schema: str
    upload: str
    file_name: str
    sha256: str
    size: int
    state: State
    received_at: datetime
    schema_version: str | None = None
    lines: int | None = None
    valid: int | None = None
    invalid: int | None = None
    ingested: int | None = None
    duplicates: int | None = None
    superseded: int | None = None
    place: int | None = None
    decision: int | None = None
    followed: int | None = None
    chosen: dict[str, str] | None = field(default=None, hash=False)
    fix_of: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a file that was handed in.

    outcome: `new`; `again` (the same bytes had failed or were never finished, so they are checked
    afresh); `repeat` (they are in, nothing else is done); `answered` (a person refused or voided
    them).
    """

    upload: Upload
    outcome: ReceiptOutcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks of one upload under one schema version said."""

    schema_version: str
    passed: bool
    lines: int | None
    valid: int | None
    invalid: int | None
    error_count: int
    warning_count: int
    duplicates: int | None
    mapping: dict[str, str] = field(default_factory=dict)
    #: How often each code was found: {code: count}.
    codes: dict[str, int] = field(default_factory=dict)
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an upload's history."""

    id: int
    at: datetime
    upload: str
    action: str
    by: str
    note: str | None
    schema_version: str | None
    details: dict[str, Any] | None
