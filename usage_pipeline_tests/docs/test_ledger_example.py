"""The worked example of the ledger page is typed as it stands, and says what it shows."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import pytest

from usage_pipeline.cli import main
from usage_pipeline_tests.docs.test_docs import section
from usage_pipeline_tests.workplace import Workplace

_FILE = re.compile(r"`([\w.-]+\.csv)`:\n\n```csv\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The only thing shown that is another one each time.
_WHEN = re.compile(r"(?<= on )\d{4}-\d\d-\d\d \d\d:\d\dZ(?=: )")


def example() -> str:
    return section("ledger.md", "A worked example")


def files(text: str) -> dict[str, str]:
    """{name: content} of the files that the page shows."""
    return dict(_FILE.findall(text))


def typed(text: str) -> list[tuple[str, str]]:
    """Each command of the page, in order, with what it shows below it."""
    found: list[tuple[str, str]] = []
    for block in _CONSOLE.findall(text):
        for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = one.partition("\n")
            found.append((command, shown))
    return found


def said(commands: list[str]) -> Iterator[str]:
    """What each command prints, on a screen: standard output and standard error together."""
    exit_code = 0
    for command in commands:
        if command == "echo $?":
            yield f"{exit_code}\n"
            continue
        program, *arguments = shlex.split(command)
        assert program == "usage-pipeline"
        screen = io.StringIO()
        with (
            redirect_stdout(screen),
            redirect_stderr(screen),
            patch.object(sys, "argv", [program, *arguments]),
        ):
            try:
                main()
            except SystemExit as end:
                exit_code = int(end.code or 0)
            else:
                exit_code = 0
        yield screen.getvalue()


def as_shown(screen: str) -> str:
    """Output without what the page leaves out: spaces at the ends of lines, and when it was."""
    lines = "".join(f"{line.rstrip()}\n" for line in screen.splitlines())
    return _WHEN.sub("TIME", lines)


def test_the_worked_example_says_what_its_commands_print(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = example()
    for name, content in files(text).items():
        work.file(name, content)
    monkeypatch.chdir(work.files)
    commands = [command for command, _ in typed(text)]
    shown = [(command, as_shown(output)) for command, output in typed(text)]
    printed = [as_shown(output) for output in said(commands)]
    assert shown == list(zip(commands, printed, strict=True))


def test_the_worked_example_goes_all_the_way() -> None:
    text = example()
    assert len(files(text)) == text.count("```csv") == 2
    used = [command.split()[1] for command, _ in typed(text) if command != "echo $?"]
    assert used == [
        *("ingest", "ingest", "duplicates", "explain", "metrics"),
        *("void", "explain", "metrics", "ingest"),
        *("restore", "metrics", "verify"),
    ]
