"""The three upload assets of a schema, in one step that works through any number of uploads.

One step, because only it can say, partition by partition, what was made and what was not: a
result per asset would claim every partition of the run, bad uploads included, and a chain of
steps could not pass "these uploads go on" from one to the next.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from usage_pipeline.checking import DecidedAlready
from usage_pipeline.flow import Flow
from usage_pipeline.mapping.customers import CustomersUnusable
from usage_pipeline.orchestration import metadata
from usage_pipeline.orchestration.checks import (
    check_specs,
    evaluations,
    unreadable_observation,
)
from usage_pipeline.orchestration.confirmation_check import (
    confirmation_events,
    confirmation_specs,
)
from usage_pipeline.orchestration.ledger_events import fail_if, open_ledger, settle_and_meter
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.resources import POOL, UsageWarehouse
from usage_pipeline.orchestration.run_problems import plain
from usage_pipeline.register import Upload
from usage_pipeline.register.states import next_step
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.check_files import CheckedFile

#: Until uploads that were not checked for want of the list of customers are tried again.
WITHOUT_CUSTOMERS = timedelta(minutes=1)

Event = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation | dg.Output[None]


def asset_key(schema: EventSchema, name: str) -> dg.AssetKey:
    return dg.AssetKey([schema.name, name])


def drop_folder_asset(schema: EventSchema) -> dg.AssetSpec:
    """Where uploads come from, for the lineage; nothing here makes it."""
    return dg.AssetSpec(
        asset_key(schema, "drop_folder"),
        group_name=schema.name,
        description=f"drop/{schema.name}/: copy a file into it, and it is taken within seconds. "
        "What became of it stands in done/ or failed/.",
        kinds={"file"},
    )


def upload_assets(schema: EventSchema) -> dg.AssetsDefinition:
    """`raw_upload`, `mapped_events` with its checks, and `ingestion_table` of a schema."""
    partitions = upload_partitions(schema)
    raw, mapped, table = (
        asset_key(schema, name) for name in ("raw_upload", "mapped_events", "ingestion_table")
    )
    # `skippable`: a step may end without a result for an asset, and claims nothing then.
    shared: dict[str, Any] = {
        "group_name": schema.name,
        "partitions_def": partitions,
        "skippable": True,
    }

    @dg.multi_asset(
        name=f"{schema.name}_uploads",
        specs=[
            dg.AssetSpec(
                raw,
                deps=[asset_key(schema, "drop_folder")],
                description="The bytes of each upload, archived once and never changed.",
                kinds={"file", "csv"},
                **shared,
            ),
            dg.AssetSpec(
                mapped,
                deps=[raw],
                description="Every data line with its line number, typed, with a verdict on each.",
                kinds={"parquet", "duckdb"},
                metadata={"dagster/column_schema": metadata.frame_columns(schema)},
                **shared,
            ),
            dg.AssetSpec(
                table,
                deps=[mapped],
                description="One row per event: what can be invoiced from.",
                kinds={"duckdb", "table"},
                metadata={
                    "dagster/column_schema": metadata.ledger_columns(schema),
                    "dagster/table_name": f"{schema.name}.ingestion_table",
                },
                **shared,
            ),
        ],
        check_specs=[
            *check_specs(mapped, partitions),
            *confirmation_specs(schema, mapped, partitions),
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=POOL,
    )
    def run_uploads(
        context: dg.AssetExecutionContext, warehouse: UsageWarehouse
    ) -> Iterator[Event]:
        flow = warehouse.told_flow(schema, context.log)
        uploads = flow.register.uploads(schema.name, keys=context.partition_keys)
        troubles = _unknown(context.partition_keys, uploads)
        chosen, chosen_checks = context.selected_asset_keys, context.selected_asset_check_keys
        if table in chosen:
            open_ledger(flow)
        if raw in chosen:
            yield from _raw_events(flow, uploads, raw, troubles)
        if mapped in chosen or chosen_checks:
            yield from mapped_events(context, flow, uploads, mapped, troubles)
        if table in chosen:
            uploads = flow.register.uploads(schema.name, keys=context.partition_keys)
            if mapped not in chosen:
                troubles |= {one.upload: advice for one in uploads if (advice := _may_not(one))}
            refused: dict[str, str] = {}
            yield from settle_and_meter(
                context.instance, flow, warehouse, uploads, troubles, refused
            )
            for key, why in refused.items():
                context.log.error("%s: %s", key, why)
        for check in chosen_checks:
            yield dg.Output(None, f"{check.asset_key.to_python_identifier()}_{check.name}")
        fail_if(troubles)

    return run_uploads


def _raw_events(
    flow: Flow, uploads: list[Upload], asset: dg.AssetKey, troubles: dict[str, str]
) -> Iterator[dg.AssetMaterialization]:
    for upload in uploads:
        original = flow.archive.original(upload.schema, upload.upload)
        try:
            shown = metadata.upload_metadata(upload, original, flow.schema)
        except Exception as error:
            troubles[upload.upload] = f"the archived file cannot be read: {plain(error)}"
        else:
            yield dg.AssetMaterialization(asset, partition=upload.upload, metadata=shown)


def mapped_events(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    flow: Flow,
    uploads: list[Upload],
    asset: dg.AssetKey,
    troubles: dict[str, str],
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation]:
    """Map and check uploads, and tell what came of each; what could not be is in `troubles`."""
    for upload, checked in flow.check(uploads):
        if isinstance(checked, CustomersUnusable):
            context.log.error("%s could not be checked: %s", upload.upload, checked)
            troubles["customers"] = str(checked)
            if upload.state == "received":
                # No attempt: nothing is wrong with the upload, which waits until the list is there.
                flow.register.asks.hold_off(upload.schema, [upload.upload], WITHOUT_CUSTOMERS)
            continue
        if isinstance(checked, DecidedAlready):
            context.log.info("%s", checked)
            continue
        if not isinstance(checked, CheckedFile):
            context.log.error("%s could not be checked", upload.upload, exc_info=checked)
            troubles[upload.upload] = f"could not be checked: {plain(checked)}"
            continue
        version = checked.verdict.schema_version
        error_file = flow.archive.errors(upload.schema, upload.upload, version)
        shown = metadata.frame_metadata(
            upload, checked, error_file, reading_waits=flow.register.reading_waits(upload)
        )
        if checked.mapped.frame is not None:
            yield dg.AssetMaterialization(asset, partition=upload.upload, metadata=shown)
        else:
            # There is nothing to claim, and something to know all the same: where the UI has a
            # page for it too, that is on the upload's bytes.
            yield dg.AssetObservation(asset, partition=upload.upload, metadata=shown)
            raw = asset_key(flow.schema, "raw_upload")
            yield unreadable_observation(flow.schema, raw, upload, checked)
        yield from evaluations(context, flow.schema, asset, upload.upload, checked, error_file)
        yield from confirmation_events(context.instance, flow, upload)
        if upload.state == "passed":
            context.log.info("%s: %s", upload.upload, _may_not(upload))


def _unknown(keys: list[str], uploads: list[Upload]) -> dict[str, str]:
    known = {upload.upload for upload in uploads}
    return {key: "the register knows no such upload" for key in keys if key not in known}


def _may_not(upload: Upload) -> str | None:
    """Why an upload may not be ingested, and what to do; None where it may."""
    if upload.state in ("confirmed", "ingested"):
        return None
    return next_step(upload.state, upload.schema, upload.upload)
