"""Metric assets: their partitions are the metric's own windows, a backfill is one run."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

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


def test_a_chart_that_cannot_be_drawn_takes_nothing_from_the_values(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.ingest(work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east"))
    monkeypatch.setitem(sys.modules, "usage_pipeline.metering.chart.figure", None)
    definitions = dg.Definitions.merge(
        schema_definitions(load_schemas()["api_usage"]), shared_definitions()
    )
    asset = dg.AssetKey(["api_usage", "api_calls"])
    with open_instance(work.folder) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[asset], partition_key="2024-10-01"
        )
        assert result.success
        [record] = instance.fetch_materializations(asset, limit=1).records
        assert record.asset_materialization is not None
        shown = record.asset_materialization.metadata
        assert str(shown["chart"].value).startswith("It cannot be drawn: ")
        assert shown["exact_total"].value == "10"


def test_a_backfill_computes_what_it_can_and_then_fails(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    total = "    total: {aggregation: sum, field: storage_gb, window: day}\n    api_calls:"
    work.describe("api_usage", yaml.replace("    api_calls:", total))
    big = "9" * 20
    rows = [f"e{n},acme,2024-10-02T10:00:00Z,1,{big},us-east" for n in range(3)]
    small = [f"s{day},acme,2024-10-0{day}T10:00:00Z,1,1,us-east" for day in (1, 3)]
    work.run("ingest", work.api_file("a.csv", *rows, *small), "--schema", "api_usage")
    definitions = dg.Definitions.merge(
        schema_definitions(load_schemas()["api_usage"]), shared_definitions()
    )
    asset = dg.AssetKey(["api_usage", "total"])
    with open_instance(work.folder) as instance:
        instance.wipe_assets([asset])
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[asset],
            tags={
                "dagster/asset_partition_range_start": "2024-10-01",
                "dagster/asset_partition_range_end": "2024-10-03",
            },
            raise_on_error=False,
        )
        assert not result.success
        [failure] = [event for event in result.all_events if event.is_step_failure]
        assert "2024-10-02T00:00:00+00:00" in str(failure.event_specific_data)
        assert instance.get_materialized_partitions(asset) == {"2024-10-01", "2024-10-03"}


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
