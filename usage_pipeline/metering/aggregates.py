"""How the events of a window become one number: a query for each aggregation."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from usage_pipeline.mapping.casts import sql_type
from usage_pipeline.metering.exact import DIVISOR, REST, WHOLE, floored, rounded, unscaled
from usage_pipeline.metering.windowed import AMOUNT, AT, keys
from usage_pipeline.schema import EventSchema, MetricSpec
from usage_pipeline.schema.metric_spec import QUOTIENT_DIGITS
from usage_pipeline.warehouse.sql import quoted

_HOUR = 3_600_000_000
_HALF = 10**19

_PLAIN = {
    "count": "count(*)",
    "sum": f"sum({AMOUNT})",
    "min": f"min({AMOUNT})",
    "max": f"max({AMOUNT})",
    "unique_count": f"count(DISTINCT {AMOUNT})",
    "latest": f"arg_max({AMOUNT}, ({AT}, place, line))",
}


def value_type(schema: EventSchema, spec: MetricSpec) -> str:
    """SQL type of a metric's value: exact, and wide enough for any that fits 38 digits."""
    if _is_quotient(spec):
        return f"DECIMAL(38,{_digits(spec)})"
    if spec.field is None or spec.aggregation == "unique_count":
        return "BIGINT"
    field = schema.fields[spec.field]
    if spec.aggregation != "sum":
        return sql_type(field)
    return "HUGEINT" if field.type == "integer" else f"DECIMAL(38,{field.scale})"


def aggregated(schema: EventSchema, spec: MetricSpec, amounts: str) -> str:
    """A query for the metric's keys, `events` and `value`, over the events that take part.

    Args:
        amounts: a query, as `windowed.amounts` gives it.
    """
    return apart(spec, amounts, lambda own, rows: _aggregated(schema, own, rows))


def _aggregated(schema: EventSchema, spec: MetricSpec, amounts: str) -> str:
    if not _is_quotient(spec):
        return _plain(schema, spec, amounts)
    quotient = _QUOTIENTS.get(spec.aggregation, _whole)
    if spec.aggregation == "percentile" and not _between(spec):
        quotient = _whole
    return shaped(spec, quotient(spec, amounts), _scale(schema, spec))


def apart(spec: MetricSpec, rows: str, query: Callable[[MetricSpec, str], str]) -> str:
    """`query` of a metric and rows, with the groups under other names than those of fields.

    A field may be called `rank`, `total` or `q`, as a column on the way to a value is, and the
    engine would take the one for the other without a word.
    """
    own = {name: f":group {index}" for index, name in enumerate(spec.group_by)}
    if not own:
        return query(spec, rows)
    renamed = ", ".join(f"{quoted(name)} AS {quoted(other)}" for name, other in own.items())
    named = "".join(f", {quoted(other)} AS {quoted(name)}" for name, other in own.items())
    inner = query(
        spec.model_copy(update={"group_by": list(own.values())}),
        f"SELECT * RENAME ({renamed}) FROM ({rows})",
    )
    return f"SELECT customer_id, window_start, window_end{named}, events, value FROM ({inner})"


def shaped(spec: MetricSpec, numbers: str, scale: int) -> str:
    """A query for the metric's keys, `events` and `value`: `numbers` multiplied, divided, rounded.

    Args:
        numbers: a query, as `exact.rounded` wants it, with the keys and `events`.
    """
    times, over = spec.factor
    mode = spec.round.mode if spec.round else "half_even"
    factor = Fraction(times) / Fraction(over)
    columns = f"{keys(spec)}, events"
    return rounded(numbers, columns, scale, factor, _digits(spec), mode)


def _is_quotient(spec: MetricSpec) -> bool:
    """Whether the value is not simply one of the engine's own aggregates."""
    return spec.shaped or spec.aggregation in ("average", "weighted_sum", "sql") or _between(spec)


def _between(spec: MetricSpec) -> bool:
    return spec.aggregation == "percentile" and spec.interpolation != "none"


def _digits(spec: MetricSpec) -> int:
    return spec.round.digits if spec.round else QUOTIENT_DIGITS


def _scale(schema: EventSchema, spec: MetricSpec) -> int:
    """Digits behind the point of what is aggregated."""
    if spec.aggregation == "sql":
        return QUOTIENT_DIGITS
    if spec.field is None or spec.aggregation == "unique_count":
        return 0
    field = schema.fields[spec.field]
    return field.scale if field.type == "decimal" else 0


def _value(spec: MetricSpec, amounts: str) -> tuple[str, str]:
    """One of the engine's aggregates, and a query for the rows it is over."""
    if spec.aggregation == "percentile":
        return f"max({AMOUNT}) FILTER (WHERE rank = low)", _ranked(spec, amounts)
    return _PLAIN[spec.aggregation], amounts


def _plain(schema: EventSchema, spec: MetricSpec, amounts: str) -> str:
    value, rows = _value(spec, amounts)
    return f"""SELECT {keys(spec)}, count(*) AS events,
                      CAST({value} AS {value_type(schema, spec)}) AS value
               FROM ({rows}) GROUP BY {keys(spec)}"""


