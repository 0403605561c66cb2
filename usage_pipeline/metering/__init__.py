"""Billable metrics: windows, aggregates, and the values per customer."""

from usage_pipeline.metering.compute import MetricFailed, compute_each, compute_windows
from usage_pipeline.metering.refresh import refresh_metrics
from usage_pipeline.metering.summaries import ComputedWindow
from usage_pipeline.metering.windows import (
    TimeWindow,
    calendar_window,
    first_day,
    window_of,
    windows_between,
)

__all__ = [
    "ComputedWindow",
    "MetricFailed",
    "TimeWindow",
    "calendar_window",
    "compute_each",
    "compute_windows",
    "first_day",
    "refresh_metrics",
    "window_of",
    "windows_between",
]
