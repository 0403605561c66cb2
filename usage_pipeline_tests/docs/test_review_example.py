"""The walk through a review is typed as it stands, and says what it shows."""

from __future__ import annotations

import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline_tests.docs.console import follow
from usage_pipeline_tests.docs.test_docs import section
from usage_pipeline_tests.workplace import Workplace


def test_the_walk_says_what_its_commands_print(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work.files)
    done = follow(section("review.md", "On a terminal"), work)
    assert done.shown == done.printed
    assert done.files == ["calls/defs.yaml", "october.csv", "fix.csv"]
    used = [command.split()[1] for command, _ in done.shown if command != "echo $?"]
    assert used == [
        *("ingest", "errors", "map", "errors", "check", "confirm", "errors"),
        *("check", "ingest", "refuse", "confirm", "reopen", "confirm", "metrics", "explain"),
    ]


def test_its_pictures_are_there_and_small() -> None:
    for name in ("review-failed.png", "review-confirm.png"):
        assert f"images/{name}" in (PROJECT / "docs" / "review.md").read_text()
        assert (PROJECT / "docs" / "images" / name).stat().st_size < 200_000
