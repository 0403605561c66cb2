"""Every worked example of docs/metrics.md is what the engine gives, and what plain Python gives."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

import pytest
import yaml

from usage_pipeline.data_folder import PROJECT
from usage_pipeline.metering import window_of
from usage_pipeline.schema import Aggregation, MetricSpec
from usage_pipeline_tests.docs.console import follow
from usage_pipeline_tests.docs.test_docs import section
from usage_pipeline_tests.metering.oracle import Event, values_of
from usage_pipeline_tests.metering.small_ledger import (
    EMPTY,
    computed,
    ledger_of,
    schema_with,
    windows_with,
)
from usage_pipeline_tests.workplace import Workplace

PAGE = (PROJECT / "docs" / "metrics.md").read_text(encoding="utf-8")
_EXAMPLE = re.compile(r"^```yaml\n((?:(?!```).*\n)*)```\n\n((?:\|.*\n)+)", re.MULTILINE)

Values = dict[tuple[str, str], Decimal]


@dataclass(frozen=True)
class Example:
    """A metric of the page, and the values that the page gives it."""

    name: str
    metric: dict[str, Any]
    values: Values


def examples() -> list[Example]:
    found = []
    for block, table in _EXAMPLE.findall(PAGE):
        [(name, metric)] = yaml.load(block, Loader=yaml.BaseLoader).items()  # noqa: S506 - texts, for exact numbers
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
        assert rows[0] == ["customer_id", "window_start", "value"]
        if "digits" in metric.get("round", {}):
            metric["round"]["digits"] = int(metric["round"]["digits"])
        values = {(customer, start): Decimal(value) for customer, start, value in rows[2:]}
        found.append(Example(name, metric, values))
    return found


def events() -> list[Event]:
    """The events of the page, in the order of their lines."""
    text, *_ = re.findall(r"^```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    found = []
    for line, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        fields = {
            **EMPTY,
            "calls": int(row["calls"]) if row["calls"] else None,
            "gb": Decimal(row["gb"]),
            "user": row["user"],
            "region": row["region"],
        }
        at = datetime.fromisoformat(row["timestamp"])
        found.append(Event(1, line, row["customer_id"], at, fields))
    return found


EXAMPLES = examples()


def test_every_aggregation_has_a_worked_example() -> None:
    assert {one.metric["aggregation"] for one in EXAMPLES} == set(get_args(Aggregation))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_engine_gives_the_values_of_the_page(example: Example) -> None:
    schema = schema_with(example.metric)
    windows = windows_with(events(), schema.metrics["metric"])
    with ledger_of(schema, events()) as connection:
        found = computed(connection, schema, windows)
    assert {
        (customer, f"{window.start:%Y-%m-%d}"): value
        for (customer, window, _), (value, _) in found.items()
    } == example.values


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_plain_python_gives_the_values_of_the_page(example: Example) -> None:
    spec = schema_with(example.metric).metrics["metric"]
    assert expected(spec) == example.values


def expected(spec: MetricSpec) -> Values:
    if spec.aggregation == "sql":
        return sums_of_daily_peaks(spec)
    takes_part = _CONDITIONS[spec.where]
    return {
        (customer, f"{window.start:%Y-%m-%d}"): value
        for (customer, window, _), (value, _) in values_of(events(), spec, takes_part).items()
    }


#: What the page's conditions say, said again.
_CONDITIONS = {
    None: lambda _event: True,
    "region = 'eu' AND calls >= 10": lambda event: (
        event.fields["region"] == "eu" and (event.fields["calls"] or 0) >= 10
    ),
}


def sums_of_daily_peaks(spec: MetricSpec) -> Values:
    peaks: dict[tuple[str, datetime], dict[int, Decimal]] = {}
    for event in events():
        window = window_of(event.at, spec.window, spec.time_zone)
        days = peaks.setdefault((event.customer, window.start), {})
        days[event.at.day] = max(days.get(event.at.day, Decimal(0)), event.fields["gb"])
    return {
        (customer, f"{start:%Y-%m-%d}"): sum(days.values(), Decimal(0))
        for (customer, start), days in peaks.items()
    }


def test_the_worked_example_says_what_its_commands_print(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work.files)
    done = follow(section("metrics.md", "A worked example"), work)
    assert done.shown == done.printed
    used = [command.split()[1] for command, _ in done.shown]
    assert used == ["ingest", "metrics", "explain-metric", "preview-metric"]
