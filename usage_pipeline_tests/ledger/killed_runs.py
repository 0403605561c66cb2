"""Processes that work on a data folder and are killed: before a step, in a write, at an instant.

They are forked off a server that has imported everything and started nothing: a process in which
engines have been at work has threads, and must not be forked.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy import event

Work = Callable[[], object]

#: Events of Python's own that change what is on the disk. Opening counts where it is for writing.
FILE_STEPS = (
    "open",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.truncate",
    "sqlite3.connect",
)
FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("ALTER", "CREATE", "DELETE", "DROP", "INSERT", "UPDATE")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        # What the command line of pytest imports would be imported once more by each process.
        "pytest",
        "usage_pipeline.validation.gx_duckdb",
        "usage_pipeline_tests.ledger.lives",
        __name__,
    ]
)


def killed_before(step: int, folder: Path, work: Work) -> bool:
    """Do `work` in a process that is killed just before its `step`-th step; False where it ended.

    A step makes something durable: a file below `folder` is opened for writing, made, moved or
    removed; the register commits a change; the warehouse commits, is changed outside of a
    transaction, or is closed, which folds its log into the file. Nothing becomes durable between
    two steps, so a process that dies before one also dies right after the one before it.
    """
    process = _context.Process(target=_die_before, args=(step, str(folder), work))
    process.start()
    process.join()
    return _was_killed(process)


def killed_after(seconds: float | None, work: Work) -> bool:
    """Do `work` in a process that is killed after so long, if ever; False where it ended."""
    process = _context.Process(target=_live, args=(work,))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return _was_killed(process)


def killed_in_a_write(limit: int, work: Work) -> bool:
    """Do `work` in a process that the kernel kills in the write that would take a file beyond
    `limit` bytes, with what fits written; False where it ended.
    """
    process = _context.Process(target=_die_in_a_write, args=(limit, work))
    process.start()
    process.join()
    return _was_killed(process, signal.SIGXFSZ)


def _was_killed(process: BaseProcess, by: signal.Signals = signal.SIGKILL) -> bool:
    assert process.exitcode in (0, -by), f"it ended by itself with {process.exitcode}"
    return process.exitcode != 0


def _die_before(step: int, folder: str, work: Work) -> None:
    left = step

    def take_step() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    _watch_files(folder, take_step)
    _watch_register(take_step)
    _watch_warehouse(folder, take_step)
    _live(work)


def _die_in_a_write(limit: int, work: Work) -> None:
    # Python ignores the signal, which would make an error of it; unheeded it ends the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    # Half a compiled module would outlast the test.
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    _live(work)


def _live(work: Work) -> None:
    # What libraries make for processes of theirs vanishes with this one, then.
    multiprocessing.set_start_method("fork", force=True)
    work()


def _watch_files(folder: str, take_step: Callable[[], None]) -> None:
    def watch(name: str, arguments: tuple[Any, ...]) -> None:
        if name not in FILE_STEPS or not str(arguments[0]).startswith(folder):
            return
        # Half of them ask for what is so already, and change nothing.
        there = os.path.lexists(arguments[0])
        if (
            (name == "open" and not arguments[2] & FOR_WRITING)
            or (name == "os.mkdir" and there)
            or (name in ("os.remove", "os.rmdir") and not there)
        ):
            return
        take_step()

    sys.addaudithook(watch)


def _watch_register(take_step: Callable[[], None]) -> None:
    """The commits of any SQLite database that is opened from now on; those that change nothing
    make no difference.
    """
    changed = False

    def executed(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal changed
        changed = changed or statement.lstrip().upper().startswith(CHANGES)

    def commits(connection: sa.Connection) -> None:
        nonlocal changed
        if changed and connection.dialect.name == "sqlite":
            take_step()
        changed = False

    event.listen(sa.Engine, "after_cursor_execute", executed)
    event.listen(sa.Engine, "commit", commits)


def _watch_warehouse(folder: str, take_step: Callable[[], None]) -> None:
    connect = duckdb.connect

    def connect_watched(database: str, *arguments: Any, **options: Any) -> Any:
        if not database.startswith(folder):
            return connect(database, *arguments, **options)
        take_step()
        return _WatchedWarehouse(connect(database, *arguments, **options), take_step)

    vars(duckdb)["connect"] = connect_watched


class _WatchedWarehouse:
    """A connection to the warehouse that tells of each step before it is taken."""

    def __init__(self, real: duckdb.DuckDBPyConnection, take_step: Callable[[], None]) -> None:
        self._real = real
        self._take_step = take_step
        self._in_transaction = False
        self._known: set[str] = set()

    def execute(self, query: str, *arguments: Any) -> duckdb.DuckDBPyConnection:
        words = query.upper().split()
        changes = words[0] in CHANGES and "TEMP" not in words[:4] and query not in self._known
        if "EXISTS" in words:
            # Said again, it changes nothing.
            self._known.add(query)
        if words[0] == "COMMIT" or (changes and not self._in_transaction):
            self._take_step()
        if words[0] in ("BEGIN", "COMMIT", "ROLLBACK"):
            self._in_transaction = words[0] == "BEGIN"
        return self._real.execute(query, *arguments)

    def close(self) -> None:
        self._take_step()
        self._real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
