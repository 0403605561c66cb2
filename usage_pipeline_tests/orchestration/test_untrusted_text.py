"""Text from files is text in the Dagster UI, whatever it contains: never Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest

from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.schema import load_schemas
from usage_pipeline_tests.workplace import HEADER, Workplace

EVIL = "**EVIL** [x](http:example.com) <img src=x onerror=alert()>"
#: What the UI shows as it is.
PLAIN = (dg.TextMetadataValue, dg.TableMetadataValue, dg.PathMetadataValue)

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


@pytest.fixture
def events(work: Workplace) -> list[Event]:
    """Everything that is stored of a file whose name, header and cells are evil."""
    rows = [f"{EVIL},acme,2024-10-01T00:00:00Z,{EVIL},1,us-east", f"e2,{EVIL},{EVIL},1,1,{EVIL}"]
    name = EVIL.replace("/", "_")
    file = work.file(f"{name}.csv", "\n".join([f"{HEADER},{EVIL}", *(f"{r},x" for r in rows), ""]))
    [upload] = work.ingest(file)
    assert upload["state"] == "failed"
    with open_instance(work.folder) as instance:
        logs = [
            record.event_log_entry.dagster_event
            for kind in (
                dg.DagsterEventType.ASSET_MATERIALIZATION,
                dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            )
            for record in instance.get_event_records(dg.EventRecordsFilter(kind), limit=1000)
        ]
    return [data for log in logs if log is not None for data in _data_of(log)]


def _data_of(log: dg.DagsterEvent) -> Iterator[Event]:
    if log.is_step_materialization:
        yield log.step_materialization_data.materialization
    else:
        data: Any = log.event_specific_data
        yield data


def _holds(value: object) -> bool:
    return "EVIL" in str(value)


def test_it_is_stored_in_plain_values_only(events: list[Event]) -> None:
    found: list[object] = []
    for event in events:
        metadata: Mapping[str, Any] = event.metadata
        found += [value for value in metadata.values() if _holds(value)]
    assert len(found) > 3
    assert [value for value in found if not isinstance(value, PLAIN)] == []


def test_it_is_in_no_description(events: list[Event]) -> None:
    assert events
    assert [event.description for event in events if _holds(event.description)] == []


def test_the_partition_is_named_by_safe_characters(events: list[Event]) -> None:
    for event in events:
        assert event.partition is not None
        assert not set(event.partition) & set("*[]()<> =:/")


def test_the_chart_of_a_metric_is_one_image_whatever_customers_are_called(work: Workplace) -> None:
    work.ingest(work.api_file("a.csv", f"e1,{EVIL},2024-10-01T00:00:00Z,1,1,us-east"))
    definitions = dg.Definitions.merge(
        schema_definitions(load_schemas()["api_usage"]), shared_definitions()
    )
    with open_instance(work.folder) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["api_usage", "peak_storage"])],
            partition_key="2024-10-01",
        )
    [shown] = result.asset_materializations_for_node("api_usage__peak_storage")
    chart = shown.metadata["chart"]
    assert isinstance(chart, dg.MarkdownMetadataValue)
    picture = r"!\[peak_storage\]\(data:image/svg\+xml;base64,[A-Za-z0-9+/]+=*\)"
    assert re.fullmatch(picture, chart.value)
    assert _holds(shown.metadata["top_customers"])
