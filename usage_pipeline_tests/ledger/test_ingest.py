"""Ingestion: one transaction per upload, nothing twice, and what may not change under the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from usage_pipeline.flow import Flow
from usage_pipeline.ledger import LedgerShapeChanged
from usage_pipeline.register import Upload
from usage_pipeline.register.decisions import Decisions
from usage_pipeline_tests.workplace import Workplace

ROW = "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east"


def confirmed(flow: Flow, *files: Path) -> list[Upload]:
    """Uploads whose rows may go in and have not yet."""
    receipts = flow.receive(files, by="a test")
    return [upload for upload, _ in flow.check([receipt.upload for receipt in receipts])]


def ingest(flow: Flow, uploads: list[Upload]) -> None:
    with flow.warehouse.open() as connection:
        list(flow.settle(connection, uploads))


def test_a_crash_before_the_commit_leaves_nothing_and_the_next_run_heals(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = work.flow()
    uploads = confirmed(flow, work.api_file("a.csv", ROW))

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Decisions, "committing", crash)
        with pytest.raises(KeyboardInterrupt):
            ingest(flow, uploads)
    assert work.listing("events", "--schema", "api_usage") == []
    assert work.upload(uploads[0].upload).state == "confirmed"
    ingest(flow, [])
    assert work.upload(uploads[0].upload).state == "ingested"
    assert len(work.listing("events", "--schema", "api_usage")) == 1


def test_a_frame_that_was_replaced_since_its_check_is_searched_for_repeats_again(
    work: Workplace,
) -> None:
    flow = work.flow()
    [upload] = confirmed(flow, work.api_file("a.csv", ROW, ROW.replace("e1", "e2")))
    frame = flow.archive.mapped("api_usage", upload.upload, flow.version)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE other AS FROM '{frame}'")
        connection.execute("UPDATE other SET event_id = 'e1'")
        connection.execute(f"COPY other TO '{frame}' (FORMAT parquet)")
    ingest(flow, [upload])
    assert [row["line"] for row in work.listing("events", "--schema", "api_usage")] == [2]


def test_a_crash_after_the_commit_is_repaired_from_the_warehouse(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = work.flow()
    uploads = confirmed(flow, work.api_file("a.csv", ROW))

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Decisions, "followed", crash)
        with pytest.raises(KeyboardInterrupt):
            ingest(flow, uploads)
    assert work.upload(uploads[0].upload).state == "confirmed"
    assert work.run("verify").exit_code == 1
    # The next command of anybody's is enough.
    work.ingest(work.api_file("b.csv", ROW.replace("e1", "e2")))
    assert work.upload(uploads[0].upload).state == "ingested"
    assert work.listing("metrics", "api_calls")[0]["value"] == 20
    assert work.run("verify").exit_code == 0


def test_rows_that_count_are_not_judged_by_a_newer_schema_after_a_crash(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = work.flow()
    file = work.api_file("a.csv", ROW)
    uploads = confirmed(flow, file)
    with monkeypatch.context() as patched:
        patched.setattr(Decisions, "followed", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ingest(flow, uploads)
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("minimum: 0", "minimum: 77"))
    [row] = work.ingest(file)
    assert (row["state"], row["ingested"]) == ("ingested", 1)
    assert work.run("verify").exit_code == 0


def test_windows_that_a_crash_left_behind_are_computed_by_the_next_run(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = work.flow()
    ingest(flow, confirmed(flow, work.api_file("a.csv", ROW)))
    assert work.run("verify").exit_code == 1
    assert work.run("metrics", "api_calls").exit_code == 3
    work.ingest(work.api_file("b.csv", ROW.replace("e1,acme", "e2,globex")))
    assert {row["customer_id"] for row in work.listing("metrics", "api_calls")} == {
        "acme",
        "globex",
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("event_key: [event_id]", "event_key: [event_id, customer_id]", "event_key was"),
        ("type: decimal, from", "type: decimal, scale: 6, from", "field storage_gb was"),
        ("type: integer", "type: decimal", "field api_call_count was integer"),
    ],
)
def test_key_and_types_may_not_change_under_rows_that_are_in(
    work: Workplace, old: str, new: str, says: str
) -> None:
    work.ingest(work.api_file("a.csv", ROW))
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    assert old in yaml
    work.describe("api_usage", yaml.replace(old, new))
    flow = work.flow()
    uploads = confirmed(flow, work.api_file("b.csv", ROW.replace("e1", "e2")))
    with pytest.raises(LedgerShapeChanged, match=says):
        ingest(flow, uploads)
    outcome = work.run("ingest", work.files / "b.csv", "--schema", "api_usage")
    assert outcome.exit_code == 2
    assert says in outcome.err
    assert "Traceback" not in outcome.err


def test_a_field_that_is_new_is_empty_in_the_rows_before_it(work: Workplace) -> None:
    work.ingest(work.api_file("a.csv", ROW))
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    tier = "    tier: {type: string, required: false}\n"
    work.describe("api_usage", yaml.replace("    region:", f"{tier}    region:"))
    header = "Event ID,Account,When,API Calls,Storage GB,tier"
    work.ingest(work.file("b.csv", f"{header}\ne2,acme,2024-10-02T10:00:00Z,1,1,gold\n"))
    assert work.run("verify").exit_code == 0
    tiers = [row["tier"] for row in work.listing("events", "--schema", "api_usage")]
    assert tiers == [None, "gold"]


def test_a_listing_knows_a_field_that_is_newer_than_the_table(work: Workplace) -> None:
    work.ingest(work.api_file("a.csv", ROW))
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    tier = "    tier: {type: string, required: false}\n"
    work.describe("api_usage", yaml.replace("    region:", f"{tier}    region:"))
    assert work.listing("events", "--schema", "api_usage")[0]["tier"] is None
    assert work.run("verify").exit_code == 0


def test_a_frame_of_other_types_is_never_converted_into_the_table(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("type: integer", "type: decimal"))
    stopped = confirmed(work.flow(), work.api_file("a.csv", ROW.replace(",10,", ",10.5,")))
    work.describe("api_usage", yaml)
    flow = work.flow()
    with flow.warehouse.open() as connection:
        [(upload, why)] = flow.settle(connection, stopped)
    assert isinstance(why, LedgerShapeChanged)
    assert "api_call_count was read as DECIMAL(38,18) and is now BIGINT" in str(why)
    # It stops no other, and is checked again, by today's rules, when the next file comes.
    [row] = work.ingest(work.api_file("b.csv", ROW.replace("e1", "e2")))
    assert row["state"] == "ingested"
    assert work.upload(upload.upload).state == "failed"


def test_handing_in_a_file_again_computes_what_a_crash_left_stale(work: Workplace) -> None:
    flow = work.flow()
    file = work.api_file("a.csv", ROW)
    ingest(flow, confirmed(flow, file))
    assert work.run("metrics", "api_calls").exit_code == 3
    work.ingest(file)
    assert work.listing("metrics", "api_calls")[0]["value"] == 10


def test_only_valid_rows_of_a_file_with_set_aside_rows_count(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("refuse_file", "quarantine_rows"))
    [row] = work.ingest(work.api_file("a.csv", ROW, "e2,,2024-10-01T10:00:00Z,1,1,", "e3,acme"))
    assert (row["state"], row["lines"], row["valid"], row["invalid"]) == ("ingested", 3, 1, 2)
    assert row["ingested"] == 1
    [bad] = work.ingest(work.api_file("b.csv", "e3,acme"))
    assert bad["state"] == "failed"


def test_where_every_line_is_an_event_equal_lines_all_count(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("event_key: [event_id]", "event_key: [upload, line]"))
    [row] = work.ingest(work.api_file("a.csv", ROW, ROW))
    assert (row["ingested"], row["duplicates"]) == (2, 0)
    assert work.listing("metrics", "api_calls")[0]["value"] == 20
