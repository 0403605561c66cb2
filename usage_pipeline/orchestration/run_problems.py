"""Why a run failed, in words."""

from __future__ import annotations

import json
import re

import dagster as dg
import duckdb

_FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}


def in_words(event: dg.DagsterEvent) -> str:
    """The reason that a failed step or run gives, without its traceback."""
    data = event.event_specific_data
    told = getattr(data, "user_failure_data", None)
    if told is not None and told.description:
        return str(told.description)
    error = getattr(data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return event.message or "the run failed"
    # Our own exceptions are written for people; their class's address is not.
    return _readable(re.sub(r"^(usage_pipeline\.[\w.]+|_duckdb\.\w+): ", "", error.message))


def plain(error: Exception) -> str:
    """What an exception says; its kind where that is nobody's words."""
    words = _readable(str(error))
    ours = isinstance(error, OSError | duckdb.Error)
    return words if ours else f"{type(error).__name__}: {words}"


def _readable(message: str) -> str:
    """The engine puts the cause of a failed write behind its words as JSON, for programs."""
    words, found, details = message.partition('{"exception_type"')
    if not found:
        return message.strip()
    try:
        cause = json.loads(found + details)["exception_message"]
    except (ValueError, KeyError):
        return message.strip()
    return f"{words}{cause}".strip()


def why_it_failed(instance: dg.DagsterInstance, run_id: str) -> str:
    """What a failed run's first failure says."""
    for entry in instance.all_logs(run_id, of_type=_FAILURES):
        if entry.dagster_event is not None:
            return in_words(entry.dagster_event)
    return "it ended without saying why"
