"""The check `reconciliation` finds values that do not follow from the ingestion table."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.schema import load_schemas
from usage_pipeline_tests.workplace import Workplace

MORE = """
    east: {aggregation: sum, field: storage_gb, window: month, where: "region = 'us-east'"}
    events: {aggregation: count, window: hour}
    mean_storage: {aggregation: average, field: storage_gb, window: day}
"""


@pytest.fixture
def filled(work: Workplace) -> Workplace:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("  metrics:\n", f"  metrics:{MORE}"))
    rows = [
        f"e{day},acme,2024-10-{day:02}T10:00:00Z,{day},{day}.5,us-{'east' if day % 2 else 'west'}"
        for day in range(1, 29)
    ]
    work.ingest(work.api_file("a.csv", *rows))
    return work


def checked(work: Workplace) -> dict[str, dg.AssetCheckEvaluation]:
    """{metric: what the check says}, by the job that runs every night."""
    definitions = dg.Definitions.merge(
        schema_definitions(load_schemas()["api_usage"]), shared_definitions()
    )
    with open_instance(work.folder) as instance:
        job = definitions.resolve_job_def("api_usage_reconcile_metrics")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        return {one.asset_key.path[-1]: one for one in result.get_asset_check_evaluations()}


def spoil(work: Workplace, statement: str) -> None:
    with work.flow().warehouse.open() as connection:
        connection.execute(statement)


def test_metrics_as_they_were_computed_pass(filled: Workplace) -> None:
    found = checked(filled)
    assert set(found) == set(load_schemas()["api_usage"].all_metrics)
    assert all(one.passed for one in found.values()), found
    words = found["east"].description or ""
    assert words.startswith("Values: 203 from 14 events.")


@pytest.mark.parametrize(
    ("metric", "statement"),
    [
        ("api_calls", "UPDATE api_usage.api_calls SET value = value + 1 WHERE value = 3"),
        ("events", "DELETE FROM api_usage.events WHERE window_start = "
                   "TIMESTAMPTZ '2024-10-05 10:00:00+00'"),
        ("east", "INSERT INTO api_usage.east "
                          "FROM api_usage.east LIMIT 1"),
        ("mean_storage", "UPDATE api_usage.mean_storage SET value = value * 2 WHERE window_start = "
                         "TIMESTAMPTZ '2024-10-28 00:00:00+00'"),
        ("peak_storage", "DELETE FROM api_usage.peak_storage"),
    ],
    ids=["altered", "missing", "doubled", "sampled", "emptied"],
)  # fmt: skip
def test_a_value_that_went_wrong_fails_its_metric_and_no_other(
    filled: Workplace, metric: str, statement: str
) -> None:
    spoil(filled, statement)
    assert {name for name, one in checked(filled).items() if not one.passed} == {metric}


def test_a_row_that_came_in_beside_the_pipeline_fails_what_it_would_count_in(
    filled: Workplace,
) -> None:
    spoil(
        filled,
        """INSERT INTO api_usage.ingestion_table
           SELECT * REPLACE ('us-west' AS region) FROM api_usage.ingestion_table
           WHERE event_id = 'e28'""",
    )
    failed = {name for name, one in checked(filled).items() if not one.passed}
    # Only the rows of us-east are part of east, and a copy changes no average.
    assert failed == {"api_calls", "events", "mean_storage", "peak_storage"}


def test_stale_windows_are_left_out_and_counted(filled: Workplace) -> None:
    spoil(filled, "UPDATE api_usage.api_calls SET value = value + 1 WHERE value = 3")
    day = datetime(2024, 10, 3, tzinfo=UTC)
    filled.register.windows.mark("api_usage", {"api_calls": [day], "mean_storage": [day]})
    found = checked(filled)
    assert found["api_calls"].passed
    assert found["api_calls"].metadata["stale_windows"].value == 1
    assert "1 stale windows are left out" in (found["api_calls"].description or "")
    assert found["mean_storage"].passed


def test_a_metric_without_events_passes(work: Workplace) -> None:
    found = checked(work)
    assert (
        found["api_calls"].description
        == "Values: 0 from 0 events. Ingestion table: 0 from 0 events."
    )
    assert all(one.passed for one in found.values())


def test_a_changed_metric_is_stale_until_it_is_computed(filled: Workplace) -> None:
    yaml = (filled.defs / "api_usage" / "defs.yaml").read_text()
    filled.describe("api_usage", yaml.replace("group_by: [region]", "group_by: []"))
    found = checked(filled)["api_calls"]
    assert found.metadata["stale_windows"].value == 28
    assert found.passed


def test_materializing_a_metric_in_the_ui_checks_it_too(filled: Workplace) -> None:
    definitions = dg.Definitions.merge(
        schema_definitions(load_schemas()["api_usage"]), shared_definitions()
    )
    with open_instance(filled.folder) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["api_usage", "api_calls"])],
            tags={
                "dagster/asset_partition_range_start": "2024-10-01",
                "dagster/asset_partition_range_end": "2024-10-31",
            },
        )
        [one] = result.get_asset_check_evaluations()
    assert (one.asset_key.path[-1], one.check_name, one.passed) == (
        "api_calls",
        "reconciliation",
        True,
    )
