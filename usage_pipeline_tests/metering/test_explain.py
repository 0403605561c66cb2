"""The events that explain a value are those that it follows from, for every aggregation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from usage_pipeline.metering import window_of
from usage_pipeline.metering.explain import explain_value
from usage_pipeline_tests.metering.oracle import Event, values_of
from usage_pipeline_tests.metering.small_ledger import EMPTY, ledger_of, schema_with
from usage_pipeline_tests.workplace import Workplace

DAY = datetime(2024, 10, 27, tzinfo=UTC)


def event(line: int, hours: float, customer: str = "acme", **fields: Any) -> Event:
    return Event(1, line, customer, DAY + timedelta(hours=hours), {**EMPTY, **fields})


EVENTS = [
    event(2, 1, gb=Decimal("1.5"), calls=3, region="eu"),
    event(3, 5, gb=Decimal("9.25"), calls=None, region="eu"),
    event(4, 5, gb=Decimal("0.125"), calls=5, region="us"),
    event(5, 5, gb=Decimal(4), calls=7, region="eu"),
    event(6, 20, gb=None, calls=9, region=None),
    event(7, 30, gb=Decimal(100), calls=100, region="eu"),
    event(8, 3, "o'neil", gb=Decimal(7), calls=1, region="eu"),
]

METRICS: list[dict[str, Any]] = [
    {"aggregation": "count"},
    {"aggregation": "sum", "field": "calls"},
    {"aggregation": "average", "field": "gb"},
    {"aggregation": "latest", "field": "gb", "group_by": ["region"]},
    {"aggregation": "unique_count", "field": "region"},
    {"aggregation": "percentile", "field": "gb", "p": "0.9", "group_by": ["region"]},
    {"aggregation": "weighted_sum", "field": "gb", "group_by": ["region"]},
    {"aggregation": "weighted_sum", "field": "gb", "per": "window"},
]


def explained(metric: dict[str, Any], customer: str) -> list[dict[str, Any]]:
    schema = schema_with({"window": "day", "time_zone": "Europe/Berlin", **metric})
    spec = schema.metrics["metric"]
    window = window_of(DAY + timedelta(hours=1), "day", "Europe/Berlin")
    with ledger_of(schema, EVENTS) as connection:
        connection.execute(
            "INSERT INTO pipeline.places VALUES "
            "('meters', 1, 'a.csv-1', 'v', 1, true, 9, 9, 9, now())"
        )
        behind = explain_value(connection, schema, spec, customer, window)
        rows = connection.execute(behind.query, behind.values).fetchall()
    return [dict(zip(behind.columns, row, strict=True)) for row in rows]


@pytest.mark.parametrize("customer", ["acme", "o'neil", "nobody"])
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: "-".join(map(str, metric.values())))
def test_just_the_events_behind_the_value_are_listed(metric: dict[str, Any], customer: str) -> None:
    spec = schema_with({"window": "day", "time_zone": "Europe/Berlin", **metric}).metrics["metric"]
    listed = {row["line"] for row in explained(metric, customer)}
    behind = [one for one in EVENTS if one.line in listed and one.customer == customer]
    assert len(behind) == len(listed)
    whole, part = (
        {key: value for key, value in values_of(some, spec).items() if key[0] == customer}
        for some in (EVENTS, behind)
    )
    window = window_of(DAY + timedelta(hours=1), "day", "Europe/Berlin")
    assert part == {key: value for key, value in whole.items() if key[1] == window}


def test_a_percentile_ranks_the_values_of_each_group() -> None:
    rows = explained(METRICS[5], "acme")
    assert [(row["region"], row["gb"], row["rank"]) for row in rows] == [
        ("eu", Decimal("1.5"), 1),
        ("eu", Decimal(4), 2),
        ("eu", Decimal("9.25"), 3),
        ("us", Decimal("0.125"), 1),
    ]


def test_a_field_may_be_called_as_what_we_add(work: Workplace) -> None:
    work.describe(
        "ranks",
        """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: ranks
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp}
    rank: {type: integer, usage: true}
    window_end: {type: integer, required: false}
  event_key: [upload, line]
  metrics:
    median: {aggregation: percentile, field: rank, p: 0.5, window: day}
    held: {aggregation: weighted_sum, field: window_end, window: day}
""",
    )
    text = "customer_id,timestamp,rank,window_end\nacme,2024-10-01T18:00:00Z,70,2\n"
    work.ingest(work.file("a.csv", text), schema="ranks")
    asked = ("--customer", "acme", "--window", "2024-10-01")
    [median] = work.listing("explain-metric", "median", *asked)
    assert (median["rank"], median["metric_rank"]) == (70, 1)
    [held] = work.listing("explain-metric", "held", *asked)
    assert (held["window_end"], held["lasts_seconds"]) == (2, "21600")


def test_a_weighted_sum_says_how_long_each_value_holds() -> None:
    # A day of 25 hours that begins at 22:00 UTC; the third value ends at once, the fourth holds.
    rows = explained(METRICS[7], "acme")
    assert [(row["line"], row["lasts_seconds"]) for row in rows] == [
        (2, 4 * 3600),
        (3, 0),
        (4, 0),
        (5, 18 * 3600),
    ]
    total = sum(row["gb"] * row["lasts_seconds"] for row in rows)
    assert total / (25 * 3600) == Decimal("3.12")
