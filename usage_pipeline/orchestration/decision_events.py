"""What a person decided on an upload, told to Dagster on the upload's partition."""

from __future__ import annotations

from typing import Any

import dagster as dg

from usage_pipeline.flow import Flow
from usage_pipeline.orchestration.confirmation_check import confirmation_events
from usage_pipeline.orchestration.review_metadata import next_step_here
from usage_pipeline.printable import printable
from usage_pipeline.register import Register, Upload
from usage_pipeline.register.states import Action


def decision_events(
    instance: dg.DagsterInstance, flow: Flow, upload: Upload, action: Action
) -> list[dg.AssetObservation | dg.AssetCheckEvaluation]:
    """The last decision of that kind on an upload, where it stands now, and whether it waits."""
    now = flow.register.find(upload.upload, upload.schema)
    return [
        _observation(flow.register, now, action),
        *confirmation_events(instance, flow, now),
    ]


def _observation(register: Register, now: Upload, action: Action) -> dg.AssetObservation:
    shown: dict[str, Any] = {
        "state": dg.MetadataValue.text(now.state),
        "next_step": dg.MetadataValue.text(next_step_here(now)),
    }
    entry = next((one for one in reversed(register.history(now)) if one.action == action), None)
    if entry is not None:
        shown |= {
            "decision": dg.MetadataValue.text(action),
            "by": dg.MetadataValue.text(printable(entry.by)),
            "note": dg.MetadataValue.text(printable(entry.note or "")),
            "decided_at": dg.MetadataValue.timestamp(entry.at),
            "schema_version": dg.MetadataValue.text(entry.schema_version or ""),
        }
    asset = dg.AssetKey([now.schema, "mapped_events"])
    return dg.AssetObservation(asset, partition=now.upload, metadata=shown)
