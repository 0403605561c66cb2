"""Which type of the engine holds the values of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Types only: whoever casts a cell need not load the models.
    from usage_pipeline.schema.event_schema import FieldSpec

_SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "boolean": "BOOLEAN",
}


def sql_type(field: FieldSpec) -> str:
    """The DuckDB type of the values of `field`."""
    if field.type == "decimal":
        return f"DECIMAL({field.precision},{field.scale})"
    return _SQL_TYPES[field.type]
