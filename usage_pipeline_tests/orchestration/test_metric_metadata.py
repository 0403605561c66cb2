"""What a person at the UI reads of a metric's window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.metering import ComputedWindow, window_of
from usage_pipeline.orchestration.metric_metadata import window_metadata
from usage_pipeline_tests.metering.small_ledger import FIELDS, schema_with

SUM = {"aggregation": "sum", "field": "gb", "window": "month", "time_zone": "Europe/Berlin"}
OCTOBER = datetime(2024, 10, 15, tzinfo=UTC)
HOSTILE = ["**bold**", "<script>alert(1)</script>", "[x](http://example.com)", "$x^2$"]

#: Every amount that fits DECIMAL(38, 18).
amounts = st.decimals(-(10**20) + 1, 10**20 - 1, places=18)


def shown(
    amount: str | Decimal | None,
    before: str | Decimal | None = None,
    top: Mapping[str, Decimal] | None = None,
    spec: Mapping[str, Any] = SUM,
    at: datetime = OCTOBER,
    **more: Any,
) -> dict[str, Any]:
    """The metadata of the month, {name: value}."""
    computed = ComputedWindow(
        window_of(at, "month", "Europe/Berlin"),
        customers=2,
        values=3,
        events=7,
        amount=None if amount is None else Decimal(amount),
        before=None if before is None else Decimal(before),
        top=tuple((top or {}).items()),
    )
    fields = {**FIELDS, "gb": {**FIELDS["gb"], "unit": "GB"}}
    found = window_metadata(schema_with(spec, fields), "metric", computed, **more)
    return {
        name: value.value if isinstance(value, dg.MetadataValue) else value
        for name, value in found.items()
    }


def test_the_amount_stands_first_as_a_number_and_then_exactly() -> None:
    found = shown("12345678901234567890.123456789012345678")
    assert list(found)[:3] == ["total", "exact_total", "unit"]
    assert found["total"] == 12345678901234567890.123456789012345678
    assert found["exact_total"] == "12345678901234567890.123456789012345678"
    assert found["unit"] == "GB"


def test_what_does_not_add_up_is_the_largest_and_no_total() -> None:
    found = shown("5", spec={**SUM, "aggregation": "max"})
    assert (found["largest"], found["exact_largest"]) == (5.0, "5")
    assert "total" not in found


def test_a_metric_without_a_unit_shows_none() -> None:
    assert "unit" not in shown("5", spec={**SUM, "aggregation": "sum", "divide_by": 3})


@pytest.mark.parametrize(
    ("amount", "before", "words", "percent"),
    [
        ("150", "100", "+50 against 100 in the window before", 50.0),
        ("50", "100", "-50 against 100 in the window before", -50.0),
        ("100", "100.00", "0 against 100 in the window before", 0.0),
        ("0", "100", "-100 against 100 in the window before", -100.0),
        ("2", "3", "-1 against 3 in the window before", -33.33),
        ("0.3", "0.1", "+0.2 against 0.1 in the window before", 200.0),
        ("5", "0", "+5 against 0 in the window before", None),
        ("0", "0", "0 against 0 in the window before", None),
        ("5", "-10", "+15 against -10 in the window before", None),
        ("-5", "10", "-15 against 10 in the window before", -150.0),
    ],
    ids=[
        *("more", "less", "the same", "nothing now", "a third", "no binary fraction"),
        *("zero before", "zero both", "negative before", "negative now"),
    ],
)
def test_the_change_is_told_in_words_and_in_percent_of_what_was_there(
    amount: str, before: str, words: str, percent: float | None
) -> None:
    found = shown(amount, before)
    assert found["change"] == words
    assert found.get("change_percent") == percent


@pytest.mark.parametrize(("amount", "before"), [("5", None), (None, "5"), (None, None)])
def test_there_is_no_change_where_one_of_both_has_no_amount(
    amount: str | None, before: str | None
) -> None:
    assert not {"change", "change_percent"} & {*shown(amount, before)}


@given(amounts, amounts)
def test_the_change_is_exact(amount: Decimal, before: Decimal) -> None:
    words = shown(amount, before)["change"].split(" ")
    assert Fraction(words[0]) == Fraction(amount) - Fraction(before)
    assert Fraction(words[2]) == Fraction(before)


def test_a_window_that_is_not_finished_says_so() -> None:
    found = shown("5", "10", at=datetime.now(UTC))
    assert found["open"] is True
    assert found["change"] == "-5 against 10 in the window before; this window is not finished"
    assert shown("5", "10")["open"] is False


def test_the_window_is_told_in_the_time_zone_of_the_metric() -> None:
    found = shown("5")
    assert found["window_start"] == "2024-10-01 00:00+02:00 Europe/Berlin"
    assert found["window_end"] == "2024-11-01 00:00+01:00 Europe/Berlin"


def test_the_customers_with_most_are_a_table_of_exact_values() -> None:
    rows = shown("5", top={"acme": Decimal("1E+3"), "globex": Decimal("0.500")})[
        "top_customers"
    ].records
    assert [row.data for row in rows] == [
        {"customer": "acme", "value": "1000"},
        {"customer": "globex", "value": "0.5"},
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_customers_are_kept_as_they_are_in_plain_values(name: str) -> None:
    [row] = shown("5", top={name: Decimal(5)})["top_customers"].records
    assert row.data["customer"] == name


def test_names_of_customers_move_no_cursor_and_fill_no_page() -> None:
    top = {"\x1b[2J\u202e": Decimal(5), "x" * 5000: Decimal(4)}
    rows = shown("5", top=top)["top_customers"].records
    assert rows[0].data["customer"] == "\\x1b[2J\\u202e"
    assert len(rows[1].data["customer"]) == 200


def test_the_chart_stands_before_the_customers() -> None:
    chart = {"chart": dg.MetadataValue.md("a picture")}
    names = list(shown("5", top={"acme": Decimal(5)}, chart=chart))
    assert names.index("chart") < names.index("top_customers")


def test_counts_come_last() -> None:
    found = shown("5", "4", top={"acme": Decimal(5)}, at=OCTOBER - timedelta(days=1))
    assert list(found)[-5:] == [
        *("customers", "events", "window_start", "window_end", "dagster/row_count")
    ]
    assert (found["customers"], found["events"], found["dagster/row_count"]) == (2, 7, 3)
