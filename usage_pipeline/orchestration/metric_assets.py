"""One asset per billable metric, partitioned by the metric's own windows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import dagster as dg

from usage_pipeline.metering import ComputedWindow, MetricFailed, compute_each
from usage_pipeline.metering.refresh import prepare_metrics
from usage_pipeline.orchestration.ledger_events import open_ledger, window_events
from usage_pipeline.orchestration.metric_metadata import chart_metadata, metric_columns
from usage_pipeline.orchestration.partitions import window_partitions, windows_of
from usage_pipeline.orchestration.reconciliation import reconciliation_result, reconciliation_spec
from usage_pipeline.orchestration.resources import POOL, UsageWarehouse
from usage_pipeline.schema import EventSchema, MetricSpec


def metric_asset(schema: EventSchema, metric: str) -> dg.AssetsDefinition:
    """The asset of one metric; any range of its windows is computed in one run."""
    spec = schema.all_metrics[metric]
    partitions = window_partitions(schema, spec)
    what = spec.description or spec.in_words
    grouped = f", by {', '.join(spec.group_by)}" if spec.group_by else ""

    @dg.multi_asset(
        name=f"{schema.name}__{metric}",
        specs=[
            dg.AssetSpec(
                dg.AssetKey([schema.name, metric]),
                # Lineage only: which windows an upload touches is known from its rows.
                deps=[
                    dg.AssetDep(
                        dg.AssetKey([schema.name, "ingestion_table"]),
                        partition_mapping=dg.AllPartitionMapping(),
                    )
                ],
                description=f"{what}. Per customer and {spec.window} ({spec.time_zone}){grouped}.",
                group_name=schema.name,
                kinds={"duckdb", "table"},
                partitions_def=partitions,
                skippable=True,
                metadata={
                    "dagster/column_schema": metric_columns(schema, metric),
                    "dagster/table_name": f"{schema.name}.{metric}",
                    "aggregation": spec.aggregation,
                    "window": spec.window,
                    "time_zone": spec.time_zone,
                },
            )
        ],
        check_specs=[reconciliation_spec(schema, metric)],
        # The check alone, too: every night, and whenever somebody asks.
        can_subset=True,
        backfill_policy=_backfill_policy(spec),
        pool=POOL,
    )
    def run_windows(
        context: dg.AssetExecutionContext, warehouse: UsageWarehouse
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
        flow = warehouse.flow(schema)
        # A ledger that is lost would make every value nothing.
        open_ledger(flow)
        failed = None
        told: list[dg.AssetMaterialization | dg.AssetCheckResult] = []
        with warehouse.get_connection() as connection:
            prepare_metrics(connection, flow.register, schema)
            if context.selected_asset_keys:
                windows = windows_of(partitions, context.partition_keys)
                done: list[ComputedWindow] = []
                for computed in compute_each(connection, schema, metric, windows):
                    if isinstance(computed, MetricFailed):
                        failed = computed
                        continue
                    starts = [one.window.start for one in computed]
                    flow.register.windows.clear(schema.name, metric, starts)
                    done += computed
                chart = chart_metadata(connection, schema, metric)
                told += window_events(schema, metric, done, chart)
            if context.selected_asset_check_keys:
                told.append(reconciliation_result(connection, flow.register, schema, metric))
        # Dagster takes its time to note thousands of windows; the warehouse is free meanwhile.
        yield from told
        if failed is not None:
            raise dg.Failure(description=str(failed), allow_retries=False)

    return run_windows


def _backfill_policy(spec: MetricSpec) -> dg.BackfillPolicy:
    """Any span is one run; of hours as many as Dagster can plan, which is three years and more."""
    if spec.window != "hour":
        return dg.BackfillPolicy.single_run()
    # Dagster notes a planned check for every partition of a run in one statement, of 8 values each.
    with closing(sqlite3.connect(":memory:")) as connection:
        most = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=most // 8)
