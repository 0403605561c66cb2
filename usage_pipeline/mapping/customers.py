"""The list of customers that a schema names, as a table beside the rows that are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from usage_pipeline.mapping.headers import normal_label
from usage_pipeline.reading import (
    DELIMITERS,
    FileChanged,
    Header,
    Records,
    UnreadableFile,
    candidate_headers,
)
from usage_pipeline.schema import CsvOptions, CustomerList, EventSchema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import quoted

#: Its one column is `customer_id`; no value is there twice, and none is empty.
KNOWN_CUSTOMERS = "known_customers"

#: The list says itself how it is written: the options of a schema are about its usage files.
_OPTIONS = CsvOptions()


class CustomersUnusable(Exception):
    """There is no list of customers to check by: no file's fault, and no verdict on any."""


def load_customers(connection: Connection, schema: EventSchema, root: Path) -> None:
    """Have the list of a schema's customers as the table `KNOWN_CUSTOMERS`, read once a connection.

    Args:
        root: the data folder, which the list's path is relative to.

    Raises:
        CustomersUnusable: the list is missing, cannot be read exactly, or names nobody.
    """
    customers = schema.customers
    if customers is None or _is_loaded(connection):
        return
    path, header, index = find_list(customers, root)
    records = Records(path, header, [index], _OPTIONS, max_errors=1)
    reasons: list[Exception] = []
    stream = pa.RecordBatchReader.from_batches(
        pa.schema([("customer_id", pa.string())]), _cells(records, reasons)
    )
    connection.register("customer_list", stream)
    try:
        connection.execute(
            f"""CREATE TEMP TABLE {KNOWN_CUSTOMERS} AS
                SELECT DISTINCT customer_id FROM customer_list WHERE customer_id <> ''"""
        )
    except Exception:
        # The engine wraps what the reader raised in an error of its own.
        if not reasons:
            raise
        raise _unusable(customers, path, _reason(reasons[0])) from None
    finally:
        connection.unregister("customer_list")
    [(count,)] = connection.execute(f"SELECT count(*) FROM {KNOWN_CUSTOMERS}").fetchall()
    if not count:
        connection.execute(f"DROP TABLE {KNOWN_CUSTOMERS}")
        raise _unusable(customers, path, f"its column {customers.column} names no customer")


def find_list(customers: CustomerList, root: Path) -> tuple[Path, Header, int]:
    """Where the list is, its header, and the index of its column.

    Raises:
        CustomersUnusable: there is no such file or column.
    """
    path = root / customers.file
    try:
        if not path.exists():
            raise _unusable(customers, path, "there is no such file")
        if not path.is_file():
            raise _unusable(customers, path, "it is not a file")
        headers = candidate_headers(path, DELIMITERS, _OPTIONS)
    except (UnreadableFile, FileChanged, OSError) as error:
        raise _unusable(customers, path, _reason(error)) from None
    wanted = normal_label(customers.column)
    found = [
        (header, index)
        for header in headers
        for index, label in enumerate(header.labels)
        if normal_label(label) == wanted
    ]
    if not found:
        widest = max(headers, key=lambda header: len(header.labels))
        labels = ", ".join(f"'{label[:40]}'" for label in widest.labels[:8])
        raise _unusable(customers, path, f"it has no column '{customers.column}', but {labels}")
    header, index = max(found, key=lambda one: len(one[0].labels))
    if sum(one is header for one, _ in found) > 1:
        raise _unusable(customers, path, f"it has two columns '{customers.column}'")
    return path, header, index


def is_known(field: str) -> str:
    """Whether the list has the customer in a field: SQL, NULL where there is none to look up."""
    column = quoted(field)
    found = f"{column} IN (SELECT customer_id FROM {KNOWN_CUSTOMERS})"
    return f"CASE WHEN {column} <> '' THEN {found} END"


def _is_loaded(connection: Connection) -> bool:
    query = "SELECT 1 FROM duckdb_tables() WHERE temporary AND table_name = ?"
    return bool(connection.execute(query, [KNOWN_CUSTOMERS]).fetchall())


def _cells(records: Records, reasons: list[Exception]) -> Iterator[pa.RecordBatch]:
    try:
        for batch in records.batches():
            if records.faulty:
                raise UnreadableFile(records.errors[0])
            yield batch.select(["c0"]).rename_columns(["customer_id"])
    except (UnreadableFile, FileChanged, OSError) as error:
        reasons.append(error)
        raise


def _reason(error: Exception) -> str:
    if isinstance(error, UnreadableFile):
        where = "" if error.error.line is None else f"line {error.error.line}: "
        return f"{where}{error.error.message}"
    if isinstance(error, FileChanged):
        return f"it changed while it was read: {error}"
    return str(error)


def _unusable(customers: CustomerList, path: Path, why: str) -> CustomersUnusable:
    return CustomersUnusable(
        f"The list of customers {path} cannot be used: {why.rstrip('.')}. Nothing is checked "
        f"without it: put a CSV file in UTF-8 with the column {customers.column} there, or change "
        "`customers` in the schema."
    )
