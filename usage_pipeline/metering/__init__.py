"""Billable metrics: windows, aggregates, and the values per customer."""

from usage_pipeline.metering.compute import ComputedWindow, MetricOverflow, compute_windows
from usage_pipeline.metering.refresh import refresh_metrics
from usage_pipeline.metering.windows import (
    TimeWindow,
    calendar_window,
    first_day,
    window_of,
    windows_between,
)

__all__ = [
    "ComputedWindow",
    "MetricOverflow",
    "TimeWindow",
    "calendar_window",
    "compute_windows",
    "first_day",
    "refresh_metrics",
    "window_of",
    "windows_between",
]
