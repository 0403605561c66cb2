"""The schema version changes with what is read and judged, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from usage_pipeline.schema import EventSchema, parse_schema, schema_version


def schema(**changes: Any) -> EventSchema:
    attributes: dict[str, Any] = {
        "name": "calls",
        "fields": {
            "customer_id": {"type": "string", "from": ["Account", "Customer"]},
            "timestamp": {"type": "timestamp", "time_zone": "UTC"},
            "calls": {"type": "integer", "usage": True},
        },
        "event_key": ["customer_id", "timestamp"],
    }
    return parse_schema(attributes | changes)


def with_calls(**keys: Any) -> EventSchema:
    fields = schema().model_dump(by_alias=True, exclude_unset=True)["fields"]
    return schema(fields={**fields, "calls": fields["calls"] | keys})


@pytest.mark.parametrize(
    "changed",
    [
        schema(start="2024-01-01"),
        schema(event_key=["customer_id"]),
        schema(on_invalid="quarantine_rows"),
        schema(csv={"null_values": ["", "NULL"]}),
        schema(csv={"encoding": "cp1252"}),
        schema(csv={"decimal_sign": ","}),
        schema(csv={"max_field_length": "1KB"}),
        schema(customers={"file": "customers.csv"}),
        with_calls(minimum=0),
        with_calls(required=False),
        with_calls(**{"from": ["Calls"]}),
    ],
)
def test_what_changes_rows_or_verdicts_changes_the_version(changed: EventSchema) -> None:
    assert schema_version(changed) != schema_version(schema())


@pytest.mark.parametrize(
    "changed",
    [
        schema(description="Calls"),
        schema(confirm="manual"),
        schema(csv={"max_errors": 5}),
        schema(metrics={"n": {"aggregation": "count", "window": "day"}}),
        with_calls(description="Calls", unit="call"),
    ],
)
def test_words_metrics_and_confirmation_do_not(changed: EventSchema) -> None:
    assert schema_version(changed) == schema_version(schema())


@pytest.mark.parametrize("key", [{"file": "b.csv"}, {"column": "B"}, {"unknown": "warning"}])
def test_every_key_of_customers_is_part_of_the_version(key: dict[str, str]) -> None:
    given = {"file": "a.csv", "column": "A"}
    changed = schema_version(schema(customers=given | key))
    assert changed != schema_version(schema(customers=given))


def test_the_version_of_a_schema_stays_what_it_was_before_there_were_lists_of_customers() -> None:
    # What is mapped and judged is found by it. A new RULES_VERSION alone may change it.
    assert schema_version(schema()) == "bde474bab12c"


def test_a_summary_is_keyed_by_customer_time_and_dimensions() -> None:
    fields = schema().model_dump(by_alias=True, exclude_unset=True)["fields"]
    summary = schema(
        kind="summary",
        window="day",
        event_key=None,
        fields={**fields, "region": {"type": "string"}},
    )
    assert summary.key_fields == ("customer_id", "timestamp", "region")
    assert list(summary.all_metrics) == ["calls"]
    assert summary.all_metrics["calls"].group_by == ["region"]


def test_a_mapping_by_a_person_has_a_version_of_its_own() -> None:
    alone = schema_version(schema())
    mapped = schema_version(schema(), {"customer_id": "Payer"})
    assert len({alone, mapped, schema_version(schema(), {"customer_id": "Owner"})}) == 3


@pytest.mark.parametrize("chosen", [None, {}, {"region": "Area"}])
def test_a_choice_for_no_field_of_the_schema_changes_nothing(
    chosen: dict[str, str] | None,
) -> None:
    assert schema_version(schema(), chosen) == schema_version(schema())
