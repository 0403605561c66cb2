"""Many uploads in one run: Dagster names them by the first and the last partition."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from usage_pipeline.orchestration.instance import add_partitions
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.schema import EventSchema

#: More uploads make one run's page, and what a crash repeats, needlessly large.
UPLOADS_PER_RUN = 200

SCHEMA_TAG = "usage_pipeline/schema"
UPLOAD_TAG = "usage_pipeline/upload"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"


def batches(
    instance: dg.DagsterInstance, schema: EventSchema, uploads: Sequence[str], most: int
) -> list[list[str]]:
    """Add the partitions of uploads, and split them into runs of at most `most` neighbours."""
    partitions = upload_partitions(schema)
    add_partitions(instance, partitions, uploads)
    return contiguous(instance.get_dynamic_partitions(partitions.name or ""), uploads, most)


def contiguous(ordered: Sequence[str], wanted: Sequence[str], most: int) -> list[list[str]]:
    """Split `wanted` into runs of neighbours in `ordered`, at most `most` in each.

    A range takes in whatever lies between its ends, in the order in which keys were added.
    """
    place = {key: index for index, key in enumerate(ordered)}
    groups: list[list[str]] = []
    for key in sorted(wanted, key=place.__getitem__):
        last = groups[-1] if groups else []
        if last and len(last) < most and place[key] == place[last[-1]] + 1:
            last.append(key)
        else:
            groups.append([key])
    return groups


def run_tags(schema: EventSchema, uploads: Sequence[str]) -> dict[str, str]:
    """A run's tags: what a person looks for, and for several uploads the range that they are."""
    tags = name_tags(schema, uploads)
    return tags | {RANGE_START: uploads[0], RANGE_END: uploads[-1]} if uploads[1:] else tags


def name_tags(schema: EventSchema, uploads: Sequence[str]) -> dict[str, str]:
    """What a person looks for among runs, whether or not the run is one of partitions."""
    first, *others = uploads
    named = f"{first} and {len(others)} more" if others else first
    return {SCHEMA_TAG: schema.name, UPLOAD_TAG: named}


def uploads_of(run: dg.DagsterRun, ordered: Sequence[str]) -> set[str]:
    """The uploads of `ordered` that a run works on."""
    if run.tags.get(PARTITION) is not None:
        return {run.tags[PARTITION]}
    start, end = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    if start not in ordered or end not in ordered:
        return set()
    return set(ordered[ordered.index(start) : ordered.index(end) + 1])
