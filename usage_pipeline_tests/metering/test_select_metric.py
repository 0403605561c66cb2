"""A metric with a SELECT of its own sees the events of one window; it gives values or says why."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from usage_pipeline.metering import MetricFailed, compute_each
from usage_pipeline.metering.tables import make_metric_table
from usage_pipeline_tests.metering.oracle import Event
from usage_pipeline_tests.metering.small_ledger import (
    EMPTY,
    computed,
    ledger_of,
    schema_with,
    windows_with,
)


def event(line: int, day: int, customer: str = "acme", **fields: Any) -> Event:
    at = datetime(2024, 10, day, 12, tzinfo=UTC)
    return Event(1, line, customer, at, {**EMPTY, **fields})


EVENTS = [
    event(2, 1, gb=Decimal("1.5"), region="eu"),
    event(3, 1, gb=Decimal("2.5"), region="us"),
    event(4, 1, "globex", gb=Decimal(4), region="eu"),
    event(5, 2, gb=Decimal(8), region="eu"),
]


def values(sql: str, events: list[Event] = EVENTS, **metric: Any) -> dict[Any, Any]:
    """{(customer, day, *group): (value, events)}."""
    schema = schema_with({"aggregation": "sql", "window": "day", "sql": sql, **metric})
    with ledger_of(schema, events) as connection:
        found = computed(connection, schema, windows_with(events, schema.metrics["metric"]))
    return {
        (customer, window.start.day, *group): value
        for (customer, window, group), value in found.items()
    }


def test_it_sees_the_events_of_one_window_only() -> None:
    # Without the window in it, and still a value per day.
    assert values("SELECT customer_id, sum(gb) AS value FROM events GROUP BY customer_id") == {
        ("acme", 1): (4, 2),
        ("globex", 1): (4, 1),
        ("acme", 2): (8, 1),
    }


def test_customers_may_be_looked_at_together_within_a_window() -> None:
    share = """SELECT customer_id, sum(gb) AS value FROM events
               GROUP BY customer_id HAVING sum(gb) = (SELECT max(total) FROM (
                   SELECT sum(gb) AS total FROM events GROUP BY customer_id))"""
    assert set(values(share)) == {("acme", 1), ("globex", 1), ("acme", 2)}


def test_groups_are_columns_of_the_result() -> None:
    sql = "SELECT region, customer_id, max(gb) AS value FROM events GROUP BY ALL"
    assert values(sql, group_by=["region"]) == {
        ("acme", 1, "eu"): (Decimal("1.5"), 1),
        ("acme", 1, "us"): (Decimal("2.5"), 1),
        ("globex", 1, "eu"): (4, 1),
        ("acme", 2, "eu"): (8, 1),
    }


def test_where_and_conversion_are_as_for_any_metric() -> None:
    sql = "SELECT customer_id, sum(gb) AS value FROM events GROUP BY ALL"
    shaped = values(sql, where="region = 'eu'", divide_by="3", round={"digits": 2})
    assert shaped == {
        ("acme", 1): (Decimal("0.50"), 1),
        ("globex", 1): (Decimal("1.33"), 1),
        ("acme", 2): (Decimal("2.67"), 1),
    }


def test_a_value_that_is_null_is_no_value() -> None:
    sql = "SELECT customer_id, sum(gb) FILTER (region = 'us') AS value FROM events GROUP BY ALL"
    assert set(values(sql)) == {("acme", 1)}


def test_two_values_for_a_customer_are_refused_with_advice() -> None:
    with pytest.raises(MetricFailed, match=r"two values for customer acme .* group by customer_id"):
        values("SELECT customer_id, gb AS value FROM events")


def test_a_select_that_always_fails_is_not_tried_window_by_window_for_ever() -> None:
    # The last day could be computed; ten that fail before it are enough to give up.
    events = [event(1 + day, day, region="eu") for day in range(1, 21)]
    events.append(event(30, 28, region="7"))
    sql = "SELECT customer_id, CAST(max(region) AS BIGINT) AS value FROM events GROUP BY ALL"
    schema = schema_with({"aggregation": "sql", "window": "day", "sql": sql})
    with ledger_of(schema, events) as connection:
        make_metric_table(connection, schema, "metric")
        windows = windows_with(events, schema.metrics["metric"])
        [told] = compute_each(connection, schema, "metric", windows)
    assert isinstance(told, MetricFailed)
    assert "its SELECT fails: Conversion Error: Could not convert string 'eu'" in str(told)
    assert "LINE" not in str(told)


def test_what_fails_at_run_time_is_told_in_words() -> None:
    events = [event(2, 1, gb=Decimal("1e19"), region="eu")]
    sql = "SELECT customer_id, max(gb) * 1000000000000 AS value FROM events GROUP BY ALL"
    with pytest.raises(MetricFailed, match=r"38 digits|SELECT fails") as told:
        values(sql, events)
    assert "What was there before stays." in str(told.value)
