"""What each command prints, in the shapes that scripts rely on."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from usage_pipeline_tests.workplace import Workplace

ROWS = (
    "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east",
    "e2,acme,2024-10-01T11:00:00Z,5,0.000000000000000001,us-east",
    "e3,globex,2024-10-02 12:00:00,7,2.25,",
)


@pytest.fixture
def upload(work: Workplace) -> str:
    """An ingested upload of three events."""
    [row] = work.ingest(work.api_file("october.csv", *ROWS))
    return str(row["upload"])


def summary_file(work: Workplace) -> Path:
    return work.file(
        "storage.csv",
        "Customer,Date,Class,GB Hours,Requests\n"
        "acme,2024-10-01,standard,10.5,3\nacme,2024-10-01,archive,1.25,4\n",
    )


def waiting(work: Workplace) -> str:
    """An upload of the schema that asks for a person's confirmation."""
    [row] = work.ingest(summary_file(work), schema="storage_summary")
    assert row["state"] == "passed"
    return str(row["upload"])


def test_ingest_says_what_became_of_each_file_in_order(work: Workplace) -> None:
    bad = work.api_file("bad.csv", "e9,,2024-10-01T10:00:00Z,1,1,")
    rows = work.ingest(bad, work.api_file("good.csv", *ROWS))
    assert [row["state"] for row in rows] == ["failed", "ingested"]
    assert rows[1] == {
        "upload": rows[1]["upload"],
        "state": "ingested",
        "lines": 3,
        "valid": 3,
        "invalid": 0,
        "ingested": 3,
        "duplicates": 0,
        "superseded": 0,
    }


def test_the_same_bytes_again_change_nothing_under_any_name(work: Workplace, upload: str) -> None:
    before = work.listing("events", "--schema", "api_usage")
    [row] = work.ingest(work.api_file("copy.csv", *ROWS))
    assert row["upload"] == upload
    assert work.listing("events", "--schema", "api_usage") == before
    assert len(work.listing("uploads")) == 1


def test_a_failed_file_is_checked_afresh_with_todays_schema(work: Workplace) -> None:
    file = work.api_file("mars.csv", "e1,acme,2024-10-01T10:00:00Z,1,1,mars")
    assert work.ingest(file)[0]["state"] == "failed"
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("[us-east,", "[mars, us-east,"))
    assert work.ingest(file)[0]["state"] == "ingested"


def test_uploads_lists_counts_and_null_while_unknown(work: Workplace, upload: str) -> None:
    work.ingest(work.file("empty.csv", ""))
    first, second = work.listing("uploads")
    assert list(first) == [
        "upload",
        "schema",
        "state",
        "file_name",
        "sha256",
        "size",
        "lines",
        "valid",
        "invalid",
        "ingested",
        "duplicates",
        "superseded",
        "received_at",
        "fix_of",
    ]
    assert (first["upload"], first["lines"], first["ingested"]) == (upload, 3, 3)
    assert (second["state"], second["lines"], second["ingested"]) == ("failed", None, None)
    assert first["received_at"].endswith("+00:00")


def test_uploads_by_state(work: Workplace, upload: str) -> None:
    work.ingest(work.file("empty.csv", ""))
    assert [row["upload"] for row in work.listing("uploads", "--state", "ingested")] == [upload]
    assert work.run("uploads", "--state", "ingestd").exit_code == 2


def test_events_are_typed_and_say_where_they_come_from(work: Workplace, upload: str) -> None:
    first, second, third = work.listing("events", "--schema", "api_usage")
    assert first == {
        "upload": upload,
        "line": 2,
        "event_id": "e1",
        "customer_id": "acme",
        "timestamp": "2024-10-01T10:00:00+00:00",
        "api_call_count": 10,
        "storage_gb": "1.5",
        "region": "us-east",
    }
    assert second["storage_gb"] == "0.000000000000000001"
    assert third["region"] is None


def test_events_by_customer_and_time(work: Workplace, upload: str) -> None:
    def ids(*options: str) -> list[str]:
        rows = work.listing("events", "--schema", "api_usage", *options)
        return [row["event_id"] for row in rows]

    assert ids("--customer", "globex") == ["e3"]
    assert ids("--from", "2024-10-01T11:00:00+00:00") == ["e2", "e3"]
    assert ids("--to", "2024-10-02") == ["e1", "e2"]


