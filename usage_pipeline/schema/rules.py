"""The rules an event schema lays down for each row, as SQL conditions on the mapped frame.

One rule, one condition: the `valid` flag, the Great Expectations suite, the error file and the
command line all evaluate `Rule.holds`, so they cannot disagree.

The frame (see `mapping/frame.py`) has the typed fields, and beside them `received_at`, `fault`
(code of a record whose cells could not be told apart) and `unreadable` (a list: per field, in the
order of the schema, the code why its cell could not be read; NULL on clean rows). With a list of
customers it has `KNOWN_CUSTOMER` as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from usage_pipeline.schema.event_schema import CsvOptions, EventSchema, FieldSpec, FieldType
from usage_pipeline.warehouse.sql import literal, quoted

DEFAULT_FUTURE_LIMIT = timedelta(minutes=5)

#: Column of the frame: whether the list has the row's customer; NULL where the row names none. It
#: is looked up once, so that all who ask later are told the same. No field has a colon in its name.
KNOWN_CUSTOMER = "customers:known"

#: Why a cell of each type may be unreadable: the codes that casts give.
UNREADABLE: dict[FieldType, dict[str, str]] = {
    "string": {},
    "boolean": {"type-error": "{} must be true or false"},
    "integer": {
        "type-error": "{} must be a whole number, written in {}",
        "precision-loss": "{} must fit into 64 bits",
    },
    "decimal": {
        "type-error": "{} must be a decimal number, with a {} and {}",
        "precision-loss": "{} must fit {} digits before and {} behind the {}",
    },
    "timestamp": {
        "timestamp-format": "{} must be a time written as {}",
        "timestamp-no-zone": "{} must have an offset such as Z, as the schema names no time zone",
        "timestamp-ambiguous": "{} must be a time that existed exactly once in {}",
        "precision-loss": "{} must not be finer than microseconds",
    },
}

#: All that looks like nothing at the ends of a text: Unicode's spaces, joiners, marks of direction
#: and the byte order mark that appending one file to another leaves behind. As a pattern it takes
#: a tenth of the time of trimming all of these.
UNSEEN = (
    r"[ \t\x{a0}\x{ad}\x{1680}\x{2000}-\x{200f}\x{2028}\x{2029}"
    r"\x{202f}\x{205f}\x{2060}\x{3000}\x{feff}]"
)
_PADDED = rf"\A{UNSEEN}|{UNSEEN}\z"

_SIGNS = {
    ".": "point",
    ",": "comma",
    " ": "space",
    "'": "apostrophe",
    "’": "typographic apostrophe",
    "_": "underscore",
    "\u00a0": "no-break space",
    "\u202f": "narrow no-break space",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand on one field of every row.

    holds: SQL condition over the mapped frame, TRUE where the row obeys and never NULL.
    description: the demand in words.
    warning: a row that fails it is reported, and stays valid.
    """

    code: str
    field: str
    holds: str
    description: str
    warning: bool = False


def row_rules(schema: EventSchema) -> list[Rule]:
    """Every rule of the schema that one row alone can obey or break, field by field."""
    return [rule for name, field in schema.fields.items() for rule in _rules(name, field, schema)]


def _rules(name: str, field: FieldSpec, schema: EventSchema) -> Iterator[Rule]:
    column, unreadable = quoted(name), f"unreadable[{list(schema.fields).index(name) + 1}]"
    if field.required:
        # An empty text can be a value (see null_values), but never one of a required field.
        given = (
            f"coalesce({column}, '') <> ''"
            if field.type == "string"
            else f"{column} IS NOT NULL OR {unreadable} IS NOT NULL"
        )
        holds = f"fault IS NOT NULL OR {given}"
        yield Rule("required-value", name, holds, f"{name} must have a value")
    for code, words in UNREADABLE[field.type].items():
        yield Rule(
            code,
            name,
            f"{unreadable} IS DISTINCT FROM {literal(code)}",
            words.format(name, *_details(field, code, schema.csv)),
        )
    for code, condition, words in _constraints(name, field, schema):
        yield Rule(code, name, f"{column} IS NULL OR {condition}", f"{name} {words}")
    if name == "customer_id" and schema.customers is not None:
        yield Rule(
            "unknown-customer",
            name,
            f"{quoted(KNOWN_CUSTOMER)} IS NOT FALSE",
            f"{name} must be in {schema.customers.in_words}",
            warning=schema.customers.unknown == "warning",
        )
    if field.type == "string":
        yield Rule(
            "padded-text",
            name,
            f"{column} IS NULL OR {_unpadded(column)}",
            f"{name} has space at its ends, seen or unseen, which is kept",
            warning=True,
        )


