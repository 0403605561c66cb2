"""The life of an upload, which step may follow which, and what a person does in each state."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["received", "failed", "passed", "confirmed", "ingested", "refused"]
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
    "ingest",
    "recheck",
]

#: action -> the states it may start from, and the state it ends in.
#: A check of what a person or the ledger has already decided on records its verdict and leaves
#: the state alone: it must never take rows that count back to `failed`.
STEPS: dict[Action, tuple[tuple[State, ...], State]] = {
    "receive": (("received", "failed"), "received"),
    "pass": (("received", "failed", "passed"), "passed"),
    "fail": (("received", "failed", "passed"), "failed"),
    "give_up": (("received",), "failed"),
    "confirm": (("passed", "confirmed"), "confirmed"),
    "refuse": (("passed",), "refused"),
    "reopen": (("refused",), "passed"),
    "ingest": (("confirmed", "ingested"), "ingested"),
}

_NEXT_STEP: dict[State, str] = {
    "received": "it has not been checked yet; it is checked when its file comes again, or when "
    "mapped_events is materialized for it",
    "failed": "`usage-pipeline errors {upload}` says what is wrong in which line and column; "
    "correct the file and send it again",
    "passed": "it waits for confirmation: launch the job {schema}_confirm_upload on its "
    "partition, or run `usage-pipeline confirm {upload} --by NAME`",
    "confirmed": "it is confirmed already, and goes in with the next run",
    "ingested": "its rows are in already",
    "refused": "it was refused; `usage-pipeline reopen {upload} --by NAME --reason WHY` takes it "
    "up again",
}


def next_step(state: State, schema: str, upload: str) -> str:
    """What an upload's state means for a person, and what to do, as half a sentence."""
    return _NEXT_STEP[state].format(schema=schema, upload=upload)
