"""The events behind one value of a metric, each with the upload and line it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from usage_pipeline.metering.windowed import AMOUNT, AT, load_windows, windowed
from usage_pipeline.metering.windows import TimeWindow
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, literal, quoted

#: Columns beside the fields, whose names no field can have.
_OWN, _END = quoted(":own"), quoted(":end")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A query for the events, its columns by name, and its parameters.

    The events are in the order that matters: by value where a rank decides, else by time.
    """

    columns: tuple[str, ...]
    query: str
    values: tuple[Any, ...]


def explain_value(
    connection: Connection,
    schema: EventSchema,
    spec: MetricSpec,
    customer: str,
    window: TimeWindow,
) -> Explanation:
    """The events that take part in a customer's values of one window.

    Besides upload, line, timestamp, groups and the field: `rank` for a percentile, 1 being the
    smallest of its group; `lasts_seconds` for a weighted sum, how long the value holds. A metric
    with a SELECT of its own shows every field.
    """
    load_windows(connection, [window])
    fields = list(schema.fields) if spec.sql is not None else _fields(spec)
    shown = [name for name in fields if name not in ("customer_id", "timestamp")]
    group = f"PARTITION BY {column_list(spec.group_by)}" if spec.group_by else ""
    own, order = "", f"{AT}, place, line"
    columns = ["upload", "line", "timestamp", *shown]
    if spec.aggregation == "percentile":
        own = f", row_number() OVER ({group} ORDER BY {AMOUNT}, {AT}, place, line) AS {_OWN}"
        columns.append("rank")
        order = ", ".join([*map(quoted, spec.group_by), _OWN])
    elif spec.aggregation == "weighted_sum":
        ends = f"lead({AT}, 1, {_END}) OVER ({group} ORDER BY {AT}, place, line)"
        own = f""", CAST(epoch_us({ends}) - epoch_us({AT}) AS DECIMAL(20,0))
                  * CAST(0.000001 AS DECIMAL(7,6)) AS {_OWN}"""
        columns.append("lasts_seconds")
    amount = f", event.{quoted(spec.field)} AS {AMOUNT}" if spec.field else ""
    names = column_list(dict.fromkeys(["timestamp", *shown, *spec.group_by]), "event")
    taken = windowed(
        connection,
        schema,
        spec,
        [window],
        f"""event.customer_id, event.place, event.line, event."timestamp" AS {AT}, {names},
            slots.window_end AS {_END}{amount}""",
    )
    query = f"""
        SELECT {column_list(columns[:3] + shown)}{f", {_OWN}" if own else ""}
        FROM (SELECT *{own} FROM (SELECT * FROM ({taken}) WHERE customer_id = ?)) AS event
        JOIN (SELECT place, upload FROM pipeline.places WHERE schema = {literal(schema.name)})
             USING (place)
        ORDER BY {order}"""
    if own and columns[-1] in shown:
        columns[-1] = f"metric_{columns[-1]}"
    return Explanation(tuple(columns), query, (customer,))


def _fields(spec: MetricSpec) -> list[str]:
    named = [*spec.group_by, *([spec.field] if spec.field else [])]
    return list(dict.fromkeys(named))
