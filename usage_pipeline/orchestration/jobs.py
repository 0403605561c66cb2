"""The jobs of a schema: `<schema>_ingest`, `<schema>_confirm_upload` for the reviewer, and what
the sensors ask for besides.
"""

from collections.abc import Iterator
from math import inf

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from usage_pipeline.intake.take import TakenElsewhere
from usage_pipeline.orchestration.ledger_events import fail_if, ingest_and_meter, open_ledger
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.resources import POOL, UsageWarehouse
from usage_pipeline.orchestration.upload_assets import asset_key
from usage_pipeline.register import UnknownUpload, WrongState
from usage_pipeline.schema import EventSchema


class Confirmation(dg.Config):
    """Who confirms, and why."""

    by: str
    note: str = ""


#: How many files leave the drop folder at a time.
FILES_PER_RUN = 200


def ingest_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_ingest"


def confirm_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_confirm_upload"


def take_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_take_files"


def refresh_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_refresh_metrics"


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
        open_ledger(flow)
        try:
            upload = flow.confirm(context.partition_key, config.by, config.note or None)
        except (UnknownUpload, WrongState) as error:
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


def take_job(schema: EventSchema) -> dg.JobDefinition:
    """Files leave the drop folder for the archive, large ones too; the sensor asks for the rest."""

    @dg.op(
        name=f"{schema.name}_take",
        description="Copy complete files from the drop folder into the archive, in their order.",
        out=dg.Out(dg.Nothing),
    )
    def take(context: dg.OpExecutionContext, warehouse: UsageWarehouse) -> None:
        flow = warehouse.flow(schema)
        try:
            taken = flow.take_dropped(most=FILES_PER_RUN, seconds=inf, large="take")
        except TakenElsewhere as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        except OSError as error:
            words = f"Files cannot be taken from {flow.drop_folder}: {error}"
            raise dg.Failure(description=words, allow_retries=False) from None
        for receipt in taken.receipts:
            context.log.info("%s: %s", receipt.upload.upload, receipt.outcome)
        for name, why in taken.left_alone.items():
            context.log.warning("%s is left alone: %s", name, why)

    @dg.job(
        name=take_job_name(schema),
        description=f"Take files of any size from drop/{schema.name}/; launched by the sensor.",
    )
    def take_files() -> None:
        take()

    return take_files


def refresh_job(schema: EventSchema) -> dg.JobDefinition:
    """Computes every metric window of the schema that no longer follows from its events."""

    @dg.op(
        name=f"{schema.name}_refresh",
        description="Compute the metric windows that the ledger or the YAML has left behind.",
        out=dg.Out(dg.Nothing),
        pool=POOL,
    )
    def refresh(warehouse: UsageWarehouse) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        flow = warehouse.flow(schema)
        open_ledger(flow)
        troubles: dict[str, str] = {}
        yield from ingest_and_meter(flow, warehouse, [], troubles)
        fail_if(troubles)
        yield dg.Output(None)

    @dg.job(
        name=refresh_job_name(schema),
        description=f"Compute the stale metric windows of {schema.name}; launched by the sensor.",
    )
    def refresh_metrics() -> None:
        refresh()

    return refresh_metrics
