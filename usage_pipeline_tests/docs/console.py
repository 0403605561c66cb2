"""A page's example as a reader follows it: files as it shows them, commands as it types them."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from unittest.mock import patch

from usage_pipeline.cli import main
from usage_pipeline_tests.workplace import Workplace

_STEP = re.compile(
    r"`(?P<file>[\w./-]+\.(?:csv|yaml))`:\n\n```(?:csv|yaml)\n(?P<content>.*?)^```$"
    r"|^```console\n(?P<console>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
#: The only thing shown that is another one each time.
_WHEN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d\.\d+)?(Z|\+00:00)(?=: |\s|$)")


@dataclass
class Followed:
    """What a page shows below each command, and what the command printed."""

    shown: list[tuple[str, str]] = field(default_factory=list)
    printed: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def follow(text: str, work: Workplace) -> Followed:
    """Do what a page says, from top to bottom, in the folder of the user's files.

    `<name>/defs.yaml` becomes an event schema; any other file is the user's.
    """
    done = Followed()
    exit_code = 0
    for step in _STEP.finditer(text):
        if step["console"] is None:
            done.files.append(step["file"])
            _write(step["file"], step["content"], work)
            continue
        for command, shown in _typed(step["console"]):
            if command == "echo $?":
                printed = f"{exit_code}\n"
            else:
                printed, exit_code = _run(command)
            done.shown.append((command, _as_shown(shown)))
            done.printed.append((command, _as_shown(printed)))
    return done


def _write(name: str, content: str, work: Workplace) -> None:
    if name.endswith("/defs.yaml"):
        work.describe(name.removesuffix("/defs.yaml"), content)
    else:
        work.file(name, content)


def _typed(block: str) -> Iterator[tuple[str, str]]:
    for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = one.partition("\n")
        yield command, shown


def _run(command: str) -> tuple[str, int]:
    """What a command prints on a screen, standard output and error together, and how it ends."""
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
            return screen.getvalue(), int(end.code or 0)
    return screen.getvalue(), 0


def _as_shown(screen: str) -> str:
    """Output without what the page leaves out: space at the ends, and when it was."""
    lines = "\n".join(line.rstrip() for line in screen.splitlines())
    return _WHEN.sub("TIME", lines.rstrip("\n"))
