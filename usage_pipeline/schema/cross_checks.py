"""What one key of a schema demands of another: the facts no single key can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from usage_pipeline.schema.digits import digits_around_point
from usage_pipeline.schema.event_schema import EVERY_LINE, EventSchema, FieldSpec
from usage_pipeline.schema.metric_checks import (
    RESERVED_GROUPS,
    RESERVED_METRICS,
    metric_problems,
)
from usage_pipeline.schema.parts import NAME_PATTERN, Problem
from usage_pipeline.schema.time_zones import zone_problems

#: Columns that the pipeline itself adds to mapped frames, tables and metric rows.
RESERVED_FIELDS = (
    "upload",
    "place",
    "line",
    "valid",
    "fault",
    "unreadable",
    "written",
    "received_at",
)
RESERVED_SCHEMAS = (
    "usage",
    "main",
    "temp",
    "system",
    "pipeline",
    "information_schema",
    "pg_catalog",
)

#: Since then every time zone is a multiple of 15 minutes from UTC, which metric windows rely on.
EARLIEST_START = date(1980, 1, 1)

_NAME = re.compile(NAME_PATTERN)
_NAMED_FORMATS = ("iso8601", "epoch_seconds", "epoch_milliseconds")


def cross_check(schema: EventSchema) -> Iterator[Problem]:
    """Yield (path of keys, message) for everything that does not fit together."""
    if schema.name in RESERVED_SCHEMAS:
        yield ("name",), f"'{schema.name}' is a name of the warehouse's own; choose another"
    if schema.start < EARLIEST_START:
        yield ("start",), f"a schema starts in {EARLIEST_START} at the earliest"
    yield from _mandatory_fields(schema)
    for name, field in schema.fields.items():
        yield from _field(("fields", name), name, field)
    if schema.csv.thousands_sign == schema.csv.decimal_sign:
        message = f"'{schema.csv.decimal_sign}' cannot be both signs; name another decimal_sign"
        yield ("csv", "thousands_sign"), message
    if schema.customers is not None and "\0" in schema.customers.file:
        yield ("customers", "file"), "no file has a NUL character in its name"
    yield from _event_key(schema)
    yield from _kind(schema)
    for name, metric in schema.metrics.items():
        yield from metric_problems(("metrics", name), name, metric, schema)


def _mandatory_fields(schema: EventSchema) -> Iterator[Problem]:
    for name, field_type in (("customer_id", "string"), ("timestamp", "timestamp")):
        field = schema.fields.get(name)
        if field is None:
            yield ("fields",), f"every schema has a field {name} of type {field_type}"
        elif field.type != field_type:
            yield ("fields", name, "type"), f"{name} must be of type {field_type}"
        elif not field.required:
            yield ("fields", name, "required"), f"{name} is always required"
    if not schema.usage_fields:
        yield ("fields",), "at least one numeric field is metered: mark it with usage: true"


def _field(path: tuple[str, ...], name: str, field: FieldSpec) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield path, f"'{name}' is no field name: lower-case letters and digits, joined by single _"
    if name in RESERVED_FIELDS:
        yield path, f"'{name}' is a column of the pipeline's own; choose another name"
    if field.usage and not field.numeric:
        yield (*path, "usage"), f"a usage field is an integer or a decimal, not a {field.type}"
    yield from _source(path, field)
    yield from _keys_of_other_types(path, field)
    yield from _bounds(path, field)
    if field.type == "timestamp":
        yield from _timestamp(path, field)


def _source(path: tuple[str, ...], field: FieldSpec) -> Iterator[Problem]:
    sources = [
        key
        for key, given in (
            ("from", bool(field.from_)),
            ("constant", field.constant is not None),
            ("from_file_name", field.from_file_name is not None),
        )
        if given
    ]
    if len(sources) > 1:
        yield (*path, sources[1]), f"a field has one source, not {' and '.join(sources)}"
    if field.from_file_name is not None:
        try:
            groups = re.compile(field.from_file_name).groups
        except re.error as error:
            yield (*path, "from_file_name"), f"not a regular expression: {error}"
        else:
            if groups != 1:
                yield (
                    (*path, "from_file_name"),
                    f"exactly one group (...) marks the value; this one has {groups}",
                )


def _keys_of_other_types(path: tuple[str, ...], field: FieldSpec) -> Iterator[Problem]:
    belongs = {
        "minimum": ("integer", "decimal"),
        "maximum": ("integer", "decimal"),
        "precision": ("decimal",),
        "scale": ("decimal",),
        "pattern": ("string",),
        "max_length": ("string",),
        "allowed": ("string", "integer"),
        "format": ("timestamp",),
        "time_zone": ("timestamp",),
        "future_limit": ("timestamp",),
        "past_limit": ("timestamp",),
    }
    for key, types in belongs.items():
        if key in field.model_fields_set and field.type not in types:
            yield (*path, key), f"{key} is for {' and '.join(types)} fields, not {field.type}"


def _bounds(path: tuple[str, ...], field: FieldSpec) -> Iterator[Problem]:
    if field.scale > field.precision:
        yield (*path, "scale"), f"scale {field.scale} is more than precision {field.precision}"
    low, high = field.minimum, field.maximum
    if low is not None and high is not None and low > high:
        yield (*path, "minimum"), f"minimum {low} is above maximum {high}"
    for key, bound in (("minimum", low), ("maximum", high)):
        if bound is not None and not _fits(bound, field):
            yield (*path, key), f"{bound} is no value that a field of this type can hold"
    wanted = int if field.type == "integer" else str
    for index, value in enumerate(field.allowed or []):
        if not isinstance(value, wanted):
            advice = "put it in quotes" if wanted is str else "write it as a whole number"
            yield (*path, "allowed", index), f"{value!r} is no {field.type}; {advice}"
    if field.pattern is not None:
        try:
            pc.match_substring_regex(pa.array([""]), field.pattern)
        except pa.ArrowInvalid as error:
            yield (*path, "pattern"), f"not an RE2 regular expression: {error}"


def _fits(bound: Decimal, field: FieldSpec) -> bool:
    if field.type == "integer":
        return digits_around_point(bound)[1] == 0 and -(2**63) <= bound < 2**63
    whole, fraction = digits_around_point(bound)
    return fraction <= field.scale and whole <= field.precision - field.scale


def _timestamp(path: tuple[str, ...], field: FieldSpec) -> Iterator[Problem]:
    from usage_pipeline.mapping.casts import strptime_problem

    if field.format not in _NAMED_FORMATS and (problem := strptime_problem(field.format)):
        yield (*path, "format"), problem
    if field.time_zone is not None:
        yield from zone_problems((*path, "time_zone"), field.time_zone)
        if field.format.startswith("epoch_"):
            yield (*path, "time_zone"), f"{field.format} is a moment already; leave time_zone out"


def _event_key(schema: EventSchema) -> Iterator[Problem]:
    if schema.event_key is None:
        if schema.kind == "events":
            yield (
                (),
                "event_key is missing: name the fields that make two rows the same event, "
                "or [upload, line] if every line is an event of its own",
            )
        return
    if tuple(schema.event_key) == EVERY_LINE:
        return
    if not schema.event_key:
        yield ("event_key",), "name at least one field"
    for index, name in enumerate(schema.event_key):
        if name not in schema.fields:
            yield (
                ("event_key", index),
                f"'{name}' is no field. Allowed: {', '.join(schema.fields)}, "
                "or exactly [upload, line]",
            )
        elif name in schema.event_key[:index]:
            yield ("event_key", index), f"'{name}' is there twice"


def _kind(schema: EventSchema) -> Iterator[Problem]:
    if schema.kind == "summary":
        if schema.window is None:
            yield (), "kind summary needs window: the length of time that one row sums up"
        yield from zone_problems(("time_zone",), schema.time_zone)
        for name in schema.usage_fields:
            if name in schema.metrics:
                yield ("metrics", name), f"kind summary has a metric '{name}' without writing one"
            if name in RESERVED_METRICS:
                yield ("fields", name), f"a metric cannot be called '{name}'"
        for name in schema.dimensions:
            if name in RESERVED_GROUPS:
                yield ("fields", name), f"a metric cannot be grouped by a field called '{name}'"
        return
    for key in ("window", "time_zone"):
        if key in schema.model_fields_set:
            yield (key,), f"{key} is for kind summary; a metric has its own {key}"
