"""The metrics' tables in the warehouse: one each, named as its asset."""

from __future__ import annotations

from datetime import UTC, datetime

from usage_pipeline.mapping.casts import sql_type
from usage_pipeline.metering.aggregates import value_type
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import quoted

#: Raised whenever a metric's table gets other columns, so that all are made anew.
TABLE_VERSION = 2


def metric_table(schema: EventSchema, metric: str) -> str:
    return f"{quoted(schema.name)}.{quoted(metric)}"


def has_values(connection: Connection, schema: EventSchema, metric: str) -> bool:
    """Whether the metric's table is there and answers the question that the YAML asks now."""
    _ensure_catalogue(connection)
    known = connection.execute(
        "SELECT definition FROM pipeline.metrics WHERE schema = ? AND metric = ?",
        [schema.name, metric],
    ).fetchall()
    return bool(known) and known[0][0] == _definition(schema, metric)


def forget_removed_metrics(connection: Connection, schema: EventSchema) -> None:
    """Forget metrics that the YAML no longer has: nobody marks their windows any more, so one that
    comes back starts anew instead of from values that have fallen behind.
    """
    _ensure_catalogue(connection)
    known = connection.execute(
        "SELECT metric FROM pipeline.metrics WHERE schema = ?", [schema.name]
    ).fetchall()
    for (metric,) in known:
        if metric not in schema.all_metrics:
            connection.execute(
                "DELETE FROM pipeline.metrics WHERE schema = ? AND metric = ?",
                [schema.name, metric],
            )


def make_metric_table(connection: Connection, schema: EventSchema, metric: str) -> None:
    """Make the metric's table, empty. A metric whose definition has changed starts anew."""
    groups = "".join(
        f"{quoted(name)} {sql_type(schema.fields[name])}, "
        for name in schema.all_metrics[metric].group_by
    )
    connection.execute("BEGIN TRANSACTION")
    _ensure_catalogue(connection)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema.name)}")
    connection.execute(
        f"""CREATE OR REPLACE TABLE {metric_table(schema, metric)} (
            customer_id VARCHAR, window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, {groups}
            value {value_type(schema, schema.all_metrics[metric])}, events BIGINT,
            computed_at TIMESTAMPTZ, ledger_state BIGINT)"""
    )
    mine = [schema.name, metric]
    connection.execute("DELETE FROM pipeline.metrics WHERE schema = ? AND metric = ?", mine)
    definition = _definition(schema, metric)
    connection.execute("INSERT INTO pipeline.metrics VALUES (?, ?, ?)", [*mine, definition])
    connection.execute("COMMIT")


def window_starts(connection: Connection, schema: EventSchema, metric: str) -> list[datetime]:
    """Begins of the windows that have values."""
    query = f"SELECT DISTINCT window_start FROM {metric_table(schema, metric)}"
    return [start.astimezone(UTC) for (start,) in connection.execute(query).fetchall()]


def _ensure_catalogue(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA IF NOT EXISTS pipeline")
    connection.execute(
        """CREATE TABLE IF NOT EXISTS pipeline.metrics (
            schema VARCHAR NOT NULL, metric VARCHAR NOT NULL, definition VARCHAR NOT NULL)"""
    )


def metric_definitions(schema: EventSchema) -> dict[str, str]:
    """The questions that the YAML asks now: {metric: what its values follow from}."""
    return {metric: _definition(schema, metric) for metric in schema.all_metrics}


def _definition(schema: EventSchema, metric: str) -> str:
    spec = schema.all_metrics[metric]
    asked = spec.model_dump_json(exclude={"description"}, exclude_defaults=True)
    # The table has a column of each group's type: values in an older one would be rounded.
    types = [sql_type(schema.fields[name]) for name in spec.group_by]
    return " ".join([str(TABLE_VERSION), asked, value_type(schema, spec), *types])
