"""One partition per upload, and one per window of a metric."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import dagster as dg

from usage_pipeline.metering import TimeWindow, calendar_window, first_day, window_of
from usage_pipeline.schema import EventSchema, MetricSpec, Window

_CRON: dict[Window, str] = {
    "hour": "0 * * * *",
    "day": "0 0 * * *",
    "week": "0 0 * * 1",
    "month": "0 0 1 * *",
    "quarter": "0 0 1 1,4,7,10 *",
    "year": "0 0 1 1 *",
}
_WINDOW = {cron: window for window, cron in _CRON.items()}


def upload_partitions(schema: EventSchema) -> dg.DynamicPartitionsDefinition:
    """The uploads of a schema; keys are added when files come in."""
    return dg.DynamicPartitionsDefinition(name=f"{schema.name}_uploads")


def window_partitions(schema: EventSchema, spec: MetricSpec) -> dg.TimeWindowPartitionsDefinition:
    """The metric's windows from the one that holds the schema's start to the one we are in.

    A day that the clock skips (Apia, 30 December 2011) has a partition too, without a window.
    """
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
    """The partition of a window: its first local day, or its hour (of a second one, the offset)."""
    kind = _WINDOW[partitions.cron_schedule]
    local = window.start.astimezone(ZoneInfo(partitions.timezone))
    if kind == "hour":
        return local.strftime(partitions.fmt + ("%z" if local.fold else ""))
    return first_day(local.date(), kind).isoformat()


def windows_of(partitions: dg.TimeWindowPartitionsDefinition, keys: list[str]) -> list[TimeWindow]:
    """The windows of partitions, in their order; a day that the clock skips has none."""
    # From the calendar, not from Dagster's schedule: no value is ever computed for a span that
    # is not the metric's own window.
    kind, time_zone = _WINDOW[partitions.cron_schedule], partitions.timezone
    if kind == "hour":
        return [window_of(_hour(key, time_zone), kind, time_zone) for key in keys]
    windows = [calendar_window(date.fromisoformat(key), kind, time_zone) for key in keys]
    return [window for window in windows if window.start < window.end]


def _hour(key: str, time_zone: str) -> datetime:
    """The instant of a key like 2024-10-27-02:00, or 2024-10-27-02:00+0100."""
    moment = datetime.fromisoformat(f"{key[:10]}T{key[11:]}")
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time_zone))
