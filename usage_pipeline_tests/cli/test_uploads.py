"""What `uploads` lists of a long history."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from usage_pipeline.register import Upload
from usage_pipeline_tests.workplace import Workplace

NOW = datetime(2024, 10, 31, 12, tzinfo=UTC)


def received(work: Workplace, count: int) -> None:
    for number in range(count):
        name = f"u{number:04d}"
        one = Upload("api_usage", name, f"{name}.csv", name, 5, "received", NOW)
        work.register.receive(one, name, "ops")


@pytest.mark.parametrize(("count", "more"), [(200, False), (201, True), (230, True)])
def test_a_table_lists_200_and_says_whether_there_are_more(
    work: Workplace, count: int, more: bool
) -> None:
    received(work, count)
    out = work.run("uploads").out
    assert out.count("received  ") == 200
    assert ("The first 200; --format json or csv prints all." in out) is more


@pytest.mark.parametrize("form", ["json", "csv"])
def test_all_are_listed_for_programs(work: Workplace, form: str) -> None:
    received(work, 230)
    assert work.run("uploads", "--format", form).out.count('u0229"' if form == "json" else "u0229,")
