"""The project loads everywhere Dagster users look."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline.schema import load_schema

BIN = Path(sys.executable).parent


def run(*command: str, project: Path, home: Path) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    environment = os.environ | {"DAGSTER_HOME": str(home), "PYTHONPATH": str(project)}
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, to break or add to."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("pyproject.toml", "workspace.yaml"):
        shutil.copy(PROJECT / name, copy)
    shutil.copytree(
        PROJECT / "usage_pipeline",
        copy / "usage_pipeline",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("dagster", "definitions", "validate", "-w", "workspace.yaml"),
        ("dagster", "definitions", "validate"),
        ("dg", "check", "defs"),
        ("dg", "check", "yaml"),
        ("dg", "list", "defs", "--json"),
    ],
    ids=" ".join,
)
def test_the_project_passes(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*command, project=PROJECT, home=tmp_path / "home")
    assert done.returncode == 0, done.stdout + done.stderr
    if "list" in command:
        for asset in ("raw_upload", "mapped_events", "ingestion_table", "api_calls"):
            assert f'"api_usage/{asset}"' in done.stdout


@pytest.mark.slow
def test_a_wrong_word_is_located_when_dagster_loads(project: Path, tmp_path: Path) -> None:
    file = project / "usage_pipeline" / "defs" / "api_usage" / "defs.yaml"
    file.write_text(file.read_text().replace("aggregation: max", "aggregation: maxx"))
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "maxx" in text)
    done = run("dagster", "definitions", "validate", project=project, home=tmp_path / "home")
    assert done.returncode != 0
    told = " ".join((done.stdout + done.stderr).split())
    where = f"api_usage/defs.yaml:{line}: attributes.metrics.peak_storage.aggregation"
    assert f"{where}: 'maxx' is not allowed here. Allowed: 'count', 'sum', 'min', 'max', " in told


@pytest.mark.slow
def test_dg_check_yaml_locates_an_unknown_key_and_a_wrong_word(
    project: Path, tmp_path: Path
) -> None:
    file = project / "usage_pipeline" / "defs" / "api_usage" / "defs.yaml"
    text = file.read_text().replace("type: integer,", "type: integerr,")
    file.write_text(text.replace("confirm: automatic", "confirmed: automatic"))
    done = run("dg", "check", "yaml", project=project, home=tmp_path / "home")
    assert done.returncode != 0
    for wrong in ("integerr", "confirmed"):
        line = next(n for n, words in enumerate(file.read_text().splitlines(), 1) if wrong in words)
        assert f"defs.yaml:{line}" in done.stdout
        assert wrong in done.stdout


@pytest.mark.slow
def test_a_scaffolded_schema_is_commented_and_valid(project: Path, tmp_path: Path) -> None:
    component = "usage_pipeline.components.UsageEvents"
    done = run(
        "dg", "scaffold", "defs", component, "gpu_hours", project=project, home=tmp_path / "h"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    file = project / "usage_pipeline" / "defs" / "gpu_hours" / "defs.yaml"
    schema = load_schema(file)
    assert schema is not None
    assert schema.name == "gpu_hours"
    assert "# " in file.read_text()
