"""What a usage event is: the event schema, its version, and its YAML file."""

from usage_pipeline.schema.event_schema import (
    EVERY_LINE,
    CsvOptions,
    CustomerList,
    EventSchema,
    FieldSpec,
)
from usage_pipeline.schema.metric_spec import Aggregation, MetricSpec, Rounding, Window
from usage_pipeline.schema.schema_file import (
    InvalidSchema,
    SchemaProblem,
    load_metrics,
    load_schema,
    load_schemas,
    parse_schema,
)
from usage_pipeline.schema.version import known_choices, ledger_shape, schema_version

__all__ = [
    "EVERY_LINE",
    "Aggregation",
    "CsvOptions",
    "CustomerList",
    "EventSchema",
    "FieldSpec",
    "InvalidSchema",
    "MetricSpec",
    "Rounding",
    "SchemaProblem",
    "Window",
    "known_choices",
    "ledger_shape",
    "load_metrics",
    "load_schema",
    "load_schemas",
    "parse_schema",
    "schema_version",
]
