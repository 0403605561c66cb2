"""The life of an upload, which step may follow which, and what a person does in each state."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["received", "failed", "passed", "confirmed", "ingested", "refused", "voided"]
STATES: tuple[State, ...] = get_args(State)
Action = Literal[
    "receive",
    "repeat",
    "pass",
    "fail",
    "give_up",
    "confirm",
    "refuse",
    "reopen",
    "void",
    "restore",
    "ingest",
    "remove",
    "rebuild",
    "conflict",
    "recheck",
    "map",
    "fix",
]

#: What a person or the schema says of the rows in the ledger; the ledger follows.
DECISIONS: tuple[Action, ...] = ("confirm", "void", "restore")

#: action -> the states it may start from, and the state it ends in.
#: A check of what a person or the ledger has already decided on records its verdict and leaves
#: the state alone: it must never take rows that count back to `failed`.
STEPS: dict[Action, tuple[tuple[State, ...], State]] = {
    "receive": (("received", "failed"), "received"),
    "pass": (("received", "failed", "passed"), "passed"),
    "fail": (("received", "failed", "passed"), "failed"),
    "give_up": (("received",), "failed"),
    # Rows that count go on counting until a person's mapping has been checked and let in.
    "map": (("received", "failed", "passed", "ingested"), "received"),
    "confirm": (("passed", "confirmed", "ingested"), "confirmed"),
    "refuse": (("passed",), "refused"),
    "reopen": (("refused",), "passed"),
    # By way of `confirmed`, as any rows that are to go in and are not there yet.
    "restore": (("voided",), "confirmed"),
    "void": (("ingested",), "voided"),
}

_NEXT_STEP: dict[State, str] = {
    "received": "it has not been checked yet; it is checked when its file comes again, or when "
    "mapped_events is materialized for it",
    "failed": "`usage-pipeline errors {upload}` says what is wrong in which line and column; "
    "correct the file and send it again",
    "passed": "it waits for confirmation: launch the job {schema}_confirm_upload on its "
    "partition, or run `usage-pipeline confirm {upload} --by NAME`",
    "confirmed": "it is confirmed, and goes in with the next run",
    "ingested": "its rows are in",
    "refused": "it was refused; `usage-pipeline reopen {upload} --by NAME --reason WHY` takes it "
    "up again",
    "voided": "it was voided; `usage-pipeline restore {upload} --by NAME --reason WHY`, or the job "
    "{schema}_restore_upload on its partition, brings it back",
}


#: Of rows that count, while a newer reading of them waits for a person.
_WAITING_READING = (
    "its rows are in; a newer reading of them waits for confirmation: launch the job "
    "{schema}_confirm_upload on its partition, or run `usage-pipeline confirm {upload} --by NAME`"
)


def next_step(state: State, schema: str, upload: str, *, reading_waits: bool = False) -> str:
    """What an upload's state means for a person, and what to do, as half a sentence."""
    words = _WAITING_READING if reading_waits else _NEXT_STEP[state]
    return words.format(schema=schema, upload=upload)
