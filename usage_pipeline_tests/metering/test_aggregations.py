"""Every aggregation, over any events, gives what plain Python with fractions gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.metering import MetricFailed
from usage_pipeline.schema import Aggregation, Window
from usage_pipeline_tests.metering.oracle import Event, values_of
from usage_pipeline_tests.metering.small_ledger import (
    EMPTY,
    FIELDS,
    computed,
    ledger_of,
    schema_with,
    windows_with,
)

#: Around both changes of the clock in Berlin, and the end of a year.
MOMENTS = [
    datetime(2024, 3, 31, 0, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
    datetime(2024, 12, 31, 22, 59, tzinfo=UTC),
]


def decimals(digits: int, places: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda number: Decimal(number).scaleb(-places))


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    found = []
    for line in range(draw(st.integers(1, 12))):
        fields = {
            **EMPTY,
            "calls": draw(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5)),
            "gb": draw(st.none() | decimals(30, 18) | decimals(3, 1)),
            "cents": draw(st.none() | decimals(12, 2)),
            "region": draw(st.sampled_from([None, "eu", "us", ""])),
            "trial": draw(st.sampled_from([None, True, False])),
        }
        moment = draw(st.sampled_from(MOMENTS)) + timedelta(
            minutes=draw(st.sampled_from([0, 0, 1, 61, 1439])),
            microseconds=draw(st.sampled_from([0, 1, 999_999])),
        )
        customer = draw(st.sampled_from(["acme", "globex"]))
        found.append(Event(draw(st.integers(1, 3)), line + 2, customer, moment, fields))
    return found


@st.composite
def metrics(draw: st.DrawFn) -> dict[str, Any]:
    aggregation = draw(st.sampled_from([one for one in get_args(Aggregation) if one != "sql"]))
    metric: dict[str, Any] = {
        "aggregation": aggregation,
        "window": draw(st.sampled_from(get_args(Window))),
        "time_zone": draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"])),
        "group_by": draw(st.sampled_from([[], ["region"], ["trial", "region"]])),
    }
    if aggregation != "count":
        metric["field"] = draw(st.sampled_from(["calls", "gb", "cents"]))
    if aggregation == "unique_count":
        metric["field"] = draw(st.sampled_from(["calls", "gb", "region", "trial"]))
    if aggregation == "percentile":
        metric["p"] = draw(st.sampled_from(["0.5", "0.95", "0.99", "1", "0.123456789"]))
        metric["interpolation"] = draw(st.sampled_from(["linear", "none"]))
    if aggregation == "weighted_sum":
        metric["per"] = draw(st.sampled_from(["hour", "window"]))
    if draw(st.booleans()):
        metric["multiply_by"] = draw(st.sampled_from(["60", "0.001", "1000", "1.19"]))
    if draw(st.booleans()):
        metric["divide_by"] = draw(st.sampled_from(["3", "1024", "1073741824", "0.7"]))
    if draw(st.booleans()):
        metric["round"] = {
            "digits": draw(st.sampled_from([0, 2, 18])),
            "mode": draw(st.sampled_from(["half_even", "half_up", "up", "down"])),
        }
    return metric


@pytest.mark.slow
@given(events(), metrics())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_metric_over_any_events_is_what_fractions_give(
    happened: list[Event], metric: dict[str, Any]
) -> None:
    schema = schema_with(metric)
    spec = schema.metrics["metric"]
    expected = values_of(happened, spec)
    digits = spec.round.digits if spec.round else 18
    too_long = any(abs(value).scaleb(digits) >= 10**38 for value, _ in expected.values())
    with ledger_of(schema, happened) as connection:
        try:
            found = computed(connection, schema, windows_with(happened, spec))
        except MetricFailed:
            assert too_long
        else:
            assert found == expected


#: Names of columns on the way to a value; a field may be called like one.
NAMES = "total rank n low high beyond least most step whole level lasts w r q c w1 r1 low1 q1 c0"


@pytest.mark.parametrize("name", [*NAMES.split(), "negative"])
@pytest.mark.parametrize(
    "metric",
    [
        {"aggregation": "average"},
        {"aggregation": "percentile", "p": "0.3"},
        {"aggregation": "percentile", "p": "0.3", "interpolation": "none"},
        {"aggregation": "weighted_sum"},
        {"aggregation": "sum", "divide_by": 7},
    ],
)
def test_a_group_may_be_called_anything(name: str, metric: dict[str, Any]) -> None:
    fields = {
        "event_id": {"type": "string", "required": False},
        "customer_id": {"type": "string"},
        "timestamp": {"type": "timestamp"},
        "calls": {"type": "integer", "usage": True},
        name: {"type": "integer"},
    }
    schema = schema_with({**metric, "field": "calls", "window": "day", "group_by": [name]}, fields)
    spec = schema.metrics["metric"]
    happened = [
        Event(1, line, "acme", MOMENTS[1], {"calls": 1000 * line + 1, name: line % 2 + 1})
        for line in range(9)
    ]
    with ledger_of(schema, happened) as connection:
        found = computed(connection, schema, windows_with(happened, spec))
    assert found == values_of(happened, spec)


def test_a_group_of_a_select_may_be_called_anything() -> None:
    sql = "SELECT customer_id, q, sum(calls) AS value FROM events GROUP BY ALL"
    metric = {"aggregation": "sql", "sql": sql, "window": "day", "group_by": ["q"]}
    fields = {**FIELDS, "q": {"type": "integer"}}
    schema = schema_with({**metric, "round": {"digits": 1}}, fields)
    happened = [Event(1, 2, "acme", MOMENTS[1], {"calls": 5, "q": 3})]
    with ledger_of(schema, happened) as connection:
        found = computed(connection, schema, windows_with(happened, schema.metrics["metric"]))
    assert [(group, value) for (_, _, group), value in found.items()] == [((3,), (Decimal(5), 1))]
