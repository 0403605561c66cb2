"""Usage files for the schema `api_usage`, and what they add up to by csv and Decimal alone."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline_tests.workplace import HEADER, Workplace

BERLIN = ZoneInfo("Europe/Berlin")
REGIONS = ("us-east", "us-west", "eu-west", "ap-south")
BEGIN = datetime.fromisoformat("2024-10-01T00:00:00+00:00")

#: (customer, start of the window, region) -> value
Values = dict[tuple[str, datetime, str | None], Decimal]


def usage_file(customer: str, rows: int, seed: int = 0) -> str:
    """A file of one customer's events, with ids that no other customer or seed has."""
    draw = random.Random(f"{customer}-{seed}")  # noqa: S311
    lines = [HEADER]
    for number in range(rows):
        when = BEGIN + timedelta(minutes=draw.randrange(60 * 24 * 60))
        storage = Decimal(draw.randrange(1, 10**9)).scaleb(-6)
        cells = (f"{customer}-{seed}-{number}", customer, f"{when:%Y-%m-%dT%H:%M:%SZ}")
        usage = (str(draw.randrange(1, 500)), str(storage), draw.choice(REGIONS))
        lines.append(",".join([*cells, *usage]))
    return "\n".join(lines) + "\n"


def bad_usage_file(customer: str, rows: int, seed: int = 0) -> str:
    """The same file with a number in line 3 that is none."""
    lines = usage_file(customer, rows, seed).splitlines()
    cells = lines[2].split(",")
    cells[3] = "many"
    lines[2] = ",".join(cells)
    return "\n".join(lines) + "\n"


def api_calls(texts: Iterable[str]) -> Values:
    """The sum of calls per customer, day and region, each event counted once."""
    totals: Values = {}
    for event in _events(texts):
        day = datetime.fromisoformat(event["When"][:10]).replace(tzinfo=UTC)
        key = event["Account"], day, event["region"] or None
        totals[key] = totals.get(key, Decimal(0)) + Decimal(event["API Calls"])
    return totals


def peak_storage(texts: Iterable[str]) -> Values:
    """The highest storage per customer and month in Berlin."""
    peaks: Values = {}
    for event in _events(texts):
        when = datetime.fromisoformat(event["When"]).astimezone(BERLIN)
        key = event["Account"], datetime(when.year, when.month, 1, tzinfo=BERLIN), None
        peaks[key] = max(peaks.get(key, Decimal(0)), Decimal(event["Storage GB"]))
    return peaks


def values_of(work: Workplace, metric: str, *arguments: str, schema: str = "api_usage") -> Values:
    """What the pipeline says a metric is, window by window."""
    found = work.listing("metrics", metric, "--schema", schema, *arguments)
    values: Values = {}
    for row in found:
        start = datetime.fromisoformat(row["window_start"])
        values[row["customer_id"], start, row.get("region")] = Decimal(row["value"])
    return values


def _events(texts: Iterable[str]) -> Iterator[dict[str, str]]:
    seen: set[str] = set()
    for text in texts:
        for event in csv.DictReader(io.StringIO(text)):
            if event["Event ID"] not in seen:
                seen.add(event["Event ID"])
                yield event
