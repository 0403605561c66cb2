"""Good files and bad ones, and the buttons of the UI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.schema import load_schemas
from usage_pipeline_tests.workplace import Workplace

RAW, MAPPED, TABLE = (
    dg.AssetKey(["api_usage", name]) for name in ("raw_upload", "mapped_events", "ingestion_table")
)


def good(work: Workplace, name: str, day: int = 1) -> Path:
    return work.api_file(name, f"{name},acme,2024-10-{day:02d}T10:00:00Z,10,1.5,us-east")


def bad(work: Workplace, name: str) -> Path:
    return work.api_file(name, f"{name},acme,nonsense,-10,1.5,us-east")


def materialize(
    work: Workplace, instance: dg.DagsterInstance, upload: str, *assets: dg.AssetKey
) -> dg.ExecuteInProcessResult:
    """What the Materialize button does on one partition."""
    schema = load_schemas()["api_usage"]
    definitions = dg.Definitions.merge(schema_definitions(schema), shared_definitions())
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        partition_key=upload,
        asset_selection=list(assets),
        raise_on_error=False,
    )


def launch(
    instance: dg.DagsterInstance, step: str, upload: str, **config: Any
) -> dg.ExecuteInProcessResult:
    """What the launchpad of `api_usage_<step>_upload` does on one partition."""
    schema = load_schemas()["api_usage"]
    definitions = dg.Definitions.merge(schema_definitions(schema), shared_definitions())
    return definitions.resolve_job_def(f"api_usage_{step}_upload").execute_in_process(
        instance=instance,
        partition_key=upload,
        run_config={"ops": {f"api_usage_{step}": {"config": config}}},
        raise_on_error=False,
    )