def _whole(spec: MetricSpec, amounts: str) -> str:
    value, rows = _value(spec, amounts)
    return f"""SELECT {keys(spec)}, count(*) AS events,
                      {unscaled(value)} AS {WHOLE}, 0 AS {REST}, 1 AS {DIVISOR}
               FROM ({rows}) GROUP BY {keys(spec)}"""


def _average(spec: MetricSpec, amounts: str) -> str:
    whole, rest = floored("total", "events")
    return f"""
        SELECT {keys(spec)}, events, {whole} AS {WHOLE}, {rest} AS {REST}, events AS {DIVISOR}
        FROM (SELECT {keys(spec)}, count(*) AS events, {unscaled(f"sum({AMOUNT})")} AS total
              FROM ({amounts}) GROUP BY {keys(spec)})"""


def _ranked(spec: MetricSpec, amounts: str) -> str:
    """The events of a value in order, with the ranks, from 1, that the percentile lies between.

    `beyond` is how far it lies beyond `low`, in parts of `_parts`. Ranking sorts, and a sort
    spills to disk; a list of all values would be three times as fast and must fit in memory.
    """
    part, parts = _part(spec)
    if spec.interpolation == "none":
        low, beyond = f"greatest(({part} * CAST(n AS HUGEINT) + {parts - 1}) // {parts}, 1)", "0"
    else:
        position = f"({part} * CAST(n - 1 AS HUGEINT))"
        low, beyond = f"{position} // {parts} + 1", f"{position} % {parts}"
    return f"""
        SELECT *, {low} AS low, {beyond} AS beyond
        FROM (SELECT *, row_number() OVER (PARTITION BY {keys(spec)} ORDER BY {AMOUNT}) AS rank,
                     count(*) OVER (PARTITION BY {keys(spec)}) AS n
              FROM ({amounts}))"""


def _part(spec: MetricSpec) -> tuple[int, int]:
    assert spec.p is not None
    return Fraction(spec.p).as_integer_ratio()


def _percentile(spec: MetricSpec, amounts: str) -> str:
    """Linear between the two nearest values: low + (high - low) * beyond / parts."""
    _, parts = _part(spec)
    # The step in two halves of 19 digits: its product with `beyond` may have more than 38.
    upper, lower = f"(step // {_HALF}::HUGEINT * beyond)", f"(step % {_HALF}::HUGEINT * beyond)"
    rest = f"({upper} % {parts} * {_HALF}::HUGEINT + {lower})"
    return f"""
        SELECT {keys(spec)}, events, {REST} % {parts} AS {REST}, {parts} AS {DIVISOR},
               least + {upper} // {parts} * {_HALF}::HUGEINT + {REST} // {parts} AS {WHOLE}
        FROM (SELECT *, {rest} AS {REST}
              FROM (SELECT *, most - least AS step
                    FROM (SELECT {keys(spec)}, count(*) AS events, max(beyond) AS beyond,
                                 {unscaled(_at_rank("low"))} AS least,
                                 {unscaled(_at_rank("least(low + 1, n)"))} AS most
                          FROM ({_ranked(spec, amounts)}) GROUP BY {keys(spec)})))"""


def _at_rank(rank: str) -> str:
    return f"max({AMOUNT}) FILTER (WHERE rank = {rank})"


def _weighted_sum(spec: MetricSpec, amounts: str) -> str:
    """Each value times how long it holds: until the next event of the window, or its end.

    Of several events at one moment the last by place and line holds, as for `latest`.
    """
    span = "epoch_us(window_end) - epoch_us(window_start)"
    divisor = span if spec.per == "window" else str(_HOUR)
    lasts = f"""epoch_us(lead({AT}, 1, window_end) OVER (PARTITION BY {keys(spec)}
                         ORDER BY {AT}, place, line)) - epoch_us({AT})"""
    high, low = floored("level", f"{_HALF}::HUGEINT")
    whole, rest = floored("high", DIVISOR)
    return f"""
        SELECT {keys(spec)}, events, {DIVISOR}, {REST} % {DIVISOR} AS {REST},
               whole * {_HALF}::HUGEINT + {REST} // {DIVISOR} AS {WHOLE}
        FROM (SELECT *, {whole} AS whole, {rest} * {_HALF}::HUGEINT + low AS {REST}
              FROM (SELECT {keys(spec)}, count(*) AS events, {divisor} AS {DIVISOR},
                           sum({high} * lasts) AS high, sum({low} * lasts) AS low
                    FROM (SELECT *, {unscaled(AMOUNT)} AS level, {lasts} AS lasts
                          FROM ({amounts}))
                    GROUP BY {keys(spec)}))"""


_QUOTIENTS: dict[str, Callable[[MetricSpec, str], str]] = {
    "average": _average,
    "percentile": _percentile,
    "weighted_sum": _weighted_sum,
}
