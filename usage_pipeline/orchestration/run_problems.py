"""Why a run failed, in words."""

from __future__ import annotations

import re

import dagster as dg

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
    return re.sub(r"^usage_pipeline\.[\w.]+: ", "", error.message.strip())


def why_it_failed(instance: dg.DagsterInstance, run_id: str) -> str:
    """What a failed run's first failure says."""
    for entry in instance.all_logs(run_id, of_type=_FAILURES):
        if entry.dagster_event is not None:
            return in_words(entry.dagster_event)
    return "it ended without saying why"
