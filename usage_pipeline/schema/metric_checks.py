"""What the keys of a metric demand of each other, and of the schema's fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

from usage_pipeline.schema.digits import digits_around_point
from usage_pipeline.schema.event_schema import EventSchema
from usage_pipeline.schema.metric_spec import MetricSpec
from usage_pipeline.schema.parts import NAME_PATTERN, KeyPath, Problem
from usage_pipeline.schema.time_zones import changes_by_whole_hours, zone_problems

RESERVED_GROUPS = (
    "metric",
    "window_start",
    "window_end",
    "value",
    "events",
    "customer_id",
    "computed_at",
    "ledger_state",
)
RESERVED_METRICS = (
    "drop_folder",
    "raw_upload",
    "mapped_events",
    "ingestion_table",
    "displaced",
    "places",
)

#: Keys that belong to one aggregation only.
_OWN_KEYS = {
    "p": "percentile",
    "interpolation": "percentile",
    "per": "weighted_sum",
    "sql": "sql",
}

#: Digits of `p`, and of a factor, that exact arithmetic in 128 bits leaves room for.
_DIGITS_OF_P = 9
_DIGITS_OF_FACTOR = 18

_NAME = re.compile(NAME_PATTERN)


def metric_problems(
    path: KeyPath, name: str, metric: MetricSpec, schema: EventSchema
) -> Iterator[Problem]:
    """Yield (path of keys, message) for everything in a metric that does not fit together."""
    if not _NAME.fullmatch(name) or name in RESERVED_METRICS:
        yield path, f"'{name}' cannot name a metric: snake_case, and none of {RESERVED_METRICS}"
    yield from zone_problems((*path, "time_zone"), metric.time_zone)
    if metric.window == "hour" and not changes_by_whole_hours(metric.time_zone, schema.start):
        message = "the clock changes by less than an hour there, so hours would overlap; use a day"
        yield (*path, "time_zone"), message
    yield from _field(path, metric, schema)
    yield from _own_keys(path, metric)
    yield from _numbers(path, metric)
    yield from _groups(path, metric, schema)
    yield from _texts(path, metric, schema)


def _field(path: KeyPath, metric: MetricSpec, schema: EventSchema) -> Iterator[Problem]:
    kind = metric.aggregation
    if kind in ("count", "sql"):
        if metric.field is not None:
            what = "counts events" if kind == "count" else "says in its SELECT what it aggregates"
            yield (*path, "field"), f"{kind} {what} and takes no field"
        return
    fields = [
        name for name, spec in schema.fields.items() if spec.numeric or kind == "unique_count"
    ]
    if metric.field is None:
        yield path, f"{kind} needs field. Allowed: {', '.join(fields)}"
    elif metric.field not in fields:
        what = "is no field" if metric.field not in schema.fields else "is not numeric"
        yield (*path, "field"), f"'{metric.field}' {what}. Allowed: {', '.join(fields)}"


def _own_keys(path: KeyPath, metric: MetricSpec) -> Iterator[Problem]:
    for key, kind in _OWN_KEYS.items():
        if getattr(metric, key) is not None and metric.aggregation != kind:
            yield (*path, key), f"{key} is for {kind}, not for {metric.aggregation}"
    if metric.aggregation == "percentile" and metric.p is None:
        yield path, "percentile needs p: which one, such as 0.95"
    if metric.aggregation == "sql" and metric.sql is None:
        yield path, "aggregation sql needs sql: one SELECT over `events`"


def _numbers(path: KeyPath, metric: MetricSpec) -> Iterator[Problem]:
    if metric.p is not None and not (
        0 < metric.p <= 1 and digits_around_point(metric.p)[1] <= _DIGITS_OF_P
    ):
        yield (
            (*path, "p"),
            f"{metric.p} is not above 0 and at most 1, with at most {_DIGITS_OF_P} decimals",
        )
    for key, number in (("multiply_by", metric.multiply_by), ("divide_by", metric.divide_by)):
        if number is None:
            continue
        if number <= 0:
            yield (*path, key), f"{number} is not above 0"
        elif sum(digits_around_point(number)) > _DIGITS_OF_FACTOR:
            yield (*path, key), f"{number} has more than {_DIGITS_OF_FACTOR} digits"


def _texts(path: KeyPath, metric: MetricSpec, schema: EventSchema) -> Iterator[Problem]:
    # Only these two need the engine's parser, and few metrics have them.
    if metric.where is not None:
        from usage_pipeline.schema.condition import WrongCondition, parse_condition

        try:
            parse_condition(metric.where, schema.fields)
        except WrongCondition as error:
            yield (*path, "where"), str(error)
    if metric.sql is not None and metric.aggregation == "sql":
        from usage_pipeline.schema.select import WrongSelect, check_select

        groups = [name for name in dict.fromkeys(metric.group_by) if name in schema.fields]
        event_key = () if schema.every_line_counts else schema.key_fields
        try:
            check_select(metric.sql, schema.fields, groups, event_key)
        except WrongSelect as error:
            yield (*path, "sql"), str(error)


def _groups(path: KeyPath, metric: MetricSpec, schema: EventSchema) -> Iterator[Problem]:
    groups = [field for field in schema.fields if field not in RESERVED_GROUPS]
    for index, group in enumerate(metric.group_by):
        if group not in groups:
            yield (
                (*path, "group_by", index),
                f"'{group}' cannot group this metric. Allowed: {', '.join(groups)}",
            )
        elif group in metric.group_by[:index]:
            yield (*path, "group_by", index), f"'{group}' is there twice"
