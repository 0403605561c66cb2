"""What a chart is drawn of: the largest customers one by one, and all others added up."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from usage_pipeline.metering.chart import Chart
from usage_pipeline.metering.series import chart_of, unit_of
from usage_pipeline.metering.tables import metric_table
from usage_pipeline_tests.metering.oracle import Event
from usage_pipeline_tests.metering.small_ledger import (
    EMPTY,
    FIELDS,
    computed,
    ledger_of,
    schema_with,
    windows_with,
)

FIRST, SECOND = (datetime(2024, 10, day, tzinfo=UTC) for day in (1, 2))


def event(line: int, customer: str, day: int = 1, **fields: Any) -> Event:
    at = datetime(2024, 10, day, 12, tzinfo=UTC)
    return Event(1, line, customer, at, {**EMPTY, **fields})


def chart(events: list[Event], most: int = 2, **metric: Any) -> Chart:
    schema = schema_with({"window": "day", **metric})
    with ledger_of(schema, events) as connection:
        computed(connection, schema, windows_with(events, schema.metrics["metric"]))
        return chart_of(connection, schema, "metric", metric_table(schema, "metric"), most=most)


def shown(chart: Chart) -> list[tuple[str, list[tuple[datetime, Decimal | None]]]]:
    return [(series.name, list(series.values)) for series in chart.series]


EVENTS = [
    event(2, "acme", calls=5, region="eu"),
    event(3, "acme", calls=4, region="us"),
    event(4, "acme", 2, calls=1, region="eu"),
    event(5, "globex", calls=7, region=None),
    event(6, "hooli", calls=2, region="eu"),
    event(7, "initech", 2, calls=3, region="eu"),
]


def test_a_series_is_a_customer_with_all_its_groups() -> None:
    found = chart(EVENTS, aggregation="sum", field="calls", group_by=["region"])
    assert shown(found) == [
        ("acme", [(FIRST, Decimal(9)), (SECOND, Decimal(1))]),
        ("globex", [(FIRST, Decimal(7))]),
    ]


def test_the_others_are_counted_and_added_up() -> None:
    others = chart(EVENTS, aggregation="sum", field="calls").others
    assert others is not None
    assert others.count == 2
    assert sorted(others.values) == [(FIRST, Decimal(2)), (SECOND, Decimal(3))]


def test_what_does_not_add_up_is_a_series_per_group() -> None:
    found = chart(EVENTS, most=3, aggregation="max", field="calls", group_by=["region"])
    assert shown(found) == [
        ("globex, (none)", [(FIRST, Decimal(7))]),
        ("acme, eu", [(FIRST, Decimal(5)), (SECOND, Decimal(1))]),
        ("acme, us", [(FIRST, Decimal(4))]),
    ]
    assert found.others is not None
    assert (found.others.count, list(found.others.values)) == (2, [])


def test_values_too_large_to_add_are_shown_one_by_one() -> None:
    most = Decimal("9" * 20)
    events = [event(line, name, gb=most) for line, name in enumerate("abcd", start=2)]
    found = chart(events, aggregation="sum", field="gb")
    assert [name for name, _ in shown(found)] == ["a", "b"]
    assert not found.adds_up


def test_without_values_there_is_nothing_to_draw() -> None:
    schema = schema_with({"aggregation": "count", "window": "day"})
    with ledger_of(schema, []) as connection:
        computed(connection, schema, [])
        found = chart_of(connection, schema, "metric", metric_table(schema, "metric"))
    assert (found.series, found.others) == ([], None)


def test_the_unit_is_what_the_value_counts() -> None:
    fields = {**FIELDS, "gb": {**FIELDS["gb"], "unit": "GB"}}
    metrics: dict[str, dict[str, Any]] = {
        "GB": {"aggregation": "max"},
        "GB-hours": {"aggregation": "weighted_sum"},
        "GB-months": {"aggregation": "weighted_sum", "per": "window"},
        # Another unit than the field's, and nobody says which.
        "": {"aggregation": "sum", "divide_by": "1000"},
    }
    for unit, metric in metrics.items():
        schema = schema_with({"field": "gb", "window": "month", **metric}, fields)
        assert unit_of(schema, schema.metrics["metric"]) == unit
