"""Metric values are exact, or there are none."""

from __future__ import annotations

from usage_pipeline_tests.workplace import Workplace

BIG = "99999999999999999999"


def test_a_sum_that_fits_no_38_digits_is_an_error_and_never_a_wrong_number(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    total = "    total: {aggregation: sum, field: storage_gb, window: day}\n    api_calls:"
    work.describe("api_usage", yaml.replace("    api_calls:", total))
    rows = [f"e{n},acme,2024-10-01T10:00:00Z,1,{BIG},us-east" for n in range(3)]
    outcome = work.run("ingest", work.api_file("a.csv", *rows), "--schema", "api_usage")
    assert outcome.exit_code == 3
    assert (
        "The metric api_usage.total cannot be computed for the window from 2024-10-01"
        in outcome.err
    )
    assert "a value does not fit 38 digits" in outcome.err
    assert "Traceback" not in outcome.err
    assert work.listing("metrics", "total") == []
    # The others are computed all the same, and `verify` says what is missing.
    assert work.listing("metrics", "api_calls")[0]["value"] == 3
    assert work.listing("metrics", "peak_storage")[0]["value"] == BIG
    assert work.run("verify").exit_code == 1


def test_a_window_that_cannot_be_computed_stops_no_other(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    total = "    total: {aggregation: sum, field: storage_gb, window: day}\n    api_calls:"
    work.describe("api_usage", yaml.replace("    api_calls:", total))
    rows = [f"e{day},acme,2024-10-{day:02}T10:00:00Z,1,{day},us-east" for day in range(1, 8)]
    big = [f"b{n},acme,2024-10-04T11:00:00Z,1,{BIG},us-east" for n in range(3)]
    outcome = work.run("ingest", work.api_file("a.csv", *rows, *big), "--schema", "api_usage")
    assert outcome.exit_code == 3
    assert "api_usage.total cannot be computed for the window from 2024-10-04T00" in outcome.err
    values = work.listing("metrics", "total")
    assert [row["value"] for row in values] == ["1", "2", "3", "5", "6", "7"]
    stale = work.register.windows.stale("api_usage")
    assert {metric: [start.day for start in starts] for metric, starts in stale.items()} == {
        "total": [4]
    }
    # Once the rows that are too large are out, the window is computed like any other.
    [upload] = work.listing("uploads")
    work.run("void", upload["upload"], "--by", "me", "--reason", "too large")
    assert work.register.windows.stale("api_usage") == {}


def test_values_that_only_together_are_too_large_are_still_there(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    total = "    total: {aggregation: sum, field: storage_gb, window: day}\n    api_calls:"
    work.describe("api_usage", yaml.replace("    api_calls:", total))
    rows = [f"e{n},customer-{n},2024-10-01T10:00:00Z,1,{BIG},us-east" for n in range(3)]
    [row] = work.ingest(work.api_file("a.csv", *rows))
    assert row["state"] == "ingested"
    assert [one["value"] for one in work.listing("metrics", "total")] == [BIG] * 3


def test_an_integer_sum_beyond_64_bits_is_exact(work: Workplace) -> None:
    rows = [f"e{n},acme,2024-10-01T10:00:00Z,{2**63 - 1},1,us-east" for n in range(3)]
    work.ingest(work.api_file("a.csv", *rows))
    assert work.listing("metrics", "api_calls")[0]["value"] == 3 * (2**63 - 1)


def test_cells_without_a_value_do_not_count_towards_a_metric(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe(
        "api_usage", yaml.replace("type: integer, from", "type: integer, required: false, from")
    )
    rows = [
        "e1,acme,2024-10-01T10:00:00Z,,1,us-east",
        "e2,acme,2024-10-01T10:00:00Z,4,1,us-east",
        "e3,globex,2024-10-01T10:00:00Z,,1,us-east",
    ]
    work.ingest(work.api_file("a.csv", *rows))
    [value] = work.listing("metrics", "api_calls")
    assert (value["customer_id"], value["value"], value["events"]) == ("acme", 4, 1)


def test_a_metric_that_was_taken_out_and_put_back_has_missed_nothing(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    without = "\n".join(line for line in yaml.splitlines() if "api_calls:" not in line)
    work.ingest(work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,10,1,us-east"))
    work.describe("api_usage", without)
    work.ingest(work.api_file("b.csv", "e2,acme,2024-10-01T10:00:00Z,100,1,us-east"))
    work.describe("api_usage", yaml)
    work.ingest(work.api_file("c.csv", "e3,acme,2024-10-09T10:00:00Z,1,1,us-east"))
    assert [row["value"] for row in work.listing("metrics", "api_calls")] == [110, 1]


def test_a_changed_metric_is_computed_anew_for_every_window(work: Workplace) -> None:
    rows = [f"e{n},acme,2024-10-0{n}T10:00:00Z,{n},1,us-east" for n in range(1, 4)]
    work.ingest(work.api_file("a.csv", *rows))
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("group_by: [region]", "group_by: []"))
    work.ingest(work.api_file("b.csv", "e9,acme,2024-10-03T10:00:00Z,10,1,us-west"))
    assert [row["value"] for row in work.listing("metrics", "api_calls")] == [1, 2, 13]
