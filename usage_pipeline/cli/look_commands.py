"""Commands that look at results: `events`, `metrics`, `verify`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from usage_pipeline.cli.common import FormatOption, SchemaOption, register, schema_named
from usage_pipeline.cli.output import Format, show, show_object
from usage_pipeline.cli.problems import REFUSED, WrongUse
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.intake import Archive
from usage_pipeline.ledger import Proof
from usage_pipeline.ledger import verify as prove
from usage_pipeline.ledger.tables import fields_of, ingestion_table
from usage_pipeline.metering.tables import has_values, metric_table
from usage_pipeline.rebuild import verify_rebuild
from usage_pipeline.schema import EventSchema, load_schemas
from usage_pipeline.warehouse import Warehouse, column_list
from usage_pipeline.warehouse.connection import Connection

Customer = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]
From = Annotated[str | None, typer.Option("--from", help="From this day or time on.")]
To = Annotated[str | None, typer.Option("--to", help="Up to, not including, this day or time.")]


def add_to(app: typer.Typer) -> None:
    for command in (events, metrics, verify):
        app.command()(command)


def events(
    schema: Annotated[str, typer.Option("--schema", help="The event schema.")],
    customer: Customer = None,
    begin: From = None,
    end: To = None,
    form: FormatOption = Format.table,
) -> None:
    """List the ingestion table: the one row per event that counts."""
    found = schema_named(schema)
    columns = ["upload", "line", *found.fields]
    where, values = _filter('event."timestamp"', customer, begin, end, "UTC")
    table = ingestion_table(found)
    with Warehouse(DataFolder.current()).open() as connection:
        if not Flow(found, DataFolder.current()).can_read(connection, types_only=True):
            show([], columns, form, "No events.")
            return
        query = f"""
            SELECT upload.upload, event.* EXCLUDE (place)
            FROM (SELECT place, line, {fields_of(connection, found, table)} FROM {table}) AS event
            JOIN pipeline.places AS upload ON upload.place = event.place AND upload.schema = ?
            {where} ORDER BY event."timestamp", event.place, event.line"""
        show(_rows(connection, query, [schema, *values], columns), columns, form, "No events.")


def metrics(
    metric: Annotated[str, typer.Argument(help="The metric.")],
    schema: SchemaOption = None,
    customer: Customer = None,
    begin: From = None,
    end: To = None,
    form: FormatOption = Format.table,
) -> None:
    """List the values of a billable metric, per customer and window."""
    found = _schema_of(metric, schema)
    spec = found.all_metrics[metric]
    names = ["customer_id", "window_start", "window_end", *spec.group_by, "value", "events"]
    where, values = _filter("window_start", customer, begin, end, spec.time_zone)
    query = f"""
        SELECT ?, {column_list(names)} FROM {metric_table(found, metric)} {where}
        ORDER BY {column_list(["window_start", "customer_id", *spec.group_by])}"""
    with Warehouse(DataFolder.current()).open() as connection:
        Flow(found, DataFolder.current()).can_read(connection, types_only=True)
        if has_values(connection, found, metric):
            rows = _rows(connection, query, [metric, *values], ["metric", *names])
            show(rows, ["metric", *names], form, "No values.")
        else:
            words = "Not computed yet; the next ingest of the schema computes it."
            show([], ["metric", *names], form, words)


def verify(
    schema: SchemaOption = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Also build the tables anew beside them, and compare."),
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Prove on the live data that nothing is lost and nothing counts twice. Exit 1 if not."""
    schemas = [schema_named(schema)] if schema else list(load_schemas().values())
    folder, store = DataFolder.current(), register()
    with Warehouse(folder).open() as connection:
        proofs: list[Proof] = []
        for one in schemas:
            proofs += prove(connection, store, Archive(folder), one)
            if rebuild:
                proofs += verify_rebuild(Flow(one, folder), connection)
    rows = [{"name": proof.name, "ok": proof.ok, "detail": proof.detail} for proof in proofs]
    ok = all(proof.ok for proof in proofs)
    if form is Format.json:
        show_object({"ok": ok, "checks": rows})
    else:
        show(rows, ("ok", "name", "detail"), form, "Nothing to prove.")
    if not ok:
        raise typer.Exit(REFUSED)


def _schema_of(metric: str, schema: str | None) -> EventSchema:
    schemas = [schema_named(schema)] if schema else list(load_schemas().values())
    having = [one for one in schemas if metric in one.all_metrics]
    if not having:
        known = ", ".join(sorted({name for one in schemas for name in one.all_metrics}))
        raise WrongUse(f"There is no metric '{metric}'. There are: {known}.")
    if len(having) > 1:
        names = ", ".join(one.name for one in having)
        raise WrongUse(f"Several schemas have a metric '{metric}'; add --schema: {names}.")
    return having[0]


def _filter(
    column: str, customer: str | None, begin: str | None, end: str | None, time_zone: str
) -> tuple[str, list[Any]]:
    conditions: list[tuple[str, Any]] = []
    if customer is not None:
        conditions.append(("customer_id = ?", customer))
    if begin is not None:
        conditions.append((f"{column} >= ?", _moment(begin, "--from", time_zone)))
    if end is not None:
        conditions.append((f"{column} < ?", _moment(end, "--to", time_zone)))
    where = " AND ".join(condition for condition, _ in conditions)
    return (f"WHERE {where}" if where else ""), [value for _, value in conditions]


def _moment(text: str, option: str, time_zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            f"{option} {text}: write a day or a time as 2026-10-31 or 2026-10-31T12:00:00+01:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time_zone))


def _rows(
    connection: Connection, query: str, values: list[Any], columns: list[str]
) -> Iterator[dict[str, Any]]:
    result = connection.execute(query, values)
    while rows := result.fetchmany(10_000):
        for row in rows:
            yield dict(zip(columns, row, strict=True))
