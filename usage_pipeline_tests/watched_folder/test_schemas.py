"""Schemas side by side: one in trouble, one with large files, one that a person confirms."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import TickStatus

from usage_pipeline_tests.watched_folder.daemon import (
    Daemon,
    done,
    drop,
    lying_in,
    outcome,
    upload_named,
)
from usage_pipeline_tests.watched_folder.usage import api_calls, usage_file, values_of
from usage_pipeline_tests.workplace import Workplace

SOON = 90.0

YAML = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: {name}
  fields:
    customer_id: {{type: string}}
    timestamp: {{type: timestamp, time_zone: UTC}}
    minutes: {{type: integer, usage: true}}
    note: {{type: string, required: false}}
  event_key: [upload, line]
  metrics:
    {name}_minutes: {{aggregation: sum, field: minutes, window: day}}
"""

STORED = """\
Customer,Date,Class,GB Hours,Requests
acme,2024-10-01,standard,12.5,10
acme,2024-10-01,archive,1.25,20
"""


def long_notes(megabytes: int) -> str:
    note = "x" * (1 << 20)
    rows = [f"acme,2024-10-01T00:00:00Z,{number},{note}\n" for number in range(megabytes)]
    return "".join(["customer_id,timestamp,minutes,note\n", *rows])


@pytest.fixture(scope="module")
def daemon(shared_work: Workplace) -> Iterator[Daemon]:
    for name in ("blocked", "long_notes"):
        shared_work.describe(name, YAML.format(name=name))
    with Daemon(shared_work) as daemon:
        in_the_way = shared_work.folder.drop / "blocked"
        shutil.rmtree(in_the_way)
        in_the_way.write_text("somebody copied a file to the name of the folder")
        drop(shared_work, "stored.csv", STORED, "storage_summary")
        drop(shared_work, "large.csv", long_notes(65), "long_notes")
        drop(shared_work, "calls.csv", usage_file("calls", 40))
        yield daemon


def red_ticks(daemon: Daemon, sensor: str) -> list[str]:
    """What the ticks of a sensor said that failed."""
    ticks = [tick for tick in daemon.ticks(sensor) if tick.status == TickStatus.FAILURE]
    return [tick.error.to_string() if tick.error else "" for tick in ticks]


def test_a_folder_that_cannot_be_read_turns_the_tick_red(daemon: Daemon) -> None:
    folder = daemon.work.folder.drop / "blocked"
    daemon.wait_until(
        lambda: any(
            f"Files cannot be taken from {folder}" in words
            for words in red_ticks(daemon, "blocked_drop_folder")
        ),
        SOON,
        "a red tick",
    )


def test_other_schemas_go_on_beside_a_red_one(daemon: Daemon) -> None:
    daemon.wait_until(lambda: red_ticks(daemon, "blocked_drop_folder"), SOON, "a red tick")
    daemon.wait_until(lambda: done(daemon.work, "calls.csv"), SOON, "a note on calls.csv")
    assert red_ticks(daemon, "api_usage_drop_folder") == []


def test_a_file_that_waits_for_a_person_is_told_so(daemon: Daemon) -> None:
    daemon.wait_until(
        lambda: outcome(daemon.work, "stored.csv", "storage_summary"), SOON, "a note on stored.csv"
    )
    note = done(daemon.work, "stored.csv", "storage_summary")
    assert note.startswith("stored.csv: passed its checks, and waits for a person.\n")
    upload = upload_named(daemon.work, "stored.csv", "storage_summary").upload
    assert f"usage-pipeline confirm {upload} --by NAME" in note


def test_the_note_follows_a_confirmation_on_the_command_line(daemon: Daemon) -> None:
    daemon.wait_until(
        lambda: outcome(daemon.work, "stored.csv", "storage_summary"), SOON, "a note on stored.csv"
    )
    upload = upload_named(daemon.work, "stored.csv", "storage_summary").upload
    confirmed = daemon.work.run("confirm", upload, "--by", "Ada")
    assert confirmed.exit_code == 0, confirmed.err
    daemon.wait_until(
        lambda: done(daemon.work, "stored.csv", "storage_summary").startswith(
            "stored.csv: ingested."
        ),
        SOON,
        "a note that stored.csv is ingested",
    )
    found = daemon.work.listing("metrics", "gb_hours", "--schema", "storage_summary")
    assert sum(Decimal(row["value"]) for row in found) == Decimal("13.75")


def test_a_large_file_is_taken_by_a_run_of_its_own(daemon: Daemon) -> None:
    daemon.wait_until(
        lambda: outcome(daemon.work, "large.csv", "long_notes"), SOON, "a note on large.csv"
    )
    assert upload_named(daemon.work, "large.csv", "long_notes").size > 64 << 20
    statuses = [run.status for run in daemon.runs("long_notes_take_files")]
    assert statuses == [dg.DagsterRunStatus.SUCCESS]


def test_a_large_file_counts_and_has_left_the_folder(daemon: Daemon) -> None:
    daemon.wait_until(
        lambda: outcome(daemon.work, "large.csv", "long_notes"), SOON, "a note on large.csv"
    )
    found = values_of(daemon.work, "long_notes_minutes", schema="long_notes")
    assert found == {
        ("acme", datetime(2024, 10, 1, tzinfo=UTC), None): sum(map(Decimal, range(65)))
    }
    assert lying_in(daemon.work, "long_notes") == set()


def test_a_folder_that_can_be_read_again_is_watched_again(daemon: Daemon) -> None:
    daemon.wait_until(lambda: red_ticks(daemon, "blocked_drop_folder"), SOON, "a red tick")
    (daemon.work.folder.drop / "blocked").unlink()
    (daemon.work.folder.drop / "blocked").mkdir()
    drop(daemon.work, "freed.csv", long_notes(0) + "acme,2024-10-01T00:00:00Z,7,\n", "blocked")
    daemon.wait_until(
        lambda: done(daemon.work, "freed.csv", "blocked"), SOON, "a note on freed.csv"
    )


def test_a_metric_changed_in_the_yaml_is_computed_anew_without_a_file(daemon: Daemon) -> None:
    work = daemon.work
    daemon.wait_until(lambda: outcome(work, "calls.csv"), SOON, "a note on calls.csv")
    before = api_calls([usage_file("calls", 40)])
    assert values_of(work, "api_calls", "--customer", "calls") == before
    yaml = work.defs / "api_usage" / "defs.yaml"
    by_region = "window: day, group_by: [region]"
    assert by_region in yaml.read_text()
    daemon.kill_everything()
    yaml.write_text(yaml.read_text().replace(by_region, "window: day"))
    daemon.start()
    after: dict[tuple[str, datetime, str | None], Decimal] = {}
    for (customer, day, _), calls in before.items():
        after[customer, day, None] = after.get((customer, day, None), Decimal(0)) + calls
    assert len(after) < len(before)
    daemon.wait_until(
        lambda: daemon.runs("api_usage_refresh_metrics") and not daemon.live_runs(),
        SOON,
        "a run that computes the metric anew",
    )
    assert values_of(work, "api_calls", "--customer", "calls") == after
