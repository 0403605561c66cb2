"""One process at a time in the warehouse, with a bounded wait and a name to ask.

DuckDB lets one process write and then refuses everybody else, readers too, at once and with a
process id at best. Waiting here, on a lock file of our own, makes that a queue instead.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

WAIT_SECONDS = 600.0


class WrongSetting(ValueError):
    """An environment variable holds something that cannot be meant."""


class WarehouseBusy(RuntimeError):
    """Somebody else held the warehouse for longer than we wait."""


def wait_seconds() -> float:
    """How long to wait for the warehouse; `USAGE_PIPELINE_LOCK_WAIT` (seconds) changes it."""
    given = os.environ.get("USAGE_PIPELINE_LOCK_WAIT", "")
    if not given:
        return WAIT_SECONDS
    # What float() takes beyond that, such as -1 and nan, would wait for ever.
    if not re.fullmatch(r"\d+(\.\d+)?", given):
        raise WrongSetting(
            f"USAGE_PIPELINE_LOCK_WAIT={given}: write a number of seconds, such as 60."
        )
    return float(given)


@contextmanager
def warehouse_lock(database: Path, wait: float | None = None) -> Iterator[None]:
    """Hold the warehouse at `database` while the block runs.

    Raises:
        WarehouseBusy: after `wait` seconds, naming who holds it and since when.
    """
    seconds = wait_seconds() if wait is None else wait
    lock = FileLock(database.with_suffix(".lock"))
    holder = database.with_suffix(".holder")
    try:
        lock.acquire(timeout=seconds, poll_interval=0.02)
    except Timeout:
        raise WarehouseBusy(
            f"The warehouse is in use by {_who(holder)}; waited {seconds:g} seconds. "
            "Try again when it is done, or set USAGE_PIPELINE_LOCK_WAIT to wait longer."
        ) from None
    try:
        holder.write_text(json.dumps(_myself()), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _myself() -> dict[str, object]:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return {"pid": os.getpid(), "command": command[:200], "since": _now()}


def _who(holder: Path) -> str:
    try:
        known = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "another process"
    return f"process {known['pid']} ({known['command']}) since {known['since']}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
