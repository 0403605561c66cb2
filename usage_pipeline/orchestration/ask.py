"""Asking for runs: of what the register says has work left, what no living run works on."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import dagster as dg

from usage_pipeline.flow import Flow
from usage_pipeline.orchestration.batches import (
    UPLOADS_PER_RUN,
    batches,
    run_tags,
    uploads_of_runs,
)
from usage_pipeline.orchestration.jobs import ingest_job_name
from usage_pipeline.orchestration.run_problems import why_it_failed
from usage_pipeline.register.asks import Due
from usage_pipeline.schema import EventSchema

#: Dagster keeps the key of a request as a tag of its run.
ASK_TAG = "dagster/run_key"

#: How many uploads share a run: at first many, and after a run that came to nothing ever fewer,
#: so that an upload which kills its run takes no other down with it.
SIZES = (UPLOADS_PER_RUN, 10, 1)

#: Runs of a schema that wait or work at a time; the next tick goes on. More would only stand in
#: the way of other schemas.
RUNS_PER_SCHEMA = 2


def ask_for_runs(
    instance: dg.DagsterInstance, flow: Flow, alive: Sequence[dg.DagsterRun], said: list[str]
) -> list[dg.RunRequest]:
    """Requests for at most 200 uploads of a schema, noted in the register as asked for.

    Uploads whose runs came to nothing three times are given up; that is added to `said`.
    """
    due = flow.register.asks.due(flow.schema.name)
    if not due:
        return []
    if flow.customers_problem() is not None:
        # Their runs could check nothing. The tick says why.
        due = [one for one in due if one.state != "received"]
    mine = [run for run in alive if concerns(run, flow.schema)]
    busy = uploads_of_runs(instance, flow.schema, mine)
    tried = _with_attempts(instance, [one for one in due if one.upload not in busy], flow, said)
    ingesting = [run for run in mine if run.job_name == ingest_job_name(flow.schema)]
    free = RUNS_PER_SCHEMA - len(ingesting)
    requests: list[dg.RunRequest] = []
    for attempts, size in enumerate(SIZES):
        keys = [upload for upload, count in tried.items() if count == attempts]
        keys = keys[:UPLOADS_PER_RUN]
        for batch in batches(instance, flow.schema, keys, size) if keys and free > 0 else []:
            if free > 0:
                free -= 1
                requests.append(_ask(flow, batch, attempts))
    return requests


def concerns(run: dg.DagsterRun, schema: EventSchema) -> bool:
    """Whether a run works on uploads or metrics of a schema, whoever launched it."""
    return run.job_name.startswith(f"{schema.name}_") or any(
        key.path[0] == schema.name for key in run.asset_selection or ()
    )


def _with_attempts(
    instance: dg.DagsterInstance, due: Iterable[Due], flow: Flow, said: list[str]
) -> dict[str, int]:
    """{upload: how many of its runs came to nothing}, without those that are given up here."""
    due = list(due)
    asks = sorted({one.ask for one in due if one.ask is not None})
    # An ask that no run came of, because the daemon died with the tick, is no attempt.
    runs = instance.get_runs(dg.RunsFilter(tags={ASK_TAG: asks})) if asks else []
    ended = {run.tags[ASK_TAG]: run.run_id for run in runs}
    attempts: dict[str, int] = {}
    for one in due:
        count = one.attempts + (one.ask in ended)
        if count < len(SIZES):
            attempts[one.upload] = count
            continue
        run_id = ended.get(one.ask or "")
        why = why_it_failed(instance, run_id) if run_id else "no run ended"
        reason = f"{count} runs ended without finishing it; the last, {run_id}: {why}"
        flow.register.give_up(one.upload, flow.schema.name, reason)
        said.append(f"given up on {one.upload}: {reason}")
    return attempts


def _ask(flow: Flow, uploads: Sequence[str], attempts: int) -> dg.RunRequest:
    ask = uuid.uuid4().hex
    flow.register.asks.asked(flow.schema.name, dict.fromkeys(uploads, attempts), ask)
    return dg.RunRequest(
        run_key=ask,
        job_name=ingest_job_name(flow.schema),
        partition_key=uploads[0] if len(uploads) == 1 else None,
        tags=run_tags(flow.schema, uploads),
    )
