"""A schema with a list of customers, the list, and files for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from usage_pipeline_tests.workplace import Workplace

SCHEMA = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: listed
  start: 2024-01-01
  fields:
    customer_id: {type: string, from: [Account]}
    timestamp: {type: timestamp, time_zone: UTC}
    calls: {type: integer, usage: true}
  event_key: [upload, line]
  customers: {file: customers.csv, column: Account%s}
"""
SAYS = "customer_id must be in the list of customers (customers.csv, column Account)"


def describe(work: Workplace, more: str = "") -> None:
    """Have the schema `listed`; `more` follows within its key `customers`."""
    work.describe("listed", SCHEMA % more)


def list_of(work: Workplace, *customers: str) -> Path:
    """Have just these customers in the list."""
    path = work.data / "customers.csv"
    path.write_text(_csv(["Account"], ([one] for one in customers)), encoding="utf-8", newline="")
    return path


def usage_of(work: Workplace, *customers: str, name: str = "usage.csv") -> Path:
    """A file with a row for each of the customers, from line 2 on."""
    rows = ([one, "2024-10-01 10:00:00", "1"] for one in customers)
    return work.file(name, _csv(["Account", "timestamp", "calls"], rows))


def _csv(header: list[str], rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([header, *rows])
    return text.getvalue()