def _unpadded(column: str) -> str:
    # Of ASCII only space and tab are unseen, and looking at both ends is twice as fast there.
    # Turned around, no text but ASCII is sure to begin with its last character.
    ends = " AND ".join(f"ord({text}) NOT IN (9, 32)" for text in (column, f"reverse({column})"))
    pattern = literal(_PADDED)
    return (
        f"CASE WHEN strlen({column}) = length({column}) THEN {ends}"
        f" ELSE NOT regexp_matches({column}, {pattern}) END"
    )


def _details(field: FieldSpec, code: str, csv: CsvOptions) -> tuple[object, ...]:
    """What the words of `UNREADABLE` leave open, behind the name of the field."""
    if field.numeric:
        return _number_details(field, code, csv if field.in_file else CsvOptions())
    if code == "timestamp-format":
        return ("ISO 8601 (2026-10-31T12:00:00Z)" if field.format == "iso8601" else field.format,)
    return (field.time_zone,)


def _number_details(field: FieldSpec, code: str, csv: CsvOptions) -> tuple[object, ...]:
    decimal = _SIGNS[csv.decimal_sign]
    if code == "precision-loss":
        return (field.precision - field.scale, field.scale, decimal)
    grouping = None
    if csv.thousands_sign is not None:
        grouping = f"with {_SIGNS[csv.thousands_sign]}s between thousands at most"
    if field.type == "integer":
        return (f"digits, {grouping}" if grouping else "digits only",)
    return (decimal, grouping or "without thousands signs")


def _constraints(
    name: str, field: FieldSpec, schema: EventSchema
) -> Iterator[tuple[str, str, str]]:
    """(code, condition on the value, demand in words) for each constraint that is set."""
    column = quoted(name)
    if field.minimum is not None:
        bound = _number(field.minimum, field)
        yield "constraint-error", f"{column} >= {bound}", f"must be at least {field.minimum:f}"
    if field.maximum is not None:
        bound = _number(field.maximum, field)
        yield "constraint-error", f"{column} <= {bound}", f"must be at most {field.maximum:f}"
    if field.allowed is not None:
        values = ", ".join(
            literal(value) if isinstance(value, str) else str(value) for value in field.allowed
        )
        words = ", ".join(map(str, field.allowed))
        yield "constraint-error", f"{column} IN ({values})", f"must be one of {words}"
    if field.pattern is not None:
        condition = f"regexp_full_match({column}, {literal(field.pattern)})"
        yield "constraint-error", condition, f"must match {field.pattern}"
    if field.max_length is not None:
        condition = f"length({column}) <= {field.max_length}"
        yield "constraint-error", condition, f"must have at most {field.max_length} characters"
    if field.type == "timestamp":
        yield from _limits(name, field, schema)


def _limits(name: str, field: FieldSpec, schema: EventSchema) -> Iterator[tuple[str, str, str]]:
    column, is_event_time = quoted(name), name == "timestamp"
    future = field.future_limit or (DEFAULT_FUTURE_LIMIT if is_event_time else None)
    if future is not None:
        limit = f"received_at + to_seconds({future.total_seconds():.0f})"
        words = f"must not be later than {future} (h:m:s) after the file was received"
        yield "future-timestamp", f"{column} <= {limit}", words
    if is_event_time:
        begin = f"TIMESTAMPTZ '{schema.start} 00:00:00+00'"
        words = f"must not be before {schema.start}, the start of the schema"
        yield "past-timestamp", f"{column} >= {begin}", words
    if field.past_limit is not None:
        limit = f"received_at - to_seconds({field.past_limit.total_seconds():.0f})"
        words = f"must not be earlier than {field.past_limit} (h:m:s) before the file was received"
        yield "past-timestamp", f"{column} >= {limit}", words


def _number(bound: object, field: FieldSpec) -> str:
    sql_type = "BIGINT" if field.type == "integer" else f"DECIMAL({field.precision},{field.scale})"
    return f"CAST('{bound:f}' AS {sql_type})"
