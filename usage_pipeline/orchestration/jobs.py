"""The jobs of a schema: `<schema>_ingest`, and `<schema>_confirm_upload` for the reviewer."""

from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from usage_pipeline.ledger import LedgerShapeChanged
from usage_pipeline.orchestration.ledger_events import fail_if, ingest_and_meter
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.resources import POOL, UsageWarehouse
from usage_pipeline.orchestration.upload_assets import asset_key
from usage_pipeline.register import UnknownUpload, WrongState
from usage_pipeline.schema import EventSchema


class Confirmation(dg.Config):
    """Who confirms, and why."""

    by: str
    note: str = ""


def ingest_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_ingest"


def confirm_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_confirm_upload"


def ingest_job(schema: EventSchema) -> UnresolvedAssetJobDefinition:
    """From archived upload to metrics, for any number of uploads in one run."""
    names = ("raw_upload", "mapped_events", "ingestion_table")
    return dg.define_asset_job(
        ingest_job_name(schema),
        selection=dg.AssetSelection.assets(*(asset_key(schema, name) for name in names)),
        description=f"Check uploads of {schema.name}, ingest what may be, compute the metrics.",
    )


def confirm_job(schema: EventSchema) -> dg.JobDefinition:
    """A person confirms an upload that passed; its rows enter the ingestion table."""

    @dg.op(
        name=f"{schema.name}_confirm",
        description="Record the confirmation, then ingest the upload and compute its windows.",
        out=dg.Out(dg.Nothing),
        pool=POOL,
    )
    def confirm(
        context: dg.OpExecutionContext, config: Confirmation, warehouse: UsageWarehouse
    ) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        flow = warehouse.flow(schema)
        try:
            flow.open_ledger()
            upload = flow.confirm(context.partition_key, config.by, config.note or None)
        except (LedgerShapeChanged, UnknownUpload, WrongState) as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        troubles: dict[str, str] = {}
        yield from ingest_and_meter(flow, warehouse, [upload], troubles)
        fail_if(troubles)
        yield dg.Output(None)

    @dg.job(
        name=confirm_job_name(schema),
        description=f"Confirm an upload of {schema.name}: choose its partition, give your name.",
        partitions_def=upload_partitions(schema),
    )
    def confirm_upload() -> None:
        confirm()

    return confirm_upload
