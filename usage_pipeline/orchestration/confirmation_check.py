"""The check `confirmation` of schemas that a person confirms: it fails while an upload waits.

Nothing else in the UI lists just these: the partitions on which it failed are the work to do.
"""

from __future__ import annotations

import dagster as dg

from usage_pipeline.flow import Flow
from usage_pipeline.orchestration.partitioned_checks import (
    latest_materialization,
    partitioned_check,
)
from usage_pipeline.orchestration.review_metadata import next_step_here
from usage_pipeline.register import Upload
from usage_pipeline.schema import EventSchema

_NAME = "confirmation"


def confirmation_specs(
    schema: EventSchema, asset: dg.AssetKey, partitions: dg.PartitionsDefinition
) -> list[dg.AssetCheckSpec]:
    """The check, where the schema asks for confirmation at all."""
    if schema.confirm == "automatic":
        return []
    words = "No upload waits for a person to confirm or refuse it"
    return [partitioned_check(_NAME, asset, words, partitions)]


def confirmation_events(
    instance: dg.DagsterInstance, flow: Flow, upload: Upload
) -> list[dg.AssetCheckEvaluation]:
    """Whether an upload waits as it stands now; nothing where the schema asks no person."""
    if flow.schema.confirm == "automatic":
        return []
    asset = dg.AssetKey([upload.schema, "mapped_events"])
    reading_waits = flow.register.reading_waits(upload)
    return [
        dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=_NAME,
            partition=upload.upload,
            target_materialization_data=latest_materialization(instance, asset, upload.upload),
            passed=not (upload.state == "passed" or reading_waits),
            severity=dg.AssetCheckSeverity.WARN,
            description=next_step_here(upload, reading_waits=reading_waits),
        )
    ]
