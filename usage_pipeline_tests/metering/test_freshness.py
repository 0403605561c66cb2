"""After any change of the ledger exactly the touched windows are computed again, and no other."""

from __future__ import annotations

from datetime import datetime

import pytest

from usage_pipeline.metering.tables import metric_definitions
from usage_pipeline_tests.metering.small_ledger import FIELDS, schema_with
from usage_pipeline_tests.workplace import Workplace

FIRST = (
    "e1,acme,2024-10-01T10:00:00Z,10,1,us-east",
    "e2,acme,2024-10-02T10:00:00Z,20,1,us-east",
    "e3,globex,2024-10-03T10:00:00Z,30,1,us-east",
)
SECOND = (
    "e3,globex,2024-10-03T10:00:00Z,30,1,us-east",
    "e4,acme,2024-10-04T10:00:00Z,40,1,us-east",
    "e5,acme,2024-10-02T12:00:00Z,50,1,us-west",
)


@pytest.fixture
def filled(work: Workplace) -> Workplace:
    work.ingest(work.api_file("first.csv", *FIRST))
    return work


def days(work: Workplace) -> dict[str, set[str]]:
    """{day: when its values were computed}."""
    found: dict[str, set[str]] = {}
    for row in work.listing("metrics", "api_calls"):
        found.setdefault(row["window_start"][:10], set()).add(row["computed_at"])
    return found


def recomputed(before: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    return sorted(day for day in {*before, *after} if before.get(day) != after.get(day))


def totals(work: Workplace) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in work.listing("metrics", "api_calls"):
        day = row["window_start"][8:10]
        found[day] = found.get(day, 0) + row["value"]
    return found


def test_an_ingest_touches_the_days_of_its_rows_that_count(filled: Workplace) -> None:
    before = days(filled)
    filled.ingest(filled.api_file("second.csv", *SECOND))
    # e3 is a duplicate: its day has no new row.
    assert recomputed(before, days(filled)) == ["2024-10-02", "2024-10-04"]
    assert totals(filled) == {"01": 10, "02": 70, "03": 30, "04": 40}


def test_a_repeat_touches_nothing(filled: Workplace) -> None:
    before = days(filled)
    filled.ingest(filled.api_file("again.csv", *FIRST))
    assert recomputed(before, days(filled)) == []


def test_void_and_restore_touch_the_days_in_which_a_row_comes_or_goes(filled: Workplace) -> None:
    [second] = filled.ingest(filled.api_file("second.csv", *SECOND))
    reason = ("--by", "me", "--reason", "test")
    before = days(filled)
    filled.run("void", second["upload"], *reason)
    assert recomputed(before, days(filled)) == ["2024-10-02", "2024-10-04"]
    assert totals(filled) == {"01": 10, "02": 20, "03": 30}
    before = days(filled)
    filled.run("restore", second["upload"], *reason)
    assert recomputed(before, days(filled)) == ["2024-10-02", "2024-10-04"]
    assert totals(filled) == {"01": 10, "02": 70, "03": 30, "04": 40}


def test_voiding_the_winner_touches_the_day_of_the_row_that_takes_over(work: Workplace) -> None:
    [first] = work.ingest(work.api_file("first.csv", "e1,acme,2024-10-01T10:00:00Z,1,1,us-east"))
    work.ingest(
        work.api_file(
            "second.csv",
            "e1,acme,2024-10-05T10:00:00Z,2,1,us-east",
            "e2,acme,2024-10-09T10:00:00Z,3,1,us-east",
        )
    )
    before = days(work)
    work.run("void", first["upload"], "--by", "me", "--reason", "test")
    assert recomputed(before, days(work)) == ["2024-10-01", "2024-10-05"]
    assert totals(work) == {"05": 2, "09": 3}


def test_a_corrected_row_touches_where_it_was_and_where_it_is(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("on_duplicate: keep_first", "on_duplicate: keep_last"))
    work.ingest(work.api_file("first.csv", *FIRST))
    before = days(work)
    work.ingest(work.api_file("fix.csv", "e2,acme,2024-10-07T10:00:00Z,99,1,us-east"))
    assert recomputed(before, days(work)) == ["2024-10-02", "2024-10-07"]
    assert totals(work) == {"01": 10, "03": 30, "07": 99}


def test_a_mapping_by_a_person_touches_the_days_of_its_file(work: Workplace) -> None:
    [first] = work.ingest(work.api_file("first.csv", *FIRST))
    work.ingest(work.api_file("second.csv", SECOND[1]))
    before = days(work)
    swapped = ("--set", "api_call_count=Storage GB", "--set", "storage_gb=API Calls")
    outcome = work.run("map", first["upload"], *swapped, "--by", "me")
    assert outcome.exit_code == 0, outcome.err
    assert recomputed(before, days(work)) == ["2024-10-01", "2024-10-02", "2024-10-03"]
    assert totals(work) == {"01": 1, "02": 1, "03": 1, "04": 40}


def test_the_state_of_the_ledger_is_that_of_the_last_change(filled: Workplace) -> None:
    states = {row["ledger_state"] for row in filled.listing("metrics", "api_calls")}
    filled.ingest(filled.api_file("second.csv", *SECOND))
    after = {
        row["window_start"][:10]: row["ledger_state"]
        for row in filled.listing("metrics", "api_calls")
    }
    assert {after["2024-10-01"], after["2024-10-03"]} == states
    assert after["2024-10-02"] == after["2024-10-04"] > max(states)


def test_other_rows_are_another_state(filled: Workplace) -> None:
    """A rebuild by another policy decides nothing, and changes what counts."""
    again = (
        "e1,acme,2024-10-01T10:00:00Z,99,1,us-east",
        "e9,acme,2024-10-01T11:00:00Z,1,1,us-east",
    )
    filled.ingest(filled.api_file("second.csv", *again))
    before = filled.listing("metrics", "api_calls")[0]
    yaml = (filled.defs / "api_usage" / "defs.yaml").read_text()
    filled.describe("api_usage", yaml.replace("keep_first", "keep_last"))
    filled.run("rebuild", "--schema", "api_usage")
    after = filled.listing("metrics", "api_calls")[0]
    assert (before["value"], after["value"]) == (11, 100)
    assert after["ledger_state"] > before["ledger_state"]


def test_windows_are_those_of_the_metric_not_of_the_day(filled: Workplace) -> None:
    before = {
        row["window_start"]: row["computed_at"] for row in filled.listing("metrics", "peak_storage")
    }
    # The first hours of November in Berlin are still October in UTC.
    filled.ingest(filled.api_file("late.csv", "e8,acme,2024-10-31T23:30:00Z,1,9,us-east"))
    after = {
        row["window_start"]: row["computed_at"] for row in filled.listing("metrics", "peak_storage")
    }
    [october, november] = sorted(after, key=datetime.fromisoformat)
    assert after[october] == before[october]
    assert november not in before


def test_a_group_whose_type_changes_has_its_values_computed_anew() -> None:
    cents = {**FIELDS, "cents": {"type": "decimal", "precision": 12, "scale": 4}}
    metric = {"aggregation": "count", "window": "day", "group_by": ["cents"]}
    before, after = (schema_with(metric, fields) for fields in (FIELDS, cents))
    assert metric_definitions(before) != metric_definitions(after)
