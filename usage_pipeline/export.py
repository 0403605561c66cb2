"""Parquet of the tables, for readers who must not hold the database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.ledger.tables import displaced_table, fields_of, ingestion_table
from usage_pipeline.metering.aggregates import value_type
from usage_pipeline.metering.refresh import uncomputed_metrics
from usage_pipeline.metering.tables import has_values, metric_table
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse import Warehouse
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, literal


@dataclass(frozen=True, slots=True)
class Exported:
    """One table, written to a file. stale: metric windows in it that wait to be computed.

    file: None for a metric without values, as the YAML describes it now; its older file is gone.
    """

    schema: str
    table: str
    rows: int
    file: Path | None
    stale: int = 0


def export_tables(
    folder: DataFolder, schemas: Iterable[EventSchema], to: Path
) -> Iterator[Exported]:
    """Write `<schema>/ingestion_table.parquet`, `displaced.parquet`, `places.parquet` and one file
    per metric below `to`, all from the same moment.

    A file takes the place of the last one in one step: who reads that one reads on undisturbed.
    """
    # Beside their places, so that giving them their names is a rename.
    work = Path(tempfile.mkdtemp(prefix=".export-", dir=to))
    try:
        written, uncomputed = [], []
        with Warehouse(folder).open(to) as connection:
            for schema in schemas:
                flow = Flow(schema, folder)
                if not flow.can_read(connection, types_only=True):
                    continue
                waiting = flow.register.windows.stale(schema.name)
                for table, query in _queries(connection, schema):
                    file = work / f"{schema.name}-{table}.parquet"
                    rows = _write(connection, query, file)
                    target = to / schema.name / f"{table}.parquet"
                    count = len(waiting.get(table, ()))
                    written.append(
                        (file, target, Exported(schema.name, table, rows, target, count))
                    )
                for metric in uncomputed_metrics(connection, schema):
                    uncomputed.append((to / schema.name / f"{metric}.parquet", schema.name, metric))
        for file, target, exported in written:
            target.parent.mkdir(exist_ok=True)
            file.replace(target)
            yield exported
        for target, name, metric in uncomputed:
            target.unlink(missing_ok=True)
            yield Exported(name, metric, 0, None)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_values(
    connection: Connection,
    schema: EventSchema,
    metric: str,
    where: str,
    values: Sequence[object],
    file: Path,
) -> int:
    """Write values of a metric as Parquet, to a folder that the connection may write to.

    Returns how many.

    Args:
        where: a WHERE clause, or nothing; `values` are its parameters.

    Raises:
        duckdb.IOException, OSError: the file cannot be written; an older one is as it was.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE chosen AS {_exact(schema, metric)} {where}", list(values)
    )
    unfinished = file.with_name(f".{uuid4().hex}")
    try:
        spec = schema.all_metrics[metric]
        order = column_list(["window_start", "customer_id", *spec.group_by])
        count = _write(connection, f"FROM chosen ORDER BY {order}", unfinished)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _write(connection: Connection, query: str, file: Path) -> int:
    copied = connection.execute(
        f"COPY ({query}) TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd)"
    )
    return int(copied.fetchall()[0][0])


def _queries(connection: Connection, schema: EventSchema) -> Iterator[tuple[str, str]]:
    """{table: query} of what the schema has."""
    mine = f"SELECT * EXCLUDE (schema) FROM pipeline.places WHERE schema = {literal(schema.name)}"
    for name, table in (
        ("ingestion_table", ingestion_table(schema)),
        ("displaced", displaced_table(schema)),
    ):
        rows = f"SELECT place, line, {fields_of(connection, schema, table)} FROM {table}"
        yield (
            name,
            f"SELECT places.upload, event.* FROM ({rows}) AS event JOIN ({mine}) AS places "
            "USING (place)",
        )
    yield "places", f"{mine} ORDER BY place"
    for metric in schema.all_metrics:
        if has_values(connection, schema, metric):
            yield metric, _exact(schema, metric)


def _exact(schema: EventSchema, metric: str) -> str:
    """The values of a metric, as Parquet can hold them."""
    huge = value_type(schema, schema.all_metrics[metric]) == "HUGEINT"
    # Parquet has no integers of 128 bits; DuckDB would write the nearest double.
    exact = "CAST(value AS DECIMAL(38,0))" if huge else "value"
    return f"SELECT * REPLACE ({exact} AS value) FROM {metric_table(schema, metric)}"
