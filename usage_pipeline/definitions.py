"""The Dagster code location: every event schema below `defs/`."""

import os
from pathlib import Path

import dagster as dg

from usage_pipeline.orchestration.alerts import alert_definitions
from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.schema import load_schemas


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks, jobs and sensors of all event schemas."""
    if os.environ.get("USAGE_PIPELINE_DEFS"):
        # Components live inside the project; schemas that were moved out are loaded directly.
        found = [schema_definitions(schema) for schema in load_schemas().values()]
        return dg.Definitions.merge(*found, shared_definitions(), alert_definitions())
    folder = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return dg.Definitions.merge(folder, shared_definitions(), alert_definitions())
