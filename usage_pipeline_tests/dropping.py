"""What ops do with a drop folder, and what becomes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from usage_pipeline.flow import Flow
from usage_pipeline.intake import drop_folder
from usage_pipeline.intake.take import Large, Taken
from usage_pipeline_tests.workplace import HEADER, Workplace

#: Long enough for any file to be complete.
RESTED = 60.0


def look_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the tests the pause between the two looks; the files have rested by their dates."""
    monkeypatch.setattr(drop_folder, "PAUSE_SECONDS", 0.0)


def rest(path: Path, seconds: float = RESTED) -> Path:
    """Make a file look as if nobody has written to it for that long."""
    modified = time.time_ns() - int(seconds * 1e9)
    os.utime(path, ns=(modified, modified), follow_symlinks=False)
    return path


def usage(event: str, day: int = 1) -> str:
    """A good file for `api_usage` with one event."""
    return f"{HEADER}\n{event},acme,2024-10-{day:02d}T10:00:00Z,10,1.5,us-east\n"


def faulty_usage(event: str) -> str:
    """A file for `api_usage` with two wrong cells."""
    return f"{HEADER}\n{event},acme,nonsense,-10,1.5,us-east\n"


def drop_place(work: Workplace) -> Path:
    place = work.flow().drop_folder
    place.mkdir(parents=True, exist_ok=True)
    return place


def drop(work: Workplace, name: str, text: str, *, rested: float = RESTED) -> Path:
    """Put a complete file into the drop folder of `api_usage`."""
    path = drop_place(work) / name
    path.write_text(text)
    return rest(path, rested)


def rename_over(work: Workplace, name: str, text: str) -> None:
    """Put a complete file there in one step, whatever had the name before."""
    new = work.files / f"{name}.new"
    new.write_text(text)
    rest(new).replace(drop_place(work) / name)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def take(work: Workplace, *, most: int = 200, seconds: float = 60, large: Large = "take") -> Taken:
    """Take what lies in the drop folder of `api_usage`."""
    return work.flow().take_dropped(most=most, seconds=seconds, large=large)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def archived(work: Workplace) -> list[str]:
    """The contents that are in the archive, each as often as it is."""
    return sorted(path.read_text() for path in work.folder.uploads.rglob("original.csv"))


def drops_of(work: Workplace, name: str) -> list[str]:
    """What the drops under a name were, oldest first."""
    found = work.register.drops.named("api_usage", name, 1000)
    return [drop.outcome for drop in reversed(found)]


def work_off(flow: Flow) -> None:
    """Check what is received, ingest what is confirmed, compute the metrics."""
    flow.open_ledger()
    list(flow.check(flow.register.uploads(flow.schema.name, ["received"])))
    with flow.warehouse.open() as connection:
        list(flow.settle(connection, []))
        list(flow.refresh(connection))


def at_that_instant(
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    *,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> None:
    """Have another program act just before or after a step of ours, given by its dotted name."""
    module, _, name = step.rpartition(".")
    original = pytest.importorskip(module).__dict__[name]
    todo = [before, after]

    def observed(*args: Any, **kwargs: Any) -> Any:
        acts = [todo.pop(0), todo.pop(0)] if todo else [lambda: None] * 2
        acts[0]()
        result = original(*args, **kwargs)
        acts[1]()
        return result

    monkeypatch.setattr(step, observed)
