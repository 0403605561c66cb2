"""The Dagster code location: every event schema below `defs/`."""

from pathlib import Path

import dagster as dg

from usage_pipeline.orchestration.build import shared_definitions


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks and jobs of all event schemas."""
    folder = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return dg.Definitions.merge(folder, shared_definitions())
