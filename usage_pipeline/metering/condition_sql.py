"""A condition written as SQL: from its typed tree alone, never from the text somebody typed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from usage_pipeline.schema.condition import (
    AllOf,
    Always,
    Among,
    AnyOf,
    Comparison,
    Condition,
    FieldRef,
    IsNull,
    Like,
    Not,
    Value,
)
from usage_pipeline.warehouse.sql import literal, quoted


def condition_sql(condition: Condition, table: str = "event") -> str:
    """An expression, in parentheses, over the columns of `table`: TRUE, FALSE or NULL.

    Every value is written with the type of its field, so nothing is compared as a DOUBLE.
    """
    match condition:
        case Comparison(left, operator, right, sql_type):
            other = (
                _column(right, table, sql_type)
                if isinstance(right, FieldRef)
                else _value(right, sql_type)
            )
            return f"({_column(left, table, sql_type)} {operator} {other})"
        case Among(field, values):
            listed = ", ".join(_value(value, field.sql_type) for value in values)
            return f"({_column(field, table)} IN ({listed}))"
        case Like(field, pattern):
            return f"({_column(field, table)} LIKE {literal(pattern)})"
        case IsNull(field):
            return f"({_column(field, table)} IS NULL)"
        case Not(inner):
            return f"(NOT {condition_sql(inner, table)})"
        case AllOf(parts):
            return f"({' AND '.join(condition_sql(part, table) for part in parts)})"
        case AnyOf(parts):
            return f"({' OR '.join(condition_sql(part, table) for part in parts)})"
        case Always(value):
            return "true" if value else "false"


def _column(field: FieldRef, table: str, sql_type: str | None = None) -> str:
    name = f"{quoted(table)}.{quoted(field.name)}"
    return name if sql_type in (None, field.sql_type) else f"CAST({name} AS {sql_type})"


def _value(value: Value, sql_type: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ {literal(value.astimezone(UTC).isoformat())}"
    if isinstance(value, Decimal):
        return f"CAST({literal(f'{value:f}')} AS {sql_type})"
    return literal(value)
