"""`metrics`, `explain-metric` and `preview-metric`: values, their events, and what others say."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from usage_pipeline_tests.workplace import Workplace

ROWS = (
    "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east",
    "e2,acme,2024-10-01T11:00:00Z,5,2.5,us-east",
    "e3,globex,2024-10-01T12:00:00Z,7,4,eu-west",
    "e4,acme,2024-10-02T10:00:00Z,1,8,us-west",
)


@pytest.fixture
def filled(work: Workplace) -> Workplace:
    work.ingest(work.api_file("a.csv", *ROWS))
    return work


class TestMetrics:
    def test_a_value_says_when_and_from_which_ledger_it_was_computed(
        self, filled: Workplace
    ) -> None:
        before = filled.listing("metrics", "api_calls")
        filled.ingest(filled.api_file("b.csv", "e9,acme,2024-10-02T12:00:00Z,1,1,us-west"))
        after = filled.listing("metrics", "api_calls")
        # The first day is as it was; the second was computed again, from a later ledger.
        assert after[:2] == before[:2]
        assert after[2]["value"] == before[2]["value"] + 1
        assert after[2]["ledger_state"] > before[2]["ledger_state"]
        assert after[2]["computed_at"] > before[2]["computed_at"]

    def test_stale_windows_are_remarked_on(self, filled: Workplace) -> None:
        start = filled.listing("metrics", "api_calls")[0]["window_start"]
        filled.register.windows.mark("api_usage", {"api_calls": [datetime.fromisoformat(start)]})
        outcome = filled.run("metrics", "api_calls", "--format", "json")
        assert "1 stale window of api_calls wait to be computed, from 2024-10-01" in outcome.err
        assert len(outcome.json) == 3

    def test_a_changed_metric_says_that_its_values_wait(self, filled: Workplace) -> None:
        yaml = (filled.defs / "api_usage" / "defs.yaml").read_text()
        filled.describe("api_usage", yaml.replace("group_by: [region]", "group_by: []"))
        outcome = filled.run("metrics", "api_calls", "--format", "json")
        # An empty listing would say that nothing was used.
        assert (outcome.exit_code, outcome.out) == (3, "")
        assert "as the YAML describes it now, are not computed yet" in outcome.err
        assert "materialized in the UI" in outcome.err

    def test_any_ingest_computes_what_waits(self, filled: Workplace) -> None:
        yaml = (filled.defs / "api_usage" / "defs.yaml").read_text()
        filled.describe("api_usage", yaml.replace("group_by: [region]", "group_by: []"))
        filled.ingest(filled.files / "a.csv")
        assert [row["value"] for row in filled.listing("metrics", "api_calls")] == [15, 7, 1]

    def test_verify_fails_until_a_changed_metric_is_computed(self, filled: Workplace) -> None:
        assert filled.run("verify", "--schema", "api_usage").exit_code == 0
        yaml = (filled.defs / "api_usage" / "defs.yaml").read_text()
        filled.describe("api_usage", yaml.replace("group_by: [region]", "group_by: []"))
        outcome = filled.run("verify", "--schema", "api_usage", "--format", "json")
        assert outcome.exit_code == 1
        [failed] = [one for one in outcome.json["checks"] if not one["ok"]]
        assert "api_calls, as the YAML describes it now" in failed["detail"]


class TestFiles:
    def test_a_chart_is_drawn_beside_the_listing(self, filled: Workplace) -> None:
        for name, begin in (("calls.svg", b"<?xml"), ("calls.png", b"\x89PNG")):
            outcome = filled.run(
                "metrics", "api_calls", "--plot", filled.files / name, "--format", "json"
            )
            assert outcome.exit_code == 0
            assert len(outcome.json) == 3
            assert f"Drawn: {filled.files / name}" in outcome.err
            assert (filled.files / name).read_bytes().startswith(begin)
        drawn = (filled.files / "calls.svg").read_text()
        assert "acme" in drawn
        assert "globex" in drawn

    def test_parquet_has_the_values_that_json_has(self, filled: Workplace) -> None:
        file = filled.files / "peak.parquet"
        outcome = filled.run(
            "metrics", "peak_storage", "--customer", "acme", "--parquet", file, "--format", "json"
        )
        [listed] = outcome.json
        [written] = pq.read_table(file).to_pylist()
        assert written["value"] == Decimal(listed["value"]) == 8
        assert written["window_start"] == datetime.fromisoformat(listed["window_start"])
        assert written["ledger_state"] == listed["ledger_state"]
        assert list(filled.files.glob(".*")) == []

    @pytest.mark.parametrize(
        ("option", "name", "says"),
        [
            ("--plot", "a.gif", "the name must end in .svg or .png"),
            ("--plot", "nowhere/a.svg", "there is no folder"),
            ("--parquet", "a.csv", "the name must end in .parquet"),
            ("--parquet", "folder.parquet", "there is a folder of that name"),
        ],
    )
    def test_a_file_that_cannot_be_meant_is_wrong_use(
        self, filled: Workplace, option: str, name: str, says: str
    ) -> None:
        (filled.files / "folder.parquet").mkdir()
        outcome = filled.run("metrics", "api_calls", option, filled.files / name)
        assert (outcome.exit_code, outcome.out) == (2, "")
        assert says in outcome.err

    def test_a_table_shows_how_each_customer_went(self, filled: Workplace) -> None:
        filled.ingest(
            filled.api_file(
                "more.csv",
                "e5,globex,2024-10-04T10:00:00Z,14,1,us-east",
                "e6,acme,2024-10-04T11:00:00Z,15,1,us-west",
            )
        )
        lines = filled.run("metrics", "api_calls").out.splitlines()
        # Four days, the third without events; each customer on a scale of its own.
        assert [line.split() for line in lines[-3:]] == [
            ["series", "2024-10-01", "to", "2024-10-04"],
            ["acme", "█▁·█"],
            ["globex", "▅··█"],
        ]


class TestExplain:
    @pytest.mark.parametrize("metric", ["api_calls", "peak_storage"])
    def test_a_window_beyond_the_calendar_is_wrong_use(
        self, filled: Workplace, metric: str
    ) -> None:
        outcome = filled.run(
            "explain-metric", metric, "--customer", "acme", "--window", "9999-12-31"
        )
        assert outcome.exit_code == 2
        assert outcome.err.strip() == "--window 9999-12-31: that is beyond the calendar."

    def test_every_event_behind_a_value_has_its_upload_and_line(self, filled: Workplace) -> None:
        outcome = filled.run(
            "explain-metric",
            "api_calls",
            "--customer",
            "acme",
            "--window",
            "2024-10-01",
            "--format",
            "json",
        )
        [upload] = filled.listing("uploads")
        assert outcome.json == [
            {
                "upload": upload["upload"],
                "line": line,
                "timestamp": f"2024-10-01T{hour}:00:00+00:00",
                "region": "us-east",
                "api_call_count": calls,
            }
            for line, hour, calls in ((2, 10, 10), (3, 11, 5))
        ]
        assert "Value: region us-east, 15 from 2 events" in outcome.err
        assert "of the ledger" in outcome.err

    def test_the_events_add_up_to_the_value(self, filled: Workplace) -> None:
        for value in filled.listing("metrics", "api_calls"):
            behind = filled.listing(
                "explain-metric",
                "api_calls",
                "--customer",
                value["customer_id"],
                "--window",
                value["window_start"],
            )
            assert sum(one["api_call_count"] for one in behind) == value["value"]
            assert len(behind) == value["events"]

    def test_any_moment_of_the_window_names_it(self, filled: Workplace) -> None:
        asked = ("explain-metric", "api_calls", "--customer", "acme", "--window")
        assert filled.listing(*asked, "2024-10-01T23:59:59Z") == filled.listing(
            *asked, "2024-10-01"
        )

    def test_a_customer_without_events_has_none(self, filled: Workplace) -> None:
        asked = ("explain-metric", "api_calls", "--customer", "nobody", "--window", "2024-10-01")
        assert filled.listing(*asked) == []
        assert "No events take part." in filled.run(*asked).out

    def test_a_window_that_is_no_time_is_wrong_use(self, filled: Workplace) -> None:
        outcome = filled.run(
            "explain-metric", "api_calls", "--customer", "acme", "--window", "yesterday"
        )
        assert outcome.exit_code == 2
        assert "--window yesterday: write a day or a time" in outcome.err


class TestPreview:
    def preview(self, work: Workplace, yaml: str, *options: str) -> list[dict[str, object]]:
        file = work.file("metric.yaml", yaml)
        return work.listing("preview-metric", str(file), "--schema", "api_usage", *options)

    def test_a_metric_that_no_schema_has_is_computed(self, filled: Workplace) -> None:
        rows = self.preview(
            filled, "mean_storage: {aggregation: average, field: storage_gb, window: day}"
        )
        assert [
            (row["metric"], row["customer_id"], row["value"], row["events"]) for row in rows
        ] == [
            ("mean_storage", "acme", "2", 2),
            ("mean_storage", "globex", "4", 1),
            ("mean_storage", "acme", "8", 1),
        ]

    def test_it_says_what_the_metric_says_once_it_is_in_the_schema(self, filled: Workplace) -> None:
        metric = "p90: {aggregation: percentile, field: storage_gb, p: 0.9, window: month}"
        previewed = self.preview(filled, metric)
        yaml = (filled.defs / "api_usage" / "defs.yaml").read_text()
        filled.describe("api_usage", yaml.replace("  metrics:\n", f"  metrics:\n    {metric}\n"))
        filled.ingest(filled.api_file("b.csv", "e9,late,2024-11-02T12:00:00Z,1,1,us-west"))
        known = [
            {name: row[name] for name in previewed[0]}
            for row in filled.listing("metrics", "p90", "--to", "2024-11-01")
        ]
        assert known == previewed
        assert Decimal(str(known[0]["value"])) == Decimal("6.9")

    def test_nothing_is_written(self, filled: Workplace) -> None:
        def everything() -> list[object]:
            with filled.flow().warehouse.open() as connection:
                tables = connection.execute(
                    "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
                ).fetchall()
                values = connection.execute("FROM api_usage.api_calls ORDER BY ALL").fetchall()
            return [tables, values, filled.flow().register.windows.stale("api_usage")]

        before = everything()
        self.preview(filled, "api_calls: {aggregation: count, window: year}")
        assert everything() == before

    def test_a_mistake_is_located_in_the_file(self, filled: Workplace) -> None:
        file = filled.file("metric.yaml", "metrics:\n  a:\n    aggregation: sum\n    window: day\n")
        outcome = filled.run("preview-metric", file, "--schema", "api_usage")
        assert outcome.exit_code == 2
        assert "metric.yaml:2: metrics.a: sum needs field. Allowed: api_call_count" in outcome.err

    def test_several_schemas_need_one_named(self, filled: Workplace) -> None:
        file = filled.file("metric.yaml", "a: {aggregation: count, window: day}")
        outcome = filled.run("preview-metric", file)
        assert outcome.exit_code == 2
        assert "Add --schema: " in outcome.err
