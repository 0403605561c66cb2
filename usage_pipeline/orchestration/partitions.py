"""One partition per upload, and one per window of a metric."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import dagster as dg

from usage_pipeline.metering import TimeWindow, window_of
from usage_pipeline.schema import EventSchema, MetricSpec, Window

_CRON: dict[Window, str] = {
    "hour": "0 * * * *",
    "day": "0 0 * * *",
    "week": "0 0 * * 1",
    "month": "0 0 1 * *",
    "quarter": "0 0 1 1,4,7,10 *",
    "year": "0 0 1 1 *",
}


def upload_partitions(schema: EventSchema) -> dg.DynamicPartitionsDefinition:
    """The uploads of a schema; keys are added when files come in."""
    return dg.DynamicPartitionsDefinition(name=f"{schema.name}_uploads")


def window_partitions(schema: EventSchema, spec: MetricSpec) -> dg.TimeWindowPartitionsDefinition:
    """The metric's windows from the one that holds the schema's start to the one we are in."""
    begin = datetime.combine(schema.start, time(), UTC)
    first = window_of(begin, spec.window, spec.time_zone).start
    return dg.TimeWindowPartitionsDefinition(
        start=first.astimezone(ZoneInfo(spec.time_zone)).replace(tzinfo=None),
        fmt="%Y-%m-%d-%H:%M" if spec.window == "hour" else "%Y-%m-%d",
        cron_schedule=_CRON[spec.window],
        timezone=spec.time_zone,
        # The window we are in has a partition too: today's usage shows today.
        end_offset=1,
    )


def window_key(partitions: dg.TimeWindowPartitionsDefinition, window: TimeWindow) -> str:
    """The partition of a window."""
    return partitions.get_partition_key_for_timestamp(window.start.timestamp())


def windows_of(partitions: dg.TimeWindowPartitionsDefinition, keys: list[str]) -> list[TimeWindow]:
    """The windows of partitions."""
    spans = [partitions.time_window_for_partition_key(key) for key in keys]
    return [TimeWindow(s.start.astimezone(UTC), s.end.astimezone(UTC)) for s in spans]
