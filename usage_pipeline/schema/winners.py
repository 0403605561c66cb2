"""Which row of an event counts, as SQL: the policy's order of places and lines."""

from __future__ import annotations

from collections.abc import Collection

from usage_pipeline.schema.event_schema import EventSchema
from usage_pipeline.warehouse.sql import column_list, quoted


def same_event(schema: EventSchema, one: str, other: str, given: Collection[str] = ()) -> str:
    """Whether rows of two tables are the same event. A missing value is a value of the key.

    Args:
        given: fields that all rows of one of the tables have. The engine joins faster on these: it
            looks into a filter of one table's values before it looks into a table of them.
    """
    return " AND ".join(
        f"{one}.{quoted(name)} {'=' if name in given else 'IS NOT DISTINCT FROM'}"
        f" {other}.{quoted(name)}"
        for name in schema.key_fields
    )


def differs(schema: EventSchema, one: str, other: str) -> str:
    """Whether any typed field differs: a conflict, where it would else be a duplicate."""
    fields = [name for name in schema.fields if name not in schema.key_fields]
    differing = (f"{one}.{quoted(name)} IS DISTINCT FROM {other}.{quoted(name)}" for name in fields)
    return f"({' OR '.join(differing) or 'false'})"


def beats(schema: EventSchema, one: str, other: str) -> str:
    """Whether a row at place `one` wins against one at place `other`, another upload's."""
    return f"{one} {'>' if schema.policy == 'keep_last' else '<'} {other}"


def best_first(schema: EventSchema) -> str:
    """The order in which the first row of an event is the one that counts."""
    return "place DESC, line DESC" if schema.policy == "keep_last" else "place, line"


def best_line(schema: EventSchema) -> str:
    """Of an event's lines in one file, the one that counts."""
    return "max(line)" if schema.policy == "keep_last" else "min(line)"


def may_repeat(schema: EventSchema, rows: str) -> str:
    """A query: whether `rows`, of one file, may have an event more than once; false is certain.

    Mostly none is, and hashes say so in half the time and a fraction of the memory of the keys.
    """
    different = f"SELECT DISTINCT hash({column_list(schema.key_fields)}) FROM {rows}"
    return f"SELECT (SELECT count(*) FROM {rows}) > (SELECT count(*) FROM ({different}))"


def repeated(schema: EventSchema, rows: str) -> str:
    """A query: each event that `rows`, of one file, have more than once, and its best `line`."""
    key = column_list(schema.key_fields)
    return (
        f"SELECT {key}, {best_line(schema)} AS line FROM {rows} GROUP BY {key} HAVING count(*) > 1"
    )