def test_metrics_have_windows_groups_value_and_events(work: Workplace, upload: str) -> None:
    assert work.values("api_calls")[0] == {
        "metric": "api_calls",
        "customer_id": "acme",
        "window_start": "2024-10-01T00:00:00+00:00",
        "window_end": "2024-10-02T00:00:00+00:00",
        "region": "us-east",
        "value": 15,
        "events": 2,
    }
    peak = work.listing("metrics", "peak_storage", "--customer", "globex")
    assert [(row["value"], row["window_start"]) for row in peak] == [
        ("2.25", "2024-09-30T22:00:00+00:00")
    ]


def test_metric_filters_take_days_of_the_metrics_own_zone(work: Workplace, upload: str) -> None:
    assert work.listing("metrics", "peak_storage", "--from", "2024-10-01") != []
    assert work.listing("metrics", "peak_storage", "--from", "2024-10-02") == []


def test_a_metric_name_of_two_schemas_needs_the_schema(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("second", yaml.replace("name: api_usage", "name: second"))
    outcome = work.run("metrics", "api_calls")
    assert outcome.exit_code == 2
    assert "add --schema: api_usage, second" in outcome.err
    assert work.listing("metrics", "api_calls", "--schema", "second") == []


def test_check_changes_nothing(work: Workplace) -> None:
    [report] = work.check(work.api_file("a.csv", *ROWS))
    assert report["verdict"] == "passed"
    assert report["mapping"]["customer_id"] == "Account"
    assert work.listing("uploads") == []
    assert not any(work.folder.uploads.rglob("*.csv"))


def test_check_bounds_the_errors_it_lists_and_never_the_counts(work: Workplace) -> None:
    file = work.api_file("bad.csv", *(f"e{n},,2024-10-01T10:00:00Z,1,1," for n in range(50)))
    outcome = work.run(
        "check", file, "--schema", "api_usage", "--max-errors", "7", "--format", "json"
    )
    [report] = outcome.json
    assert (len(report["errors"]), report["error_count"], report["invalid"]) == (7, 50, 50)


def test_warnings_never_crowd_out_errors(work: Workplace) -> None:
    padded = (f'"e{n} ",acme,2024-10-01T10:00:00Z,1,1,' for n in range(5))
    file = work.api_file("a.csv", *padded, "e9,,2024-10-01T10:00:00Z,1,1,")
    outcome = work.run(
        "check", file, "--schema", "api_usage", "--max-errors", "2", "--format", "json"
    )
    [report] = outcome.json
    assert [error["code"] for error in report["errors"]] == ["required-value"]
    assert (report["error_count"], report["warning_count"]) == (1, 5)


def test_an_upload_that_waits_is_checked_again_under_a_new_schema(work: Workplace) -> None:
    upload = waiting(work)
    yaml = (work.defs / "storage_summary" / "defs.yaml").read_text()
    work.describe("storage_summary", yaml.replace("minimum: 0", "minimum: 1", 1))
    [row] = work.ingest(summary_file(work), schema="storage_summary")
    assert row["state"] == "passed"
    [row] = work.listing("confirm", upload, "--by", "rita")
    assert row["state"] == "ingested"


def test_check_writes_the_valid_rows_for_pandas(work: Workplace, tmp_path: Path) -> None:
    work.run(
        "check", work.api_file("a.csv", *ROWS), "--schema", "api_usage", "--mapped", tmp_path / "m"
    )
    frame = pd.read_parquet(tmp_path / "m" / "a.csv.parquet")
    assert list(frame["event_id"]) == ["e1", "e2", "e3"]
    assert list(frame["line"]) == [2, 3, 4]
    assert frame["storage_gb"][1] == Decimal("0.000000000000000001")


def test_errors_writes_just_the_bad_lines_in_a_form_no_spreadsheet_runs(work: Workplace) -> None:
    file = work.api_file(
        "bad.csv",
        ROWS[0],
        '"=HYPERLINK(""x"")",,2024-10-01T10:00:00Z,-5,1,us-east',
        "e4,acme",
    )
    [row] = work.ingest(file)
    target = work.files / "fix.csv"
    assert work.run("errors", row["upload"], "--output", target).exit_code == 0
    lines = list(csv.reader(io.StringIO(target.read_text())))
    assert [line[0] for line in lines] == [f"_line in {row['upload']}", "3", "4"]
    assert lines[1][3:7] == ['\'=HYPERLINK("x")', "", "2024-10-01T10:00:00Z", "-5"]
    assert lines[1][1] == "required-value constraint-error"
    assert lines[2][3:] == ["e4", "acme"]


def test_confirm_lets_a_waiting_upload_in(work: Workplace) -> None:
    upload = waiting(work)
    assert work.listing("metrics", "gb_hours") == []
    [row] = work.listing("confirm", upload, "--by", "rita", "--note", "as agreed")
    assert (row["state"], row["ingested"]) == ("ingested", 2)
    values = {row["storage_class"]: row["value"] for row in work.listing("metrics", "gb_hours")}
    assert values == {"standard": "10.5", "archive": "1.25"}
    [entry] = [one for one in work.listing("history", upload) if one["action"] == "confirm"]
    assert (entry["by"], entry["note"]) == ("rita", "as agreed")
    assert entry["schema_version"]


def test_refuse_keeps_it_out_and_reopen_leads_back(work: Workplace) -> None:
    upload = waiting(work)
    [row] = work.listing("refuse", upload, "--by", "rita", "--reason", "wrong month")
    assert row["state"] == "refused"
    assert work.run("confirm", upload, "--by", "rita").exit_code == 1
    again = work.run("ingest", summary_file(work), "--schema", "storage_summary")
    assert again.exit_code == 1
    assert "reopen" in again.err
    [row] = work.listing("reopen", upload, "--by", "rita", "--reason", "right after all")
    assert row["state"] == "passed"
    [row] = work.listing("confirm", upload, "--by", "rita")
    assert row["state"] == "ingested"


def test_confirming_what_failed_is_impossible(work: Workplace) -> None:
    [row] = work.ingest(work.file("empty.csv", ""))
    outcome = work.run("confirm", row["upload"], "--by", "rita")
    assert outcome.exit_code == 1
    assert "it is failed (`usage-pipeline errors empty.csv" in outcome.err


def test_confirming_after_the_schema_changed_asks_for_a_new_check(work: Workplace) -> None:
    upload = waiting(work)
    yaml = (work.defs / "storage_summary" / "defs.yaml").read_text()
    work.describe("storage_summary", yaml.replace("minimum: 0", "minimum: 1", 1))
    outcome = work.run("confirm", upload, "--by", "rita")
    assert outcome.exit_code == 1
    assert "has changed since" in outcome.err
    assert work.upload(upload).state == "passed"


def test_somebody_must_confirm(work: Workplace) -> None:
    assert work.run("confirm", waiting(work), "--by", " ").exit_code == 2


def test_history_tells_the_life_of_an_upload(work: Workplace, upload: str) -> None:
    work.ingest(work.api_file("copy.csv", *ROWS))
    actions = [entry["action"] for entry in work.listing("history", upload)]
    assert actions == ["receive", "pass", "confirm", "ingest", "repeat"]


def test_verify_has_its_shape(work: Workplace, upload: str) -> None:
    outcome = work.run("verify", "--format", "json")
    assert outcome.exit_code == 0
    assert outcome.json["ok"] is True
    assert {"name", "ok", "detail"} == set(outcome.json["checks"][0])


def test_json_is_all_there_is_on_standard_output(work: Workplace, upload: str) -> None:
    for command in (["uploads"], ["history", upload], ["metrics", "api_calls"], ["verify"]):
        json.loads(work.run(*command, "--format", "json").out)


def test_csv_listings_are_csv(work: Workplace, upload: str) -> None:
    rows = list(csv.DictReader(io.StringIO(work.run("uploads", "--format", "csv").out)))
    assert [row["upload"] for row in rows] == [upload]


def test_the_demo_tells_what_happened_and_running_it_twice_is_safe(work: Workplace) -> None:
    first = work.run("demo")
    assert first.exit_code == 0, first.err
    for word in ("2024-10-week-1.csv", "ingested", "failed", "api_calls", "usage-pipeline dev"):
        assert word in first.out
    before = work.listing("events", "--schema", "api_usage")
    second = work.run("demo")
    assert second.out.count("was there") == 5
    assert work.listing("events", "--schema", "api_usage") == before
