"""Metric values by plain Python: fractions, sorted lists and loops, and nothing of the SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from usage_pipeline.metering import TimeWindow, window_of
from usage_pipeline.schema import MetricSpec


@dataclass(frozen=True)
class Event:
    """One event of a ledger that counts."""

    place: int
    line: int
    customer: str
    at: datetime
    fields: dict[str, Any] = field(default_factory=dict)


Key = tuple[str, TimeWindow, tuple[Any, ...]]


def values_of(
    events: Sequence[Event], spec: MetricSpec, takes_part: Callable[[Event], bool] = lambda _: True
) -> dict[Key, tuple[Decimal, int]]:
    """{(customer, window, group): (value, events)} of a metric without `where`, or with it said
    again as `takes_part`.
    """
    groups: dict[Key, list[Event]] = {}
    for event in events:
        if takes_part(event) and (spec.field is None or event.fields[spec.field] is not None):
            window = window_of(event.at, spec.window, spec.time_zone)
            group = tuple(event.fields[name] for name in spec.group_by)
            groups.setdefault((event.customer, window, group), []).append(event)
    return {
        key: (_shaped(_aggregate(found, spec, key[1]), spec), len(found))
        for key, found in groups.items()
    }


def _aggregate(events: list[Event], spec: MetricSpec, window: TimeWindow) -> Fraction:
    events = sorted(events, key=lambda event: (event.at, event.place, event.line))
    amounts = [event.fields[spec.field] for event in events] if spec.field else []
    match spec.aggregation:
        case "count":
            return Fraction(len(events))
        case "unique_count":
            return Fraction(len(set(amounts)))
        case "sum":
            return Fraction(sum(map(Fraction, amounts)))
        case "min" | "max":
            return Fraction(min(amounts) if spec.aggregation == "min" else max(amounts))
        case "latest":
            return Fraction(amounts[-1])
        case "average":
            return sum(map(Fraction, amounts)) / Fraction(len(amounts))
        case "percentile":
            return _percentile(sorted(map(Fraction, amounts)), spec)
        case "weighted_sum":
            return _weighted_sum(events, spec, window)
    raise AssertionError(spec.aggregation)


def _percentile(amounts: list[Fraction], spec: MetricSpec) -> Fraction:
    assert spec.p is not None
    p = Fraction(spec.p)
    if spec.interpolation == "none":
        return amounts[max(ceil(p * len(amounts)), 1) - 1]
    position = p * (len(amounts) - 1)
    below = position.numerator // position.denominator
    above = min(below + 1, len(amounts) - 1)
    return amounts[below] + (amounts[above] - amounts[below]) * (position - below)


def _weighted_sum(events: list[Event], spec: MetricSpec, window: TimeWindow) -> Fraction:
    assert spec.field is not None
    ends = [*(event.at for event in events[1:]), window.end]
    unit = (window.end - window.start).total_seconds() if spec.per == "window" else 3600
    total = Fraction(0)
    for event, end in zip(events, ends, strict=True):
        lasts = end - event.at
        seconds = lasts.days * 86400 + lasts.seconds + Fraction(lasts.microseconds, 10**6)
        total += Fraction(event.fields[spec.field]) * seconds
    return total / Fraction(unit)


def _shaped(number: Fraction, spec: MetricSpec) -> Decimal:
    number = number * Fraction(spec.multiply_by or 1) / Fraction(spec.divide_by or 1)
    digits, mode = (spec.round.digits, spec.round.mode) if spec.round else (18, "half_even")
    return decimal_of(number, digits, mode)


def decimal_of(number: Fraction, digits: int, mode: str) -> Decimal:
    """A fraction with so many digits behind the point."""
    whole, rest = divmod(abs(number) * 10**digits, 1)
    away = {
        "half_even": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1),
        "half_up": rest >= Fraction(1, 2),
        "up": rest > 0,
        "down": False,
    }[mode]
    size = whole + away
    return Decimal(f"{-size if number < 0 else size}e-{digits}")
