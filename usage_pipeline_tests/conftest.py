"""Every test has its own data folder, Dagster instance and event schemas."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline_tests.workplace import Workplace


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A place to work, with the schemas that ship."""
    place = Workplace(tmp_path / "files", tmp_path / "data", tmp_path / "defs")
    for folder in (place.files, place.data):
        folder.mkdir()
    shutil.copytree(PROJECT / "usage_pipeline" / "defs", place.defs)
    monkeypatch.setenv("USAGE_PIPELINE_DATA", str(place.data))
    monkeypatch.setenv("USAGE_PIPELINE_DEFS", str(place.defs))
    # Set and removed again, so that what a command sets is undone after the test.
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")
    return place
