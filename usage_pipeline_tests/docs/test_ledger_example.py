"""The worked example of the ledger page is typed as it stands, and says what it shows."""

from __future__ import annotations

import pytest

from usage_pipeline_tests.docs.console import follow
from usage_pipeline_tests.docs.test_docs import section
from usage_pipeline_tests.workplace import Workplace


def test_the_worked_example_says_what_its_commands_print(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work.files)
    text = section("ledger.md", "A worked example")
    done = follow(text, work)
    assert done.shown == done.printed
    assert len(done.files) == text.count("```csv") == 2
    used = [command.split()[1] for command, _ in done.shown if command != "echo $?"]
    assert used == [
        *("ingest", "ingest", "duplicates", "explain", "metrics"),
        *("void", "explain", "metrics", "ingest"),
        *("restore", "metrics", "verify"),
    ]
