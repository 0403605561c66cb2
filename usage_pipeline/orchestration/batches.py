"""Many uploads in one run: Dagster names them by the first and the last partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from usage_pipeline.orchestration.instance import add_partitions
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.schema import EventSchema

#: More uploads make one run's page, and what a crash repeats, needlessly large.
UPLOADS_PER_RUN = 200

#: Keys of partitions that are read at a time.
_PAGE = 500

SCHEMA_TAG = "usage_pipeline/schema"
UPLOAD_TAG = "usage_pipeline/upload"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"


def batches(
    instance: dg.DagsterInstance, schema: EventSchema, uploads: Sequence[str], most: int
) -> list[list[str]]:
    """Add the partitions of uploads, and split them into runs of at most `most` neighbours."""
    add_partitions(instance, upload_partitions(schema), uploads)
    return contiguous(partitions_from(instance, schema, uploads), uploads, most)


def partitions_from(
    instance: dg.DagsterInstance, schema: EventSchema, keys: Iterable[str]
) -> list[str]:
    """The partitions of uploads in the order in which they were added, from the first of `keys`.

    Read from the newest back, as what is asked for is mostly new; all where a key is not there.
    """
    name = upload_partitions(schema).name or ""
    wanted, found = set(keys), list[str]()
    cursor, more = None, True
    while wanted and more:
        page = instance.get_paginated_dynamic_partitions(
            name, limit=_PAGE, ascending=False, cursor=cursor
        )
        found += page.results
        wanted.difference_update(page.results)
        cursor, more = page.cursor, page.has_more
    return found[::-1]


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


def uploads_of_runs(
    instance: dg.DagsterInstance, schema: EventSchema, runs: Iterable[dg.DagsterRun]
) -> set[str]:
    """The uploads of a schema that runs work on."""
    runs = list(runs)
    ends = {run.tags[end] for run in runs for end in (RANGE_START, RANGE_END) if end in run.tags}
    ordered = partitions_from(instance, schema, ends)
    return set().union(*(uploads_of(run, ordered) for run in runs))


def uploads_of(run: dg.DagsterRun, ordered: Sequence[str]) -> set[str]:
    """The uploads of `ordered` that a run works on."""
    if run.tags.get(PARTITION) is not None:
        return {run.tags[PARTITION]}
    start, end = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    if start not in ordered or end not in ordered:
        return set()
    return set(ordered[ordered.index(start) : ordered.index(end) + 1])
