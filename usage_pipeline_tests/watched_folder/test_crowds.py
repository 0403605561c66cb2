"""Many files at once."""

from __future__ import annotations

import time

import pytest
from dagster._core.scheduler.instigation import InstigatorTick

from usage_pipeline_tests.watched_folder.daemon import Daemon, done, drop, failed, lying_in
from usage_pipeline_tests.watched_folder.usage import (
    api_calls,
    bad_usage_file,
    peak_storage,
    usage_file,
    values_of,
)
from usage_pipeline_tests.workplace import Workplace

pytestmark = pytest.mark.soak

TINY = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: tiny
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp, time_zone: UTC}
    calls: {type: integer, usage: true}
  event_key: [upload, line]
  metrics:
    tiny_calls: {aggregation: sum, field: calls, window: month}
"""


def test_three_hundred_files_at_once(work: Workplace) -> None:
    good = {f"c{number}.csv": usage_file(f"c{number}", 100) for number in range(300) if number % 30}
    bad = {f"c{number}.csv": bad_usage_file(f"c{number}", 100) for number in range(0, 300, 30)}
    assert (len(good), len(bad)) == (290, 10)
    with Daemon(work) as daemon:
        for name, text in sorted((good | bad).items()):
            drop(work, name, text)
        daemon.wait_until(
            lambda: (
                all(done(work, name) for name in good) and all(failed(work, name) for name in bad)
            ),
            600,
            "a note on every file",
        )
        assert values_of(work, "api_calls") == api_calls(good.values())
        assert values_of(work, "peak_storage") == peak_storage(good.values())
        assert {one.file_name for one in work.register.uploads(states=["ingested"])} == set(good)
        assert {one.file_name for one in work.register.uploads(states=["failed"])} == set(bad)
        assert work.run("verify").exit_code == 0
        assert lying_in(work) == set()


def test_ten_thousand_files_of_one_schema_hold_up_no_other(work: Workplace) -> None:
    work.describe("tiny", TINY)
    with Daemon(work) as daemon:
        for number in range(10_000):
            text = f"customer_id,timestamp,calls\nacme,2024-10-01T00:00:00Z,{number}\n"
            drop(work, f"{number:05d}.csv", text, "tiny")
        daemon.wait_until(lambda: work.register.uploads("tiny"), 60, "the first of them taken")
        drop(work, "other.csv", usage_file("other", 10))
        daemon.wait_until(lambda: done(work, "other.csv"), 180, "the file of another schema done")
        assert lying_in(work, "tiny"), "the crowd was gone already"
        # As many ticks as it takes to see them among runs that work.
        daemon.wait_until(lambda: len(daemon.ticks("tiny_drop_folder")) >= 10, 300, "ten ticks")
        assert max(map(seconds_of, daemon.ticks("tiny_drop_folder"))) < 30


def seconds_of(tick: InstigatorTick) -> float:
    """How long a tick took, or takes already."""
    return (tick.end_timestamp or time.time()) - tick.timestamp
