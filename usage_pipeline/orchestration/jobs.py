"""The jobs of a schema that sensors ask for; `review_jobs` has those that people launch."""

from collections.abc import Iterator
from math import inf

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from usage_pipeline.intake.take import TakenElsewhere
from usage_pipeline.orchestration.ledger_events import (
    LedgerEvent,
    fail_if,
    open_ledger,
    settle_and_meter,
)
from usage_pipeline.orchestration.resources import POOL, UsageWarehouse
from usage_pipeline.orchestration.upload_assets import asset_key
from usage_pipeline.schema import EventSchema

#: How many files leave the drop folder at a time.
FILES_PER_RUN = 200

#: A tick that takes files at the moment is soon done; the run must not fail for it.
WAIT_SECONDS = 60.0


def ingest_job_name(schema: EventSchema) -> str:
    return f"{schema.name}_ingest"


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
            taken = flow.take_dropped(
                most=FILES_PER_RUN, seconds=inf, large="take", wait=WAIT_SECONDS
            )
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
        description="Have the ledger follow what is decided, and compute the windows left behind.",
        out=dg.Out(dg.Nothing),
        pool=POOL,
    )
    def refresh(
        context: dg.OpExecutionContext, warehouse: UsageWarehouse
    ) -> Iterator[LedgerEvent | dg.Output[None]]:
        flow = warehouse.told_flow(schema, context.log)
        open_ledger(flow)
        troubles: dict[str, str] = {}
        yield from settle_and_meter(context.instance, flow, warehouse, [], troubles, refused={})
        fail_if(troubles)
        yield dg.Output(None)

    @dg.job(
        name=refresh_job_name(schema),
        description=f"Compute the stale metric windows of {schema.name}; launched by the sensor.",
    )
    def refresh_metrics() -> None:
        refresh()

    return refresh_metrics
