"""Commands that look at the ledger: `events`, `verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from usage_pipeline.cli.common import FormatOption, SchemaOption, register, schema_named
from usage_pipeline.cli.filters import Customer, From, To, narrowed, rows_of
from usage_pipeline.cli.output import Format, show, show_object
from usage_pipeline.cli.problems import REFUSED
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.intake import Archive
from usage_pipeline.ledger import Proof
from usage_pipeline.ledger import verify as prove
from usage_pipeline.ledger.tables import fields_of, ingestion_table
from usage_pipeline.metering.refresh import uncomputed_metrics
from usage_pipeline.rebuild import verify_rebuild
from usage_pipeline.schema import load_schemas
from usage_pipeline.warehouse import Warehouse


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
    only = narrowed('event."timestamp"', customer, begin, end, "UTC")
    table = ingestion_table(found)
    with Warehouse(DataFolder.current()).open() as connection:
        if not Flow(found, DataFolder.current()).can_read(connection, types_only=True):
            show([], columns, form, "No events.")
            return
        query = f"""
            SELECT upload.upload, event.* EXCLUDE (place)
            FROM (SELECT place, line, {fields_of(connection, found, table)} FROM {table}) AS event
            JOIN pipeline.places AS upload ON upload.place = event.place AND upload.schema = ?
            {only.where} ORDER BY event."timestamp", event.place, event.line"""
        rows = rows_of(connection, query, [schema, *only.values], columns)
        show(rows, columns, form, "No events.")


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
            uncomputed = uncomputed_metrics(connection, one)
            proofs += prove(connection, store, Archive(folder), one, uncomputed)
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
