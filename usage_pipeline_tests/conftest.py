"""Every test has its own data folder, Dagster instance and event schemas."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline_tests.workplace import Workplace


def workplace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    place = Workplace(folder / "files", folder / "data", folder / "defs")
    for needed in (place.files, place.data):
        needed.mkdir()
    shutil.copytree(PROJECT / "usage_pipeline" / "defs", place.defs)
    monkeypatch.setenv("USAGE_PIPELINE_DATA", str(place.data))
    monkeypatch.setenv("USAGE_PIPELINE_DEFS", str(place.defs))
    # Set and removed again, so that what a command sets is undone after the test.
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")
    return place


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A place to work, with the schemas that ship."""
    return workplace(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """One place for the tests of a module, which look at what its first step made."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield workplace(tmp_path_factory.mktemp("shared"), monkeypatch)
