"""`<schema>_map_upload`: a person says on an upload's partition which header feeds which field."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from usage_pipeline.mapping.choosing import WrongMapping
from usage_pipeline.orchestration.ledger_events import (
    fail_if,
    open_ledger,
    settle_and_meter,
)
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.resources import POOL, UsageWarehouse
from usage_pipeline.orchestration.upload_assets import Event, asset_key, mapped_events
from usage_pipeline.register import UnknownUpload, WrongState
from usage_pipeline.schema import EventSchema


class ByPerson(dg.Config):
    """Who maps an upload, and how.

    mapping: {field: header}. remember: for later files with the same header row. clear: what was
    said before does not count any more.
    """

    by: str = ""
    mapping: dict[str, str] = Field(default_factory=dict)
    remember: bool = False
    clear: bool = False
    note: str = ""


def map_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_map_upload"


def map_op_name(schema: EventSchema) -> str:
    return f"{schema.name}_map"


def map_job(schema: EventSchema) -> dg.JobDefinition:
    """Sets the mapping of one upload and checks it so; what passes goes on as any other."""

    @dg.op(
        name=map_op_name(schema),
        description=f"Map an upload of {schema.name} as a person says, and check it again.",
        out=dg.Out(dg.Nothing),
        pool=POOL,
        config_schema=ByPerson.to_fields_dict(),
        required_resource_keys={"warehouse"},
    )
    def run(context: dg.OpExecutionContext) -> Iterator[Event]:
        warehouse: UsageWarehouse = context.resources.warehouse
        flow = warehouse.told_flow(schema, context.log)
        asked = ByPerson(**context.op_config)
        open_ledger(flow)
        try:
            upload = flow.register.find(context.partition_key, schema.name)
            choice = flow.choice_for(upload, asked.mapping, clear=asked.clear)
            upload = flow.map(upload, choice, asked.by, asked.note or None, remember=asked.remember)
        except (UnknownUpload, WrongState, WrongMapping) as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        troubles: dict[str, str] = {}
        refused: dict[str, str] = {}
        asset = asset_key(schema, "mapped_events")
        yield from mapped_events(context, flow, [upload], asset, troubles)
        upload = flow.register.find(upload.upload, schema.name)
        if upload.decision is not None:
            yield from settle_and_meter(
                context.instance, flow, warehouse, [upload], troubles, refused
            )
        fail_if(troubles | refused)
        yield dg.Output(None)

    @dg.job(
        name=map_job_name(schema),
        description=f"Say which header of an upload of {schema.name} feeds which field: choose its "
        "partition, say who you are, and give the mapping as {field: header}.",
        partitions_def=upload_partitions(schema),
    )
    def job() -> None:
        run()

    return job
