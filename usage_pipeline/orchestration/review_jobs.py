"""What a person decides on an upload's partition: `<schema>_confirm_upload`,
`<schema>_refuse_upload` and `<schema>_reopen_upload`, and the undo, `<schema>_void_upload` and
`<schema>_restore_upload`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import dagster as dg

from usage_pipeline.flow import Flow
from usage_pipeline.orchestration.decision_events import decision_events
from usage_pipeline.orchestration.ledger_events import (
    LedgerEvent,
    fail_if,
    open_ledger,
    settle_and_meter,
)
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.resources import POOL, UsageWarehouse
from usage_pipeline.register import UnknownUpload, Upload, WrongState
from usage_pipeline.schema import EventSchema

Step = Literal["confirm", "refuse", "reopen", "void", "restore"]

#: Steps that the rows and the metrics follow at once; the others change no row.
_MOVES_ROWS = ("confirm", "void", "restore")

Event = LedgerEvent | dg.AssetObservation | dg.Output[None]


# With defaults, the Launchpad begins with a form to fill in; what must be said is asked for when
# it is missing.
class Confirmation(dg.Config):
    """Who confirms, and anything worth keeping."""

    by: str = ""
    note: str = ""


class Reason(dg.Config):
    """Who keeps an upload out, takes it out or takes it up again, and why."""

    by: str = ""
    reason: str = ""


_WHAT: dict[Step, str] = {
    "confirm": "Let an upload of {schema} in that passed its checks",
    "refuse": "Keep an upload of {schema} out that waits for confirmation; nothing of it is lost",
    "reopen": "Have a refused upload of {schema} wait for confirmation again",
    "void": "Take all rows of an upload of {schema} out again; what they displaced counts again",
    "restore": "Bring a voided upload of {schema} back to its place",
}


def review_job_name(schema: EventSchema, step: Step) -> str:
    return f"{schema.name}_{step}_upload"


def review_op_name(schema: EventSchema, step: Step) -> str:
    return f"{schema.name}_{step}"


def review_jobs(schema: EventSchema) -> list[dg.JobDefinition]:
    """The jobs that a person launches on an upload's partition, with name and reason."""

    def confirm(flow: Flow, upload: Upload, config: Confirmation) -> None:
        flow.confirm(upload.upload, config.by, config.note or None)

    def refuse(flow: Flow, upload: Upload, config: Reason) -> None:
        flow.refuse(upload.upload, config.by, config.reason)

    def reopen(flow: Flow, upload: Upload, config: Reason) -> None:
        flow.reopen(upload.upload, config.by, config.reason)

    def void(flow: Flow, upload: Upload, config: Reason) -> None:
        flow.void([upload], config.by, config.reason)

    def restore(flow: Flow, upload: Upload, config: Reason) -> None:
        flow.restore([upload], config.by, config.reason)

    return [
        _job(schema, "confirm", Confirmation, confirm),
        _job(schema, "refuse", Reason, refuse),
        _job(schema, "reopen", Reason, reopen),
        _job(schema, "void", Reason, void),
        _job(schema, "restore", Reason, restore),
    ]


def _job(
    schema: EventSchema,
    step: Step,
    words: type[dg.Config],
    decide: Callable[[Flow, Upload, Any], None],
) -> dg.JobDefinition:
    what, moves_rows = _WHAT[step].format(schema=schema.name), step in _MOVES_ROWS

    @dg.op(
        name=review_op_name(schema, step),
        description=f"{what}, and compute its metric windows." if moves_rows else f"{what}.",
        out=dg.Out(dg.Nothing),
        pool=POOL if moves_rows else None,
        config_schema=words.to_fields_dict(),
        required_resource_keys={"warehouse"},
    )
    def run(context: dg.OpExecutionContext) -> Iterator[Event]:
        warehouse: UsageWarehouse = context.resources.warehouse
        flow = warehouse.told_flow(schema, context.log)
        if moves_rows:
            open_ledger(flow)
        try:
            upload = flow.register.find(context.partition_key, schema.name)
            decide(flow, upload, words(**context.op_config))
        except (UnknownUpload, WrongState) as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        troubles: dict[str, str] = {}
        refused: dict[str, str] = {}
        if moves_rows:
            yield from settle_and_meter(
                context.instance, flow, warehouse, [upload], troubles, refused
            )
        yield from decision_events(context.instance, flow, upload, step)
        fail_if(troubles | refused)
        yield dg.Output(None)

    @dg.job(
        name=review_job_name(schema, step),
        description=f"{what}: choose its partition, say who you are"
        f"{'' if step == 'confirm' else ' and why'}.",
        partitions_def=upload_partitions(schema),
    )
    def job() -> None:
        run()

    return job
