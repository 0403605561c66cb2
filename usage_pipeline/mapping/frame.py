"""The mapped frame: every data line of a file, typed, with a verdict on each.

Columns: `line` (BIGINT), the schema's fields, then
`valid` (every rule holds), `received_at`, `fault` (code of a record whose cells do not fit the
header), `unreadable` (a list, per field the code why its cell could not be read) and `written` (a
list, per field the cell as the file has it). The last two are NULL on rows without a finding.
With a list of customers, `customers:known` follows: whether the list has the row's customer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa

from usage_pipeline.mapping.casts import Cast, cast, with_steps
from usage_pipeline.mapping.customers import is_known
from usage_pipeline.mapping.numbers import NumberSigns
from usage_pipeline.schema import EventSchema, FieldSpec
from usage_pipeline.schema.rules import DEFAULT_FUTURE_LIMIT, KNOWN_CUSTOMER, Rule
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, literal, parquet, quoted

#: The caller gives a temporary name already; the engine's own would be left behind by a crash.
_AS_PARQUET = "FORMAT parquet, USE_TMP_FILE false"


def write_frame(
    connection: Connection,
    batches: Iterable[pa.RecordBatch],
    columns: Sequence[str],
    constants: Mapping[str, str | None],
    schema: EventSchema,
    rules: Sequence[Rule],
    received_at: datetime,
    target: Path,
) -> None:
    """Type the text of `batches`, judge each row by `rules`, and write the frame as Parquet.

    Args:
        batches: `line`, `fault` and one text column `c0`, `c1`, … for each of `columns`.
        columns: the fields that the text columns feed, in their order.
        constants: {field: text} for fields that are not in the file.
        schema: where it has `customers`, `connection` has their list; see `load_customers`.
        received_at: what limits on past and future are measured from.
        target: the Parquet file; overwritten.
    """
    cells = {field: f"c{index}" for index, field in enumerate(columns)}
    text_columns = [(cell, pa.string()) for cell in cells.values()]
    stream = pa.RecordBatchReader.from_batches(
        pa.schema([("line", pa.int64()), ("fault", pa.string()), *text_columns]), batches
    )
    connection.register("records", stream)
    try:
        query = frame_query("records", cells, constants, schema, rules, received_at)
        connection.execute(f"COPY ({query}) TO {literal(str(target))} ({_AS_PARQUET})")
    finally:
        connection.unregister("records")


def write_valid_rows(
    connection: Connection, frame: Path, schema: EventSchema, target: Path
) -> None:
    """Write `line` and the fields of a frame's valid rows as Parquet."""
    columns = column_list(["line", *schema.fields])
    query = f"SELECT {columns} FROM {parquet(frame)} WHERE valid ORDER BY line"
    connection.execute(f"COPY ({query}) TO {literal(str(target))} ({_AS_PARQUET})")


def frame_query(
    source: str,
    cells: Mapping[str, str],
    constants: Mapping[str, str | None],
    schema: EventSchema,
    rules: Sequence[Rule],
    received_at: datetime,
) -> str:
    """The SELECT that makes the frame of `source`, stage by stage: text, values, codes, verdict.

    A stage names what the one before computed. Said again, a value would be bound again, which is
    most of the time that a small file takes.
    """
    text = ", ".join(
        f"{_text_of(field, cells, constants, schema)} AS {quoted(_text_name(field))}"
        for field in schema.fields
    )
    casts = dict(_casts(schema, received_at))
    values = ", ".join(f"{one.value} AS {quoted(field)}" for field, one in casts.items())
    reasons = ", ".join(
        f"{one.code_beside(quoted(field))} AS {quoted(_code_name(field))}"
        for field, one in casts.items()
    )
    codes = ", ".join(quoted(_code_name(field)) for field in schema.fields)
    written = ", ".join(quoted(_text_name(field)) for field in schema.fields)
    fields = ", ".join(quoted(field) for field in schema.fields)
    texts = with_steps(f"(SELECT line, fault, {text} FROM {source})", casts.values())
    known = f", {is_known('customer_id')} AS {quoted(KNOWN_CUSTOMER)}" if schema.customers else ""
    kept = f", {quoted(KNOWN_CUSTOMER)}" if schema.customers else ""
    # Looking up in parallel mixes the rows; a frame is in the order of its file.
    order = "ORDER BY line" if schema.customers else ""
    moment = f"TIMESTAMPTZ {literal(received_at.astimezone(UTC).isoformat())}"
    return f"""
        SELECT line, {fields}, valid, received_at, fault, unreadable,
               CASE WHEN NOT (valid AND "rules:unwarned") THEN [{written}] END AS written{kept}
        FROM (
            SELECT *, fault IS NULL AND {_all_hold(rules, warning=False)} AS valid,
                   {_all_hold(rules, warning=True)} AS "rules:unwarned"
            FROM (
                SELECT *, {moment} AS received_at{known},
                       CASE WHEN coalesce({codes}) IS NOT NULL THEN [{codes}] END AS unreadable
                FROM (
                    SELECT *, {reasons} FROM (SELECT *, {values} FROM {texts})
                )
            )
        ) {order}"""


def _all_hold(rules: Sequence[Rule], *, warning: bool) -> str:
    return (
        " AND ".join(f"({rule.holds}) IS TRUE" for rule in rules if rule.warning is warning)
        or "true"
    )


def _text_of(
    field: str,
    cells: Mapping[str, str],
    constants: Mapping[str, str | None],
    schema: EventSchema,
) -> str:
    """The field's text; NULL where the schema reads the cell as 'no value'."""
    if field in cells:
        if not schema.csv.null_values:
            return cells[field]
        nulls = ", ".join(literal(text) for text in schema.csv.null_values)
        return f"CASE WHEN {cells[field]} NOT IN ({nulls}) THEN {cells[field]} END"
    text = constants.get(field)
    if text is None:
        return "CAST(NULL AS VARCHAR)"
    return f"CASE WHEN fault IS NULL THEN {literal(text)} END"


def _casts(schema: EventSchema, received_at: datetime) -> Iterator[tuple[str, Cast]]:
    signs = NumberSigns(schema.csv.decimal_sign, schema.csv.thousands_sign)
    for name, field in schema.fields.items():
        earliest, latest = _known_span(name, field, schema, received_at)
        text = quoted(_text_name(name))
        yield name, cast(field, text, earliest=earliest, latest=latest, signs=signs)


def _known_span(
    name: str, field: FieldSpec, schema: EventSchema, received_at: datetime
) -> tuple[datetime, datetime]:
    """The span in which clock changes must be known; rules refuse event times outside of it."""
    if name == "timestamp":
        limit = field.future_limit or DEFAULT_FUTURE_LIMIT
        return datetime.combine(schema.start, time(), UTC), received_at + limit
    return datetime(1800, 1, 1, tzinfo=UTC), received_at + timedelta(days=100 * 366)


# A field may be called anything, but it has no colon in its name: these cannot collide with one.
def _text_name(field: str) -> str:
    return f"text:{field}"


def _code_name(field: str) -> str:
    return f"code:{field}"
