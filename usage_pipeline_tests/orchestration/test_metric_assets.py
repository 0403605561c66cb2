"""Metric assets: their partitions are the metric's own windows, a backfill is one run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.partitions import window_partitions
from usage_pipeline.schema import load_schemas
from usage_pipeline_tests.workplace import Workplace


def test_a_backfill_over_any_range_is_one_run(work: Workplace) -> None:
    file = work.api_file(
        "a.csv",
        "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east",
        "e2,acme,2024-10-20T10:00:00Z,5,1.5,us-east",
    )
    work.ingest(file)
    before = work.values("api_calls")
    definitions = dg.Definitions.merge(
        schema_definitions(load_schemas()["api_usage"]), shared_definitions()
    )
    asset = dg.AssetKey(["api_usage", "api_calls"])
    with work.flow().warehouse.open() as connection:
        connection.execute("DELETE FROM api_usage.api_calls")
    with open_instance(work.folder) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[asset],
            tags={
                "dagster/asset_partition_range_start": "2024-09-25",
                "dagster/asset_partition_range_end": "2024-10-31",
            },
        )
        assert result.success
        assert len(instance.get_materialized_partitions(asset)) == 37
    assert work.values("api_calls") == before


def test_the_window_we_are_in_has_a_partition_and_is_marked_open(work: Workplace) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    work.ingest(work.api_file("now.csv", f"e1,acme,{now:%Y-%m-%dT%H:%M:%SZ},1,1,us-east"))
    asset = dg.AssetKey(["api_usage", "api_calls"])
    with open_instance(work.folder) as instance:
        [record] = instance.fetch_materializations(asset, limit=1).records
        assert record.partition_key == f"{now:%Y-%m-%d}"
        assert record.asset_materialization is not None
        assert record.asset_materialization.metadata["open"].value is True
        spec = load_schemas()["api_usage"].all_metrics["api_calls"]
        partitions = window_partitions(load_schemas()["api_usage"], spec)
        assert partitions.get_last_partition_key() == f"{datetime.now(UTC):%Y-%m-%d}"
