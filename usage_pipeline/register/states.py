"""The life of an upload, and which step may follow which."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["received", "failed", "passed", "confirmed", "ingested", "refused"]
STATES: tuple[State, ...] = get_args(State)
Action = Literal[
    "receive", "repeat", "pass", "fail", "confirm", "refuse", "reopen", "ingest", "recheck"
]

#: action -> the states it may start from, and the state it ends in.
#: A check of what a person or the ledger has already decided on records its verdict and leaves
#: the state alone: it must never take rows that count back to `failed`.
STEPS: dict[Action, tuple[tuple[State, ...], State]] = {
    "receive": (("received", "failed"), "received"),
    "pass": (("received", "failed", "passed"), "passed"),
    "fail": (("received", "failed", "passed"), "failed"),
    "confirm": (("passed", "confirmed"), "confirmed"),
    "refuse": (("passed",), "refused"),
    "reopen": (("refused",), "passed"),
    "ingest": (("confirmed", "ingested"), "ingested"),
}
