"""What a check needs so that its results hang on partitions.

Asset checks with partitions are a preview in Dagster 1.13, and a partition's evaluation shows up
in the UI only when it names the materialization it is about, by a class that is not public yet.
Both stay in this file.
"""

from __future__ import annotations

import warnings

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)


def partitioned_check(
    name: str, asset: dg.AssetKey, description: str, partitions: dg.PartitionsDefinition
) -> dg.AssetCheckSpec:
    """A check whose results are told partition by partition."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name,
            asset=asset,
            description=description,
            partitions_def=partitions,
            metadata={"schema": asset.path[0]},
        )


def latest_materialization(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str
) -> Target | None:
    """What a result on a partition is about; None where the partition was never made."""
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition]), limit=1
    ).records
    if not found:
        return None
    return Target(
        storage_id=found[0].storage_id, run_id=found[0].run_id, timestamp=found[0].timestamp
    )
