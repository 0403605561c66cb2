"""The Dagster instance of a data folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterInvalidInvocationError
from filelock import FileLock
from sqlalchemy.exc import IntegrityError

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.orchestration.live_runs import end_dead_runs


@contextmanager
def open_instance(folder: DataFolder) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the data folder; runs that died with their process are ended."""
    home = folder.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    with ExitStack() as stack:
        # Two processes that make Dagster's databases at the same moment fail each other.
        with FileLock(home / ".opening"):
            _install_settings(home)
            instance = stack.enter_context(dg.DagsterInstance.get())
            end_dead_runs(instance, folder)
        yield instance


def add_partitions(
    instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition, keys: Sequence[str]
) -> None:
    """Add partitions, in order; those that are there already stay where they are."""
    assert partitions.name is not None
    for _ in range(10):
        try:
            instance.add_dynamic_partitions(partitions.name, list(keys))
        except (IntegrityError, DagsterInvalidInvocationError):
            continue  # another process added one of them at the same moment
        return
    raise RuntimeError(f"could not add partitions to {partitions.name}")


def _install_settings(home: Path) -> None:
    """A data folder elsewhere gets the project's `dagster.yaml`: without it nothing is safe."""
    settings = home / "dagster.yaml"
    if not settings.exists():
        shipped = Path(__file__).parents[2] / "data" / "dagster_home" / "dagster.yaml"
        settings.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
