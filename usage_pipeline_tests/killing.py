"""Processes that are killed at a chosen step of what they do to files."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

STEPS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.scandir")


def _nothing(_step: str, _path: str) -> None: ...


def killed_at(
    step: int,
    folder: Path,
    work: Callable[[], object],
    *,
    meanwhile: Callable[[str, str], None] = _nothing,
) -> bool:
    """Do `work` in a process that is killed just before its `step`-th step below `folder`.

    A step is anything that opens, makes, moves or removes a file. `meanwhile` is what another
    program does before each, given the step's name and path. False where `work` ended before.
    """
    child = os.fork()
    if child == 0:
        _watch(step, str(folder), meanwhile)
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"it ended by itself with {code}"
    return code != 0


def _watch(step: int, folder: str, meanwhile: Callable[[str, str], None]) -> None:
    steps, acting = 0, False

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps, acting
        if acting or event not in STEPS or not str(arguments[0]).startswith(folder):
            return
        acting = True
        meanwhile(event, str(arguments[0]))
        acting = False
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1

    sys.addaudithook(watch)
