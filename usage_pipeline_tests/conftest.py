"""Every test has its own data folder, Dagster instance and event schemas."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline_tests.workplace import Workplace

HOLD = """
import sys
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.warehouse import Warehouse
with Warehouse(DataFolder.current()).open():
    print("held", flush=True)
    sys.stdin.read()
"""


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


@pytest.fixture
def holder(work: Workplace) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the warehouse open."""
    assert work
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()
