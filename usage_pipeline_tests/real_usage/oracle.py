"""What real usage files must come to, worked out with nothing but the standard library.

Nothing here knows the pipeline or reads its schemas: each file is read and metered by hand.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, Inexact, localcontext
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

Value = str | int | Decimal | datetime | None
Row = dict[str, Value]
Cells = Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """How a metric is worked out, said a second time."""

    aggregation: Literal["sum", "count", "min", "max"]
    field: str | None
    window: Literal["hour", "day", "week", "month"]
    time_zone: str = "UTC"
    group_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class RealFile:
    """A real file: how one of its rows is read, what its events are known by, what is metered."""

    name: str
    schema: str
    lines: int
    event: Callable[[Cells], Row]
    key: tuple[str, ...]
    decimals: frozenset[str]
    metrics: Mapping[str, Metric] = field(hash=False)

    def __str__(self) -> str:
        return self.schema


def cells_of(file: Path) -> Iterator[tuple[int, Cells]]:
    """Each record of a file, with the number of the line it begins on."""
    with file.open(encoding="utf-8", newline="") as text:
        records = csv.reader(text, strict=True)
        header = next(records)
        begin = records.line_num + 1
        for record in records:
            if record:
                yield begin, dict(zip(header, record, strict=True))
            begin = records.line_num + 1


def events_of(file: Path, real: RealFile) -> dict[int, Row]:
    """The events of a file by line: of equal ones only the first."""
    events: dict[int, Row] = {}
    seen: set[tuple[Value, ...]] = set()
    for line, cells in cells_of(file):
        event = real.event(cells)
        key = tuple(event[name] for name in real.key) or (line,)
        if key not in seen:
            seen.add(key)
            events[line] = event
    return events


def metric_rows(name: str, metric: Metric, events: Iterable[Row]) -> list[Row]:
    """Every value of a metric: one per customer, window and group that has an amount."""
    amounts: dict[tuple[Value, ...], list[Value]] = defaultdict(list)
    for event in events:
        if metric.field is None or event[metric.field] is not None:
            instant = event["timestamp"]
            assert isinstance(instant, datetime)
            begin, end = window_of(instant, metric.window, metric.time_zone)
            groups = (event[group] for group in metric.group_by)
            amount = event[metric.field] if metric.field else 1
            amounts[event["customer_id"], begin, end, *groups].append(amount)
    columns = ("customer_id", "window_start", "window_end", *metric.group_by)
    return [
        {"metric": name}
        | dict(zip(columns, keys, strict=True))
        | {"value": aggregate(metric.aggregation, found), "events": len(found)}
        for keys, found in amounts.items()
    ]


def aggregate(aggregation: str, amounts: Iterable[Value]) -> Decimal:
    """One amount out of many, without ever rounding."""
    numbers = [Decimal(amount) for amount in amounts if isinstance(amount, int | Decimal)]
    with localcontext(prec=200) as context:
        context.traps[Inexact] = True
        if aggregation == "min":
            return min(numbers)
        if aggregation == "max":
            return max(numbers)
        return sum(numbers, Decimal(0))


def window_of(instant: datetime, window: str, time_zone: str) -> tuple[datetime, datetime]:
    """Begin and end of the hour, day, week or month that clocks of a zone show."""
    local = instant.astimezone(ZoneInfo(time_zone))
    if window == "hour":
        begin = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        return begin, begin + timedelta(hours=1)
    day = local.date()
    if window == "day":
        first, after = day, day + timedelta(days=1)
    elif window == "week":
        first = date.fromisocalendar(*day.isocalendar()[:2], 1)
        after = first + timedelta(weeks=1)
    else:
        first = date(day.year, day.month, 1)
        after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return midnight(first, time_zone), midnight(after, time_zone)


def midnight(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6})0*)?Z?")


def utc(cell: str) -> datetime:
    """A moment in UTC; digits beyond microseconds must be zeros."""
    match = _MOMENT.fullmatch(cell)
    assert match, cell
    *calendar, fraction = match.groups()
    year, month, day, hour, minute, second = map(int, calendar)
    microsecond = int((fraction or "0").ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, microsecond, UTC)


def _unless_null(cell: str) -> str | None:
    """FOCUS writes NULL where it has no value."""
    return None if cell in ("", "NULL") else cell


def _focus(cells: Cells) -> Row:
    quantity = _unless_null(cells["ConsumedQuantity"])
    return {
        "customer_id": cells["SubAccountId"],
        "timestamp": utc(cells["ChargePeriodStart"]),
        "resource_id": _unless_null(cells["ResourceId"]),
        "sku_id": _unless_null(cells["SkuId"]),
        "service": cells["ServiceName"],
        "region": _unless_null(cells["RegionId"]),
        "charge_category": cells["ChargeCategory"],
        "consumed_unit": _unless_null(cells["ConsumedUnit"]),
        "consumed_quantity": None if quantity is None else Decimal(quantity),
        "billing_currency": cells["BillingCurrency"],
        "billed_cost": Decimal(cells["BilledCost"]),
    }


FOCUS = RealFile(
    name="focus_1_0_sample.csv",
    schema="focus_usage",
    lines=1_000,
    event=_focus,
    key=("customer_id", "resource_id", "sku_id", "timestamp"),
    decimals=frozenset({"consumed_quantity", "billed_cost"}),
    metrics={
        "consumed": Metric(
            "sum", "consumed_quantity", "day", group_by=("service", "consumed_unit")
        ),
        "billed": Metric("sum", "billed_cost", "month", group_by=("billing_currency",)),
        "charges": Metric("count", None, "day", group_by=("charge_category",)),
    },
)


def _aws(cells: Cells) -> Row:
    return {
        "customer_id": cells["lineItem/UsageAccountId"],
        "timestamp": utc(cells["lineItem/UsageStartDate"]),
        "line_item_id": cells["identity/LineItemId"],
        "time_interval": cells["identity/TimeInterval"],
        "line_item_type": cells["lineItem/LineItemType"],
        "product_code": cells["lineItem/ProductCode"],
        "usage_type": cells["lineItem/UsageType"] or None,
        "region": cells["product/region"] or None,
        "unit": cells["pricing/unit"] or None,
        "usage_amount": Decimal(cells["lineItem/UsageAmount"]),
        "unblended_cost": Decimal(cells["lineItem/UnblendedCost"]),
    }


AWS = RealFile(
    name="aws_cost_and_usage.csv",
    schema="aws_usage",
    lines=1_281,
    event=_aws,
    key=("line_item_id", "time_interval"),
    decimals=frozenset({"usage_amount", "unblended_cost"}),
    metrics={
        "amount_per_hour": Metric(
            "sum", "usage_amount", "hour", "America/New_York", ("product_code", "unit")
        ),
        "cost_per_day": Metric(
            "sum", "unblended_cost", "day", "America/New_York", ("line_item_type",)
        ),
        "cost_per_month": Metric("sum", "unblended_cost", "month", "America/New_York"),
        "line_items_per_week": Metric("count", None, "week", "Europe/Berlin", ("region",)),
        "smallest_amount": Metric("min", "usage_amount", "day", group_by=("usage_type", "unit")),
        "largest_amount": Metric("max", "usage_amount", "month", group_by=("unit",)),
    },
)


def _llm(cells: Cells) -> Row:
    return {
        "customer_id": "conversation-service",
        "timestamp": utc(cells["TIMESTAMP"]),
        "context_tokens": int(cells["ContextTokens"]),
        "generated_tokens": int(cells["GeneratedTokens"]),
    }


LLM = RealFile(
    name="azure_llm_inference_conversation.csv",
    schema="llm_usage",
    lines=19_366,
    event=_llm,
    key=(),
    decimals=frozenset(),
    metrics={
        "context_per_hour": Metric("sum", "context_tokens", "hour"),
        "requests_per_hour": Metric("count", None, "hour", "Asia/Kolkata"),
        "generated_per_day": Metric("sum", "generated_tokens", "day", "Asia/Kolkata"),
        "longest_context": Metric("max", "context_tokens", "week", "Europe/Berlin"),
        "shortest_answer": Metric("min", "generated_tokens", "month"),
        "requests_by_length": Metric("count", None, "day", group_by=("generated_tokens",)),
    },
)


def _load_balancer(cells: Cells) -> Row:
    return {
        "customer_id": "8c0756",
        "timestamp": utc(cells["timestamp"]),
        "requests": Decimal(cells["value"]),
    }


LOAD_BALANCER = RealFile(
    name="elb_request_count_8c0756.csv",
    schema="load_balancer_usage",
    lines=4_032,
    event=_load_balancer,
    key=("customer_id", "timestamp"),
    decimals=frozenset({"requests"}),
    metrics={
        "requests_per_day": Metric("sum", "requests", "day", "Europe/Berlin"),
        "busiest_of_week": Metric("max", "requests", "week", "America/New_York"),
        "quietest_of_month": Metric("min", "requests", "month", "Asia/Kolkata"),
        "counts_per_day": Metric("count", None, "day"),
    },
)

REAL_FILES = (FOCUS, AWS, LLM, LOAD_BALANCER)
