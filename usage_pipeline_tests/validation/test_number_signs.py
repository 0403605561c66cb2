"""A file with German numbers, checked from its bytes to its frame."""

from __future__ import annotations

from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline_tests.workplace import Workplace

SCHEMA = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: german
  start: 2024-01-01
  on_invalid: quarantine_rows
  csv: {delimiter: ";", decimal_sign: ",", thousands_sign: "."}
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp, format: epoch_seconds}
    calls: {type: integer, usage: true}
    gb: {type: decimal, usage: true}
    factor: {type: decimal, constant: "1.5"}
    tier: {type: integer, from_file_name: "tier([0-9.]+)_"}
  event_key: [upload, line]
"""
ROWS = [
    "c;1714521600.25;1.000;1.234,56",
    "c;1714521600;12;0,1",
    "c;1714521600;9.223.372.036.854.775.808;1",
    "c;1714521600;1.00;1.5",
]


@pytest.fixture
def checked(work: Workplace) -> CheckedFile:
    work.describe("german", SCHEMA)
    text = "\n".join(["customer_id;timestamp;calls;gb", *ROWS, ""])
    flow = work.flow("german")
    [receipt] = flow.receive([work.file("tier7_may.csv", text)], by="a test")
    [(_, result)] = flow.check([receipt.upload])
    assert isinstance(result, CheckedFile)
    return result


def values(checked: CheckedFile, *fields: str) -> list[tuple[object, ...]]:
    assert checked.mapped.frame is not None
    rows = pq.read_table(checked.mapped.frame, filters=[("valid", "=", True)]).to_pylist()
    return [tuple(row[field] for field in fields) for row in rows]


def test_german_numbers_have_exact_values(checked: CheckedFile) -> None:
    assert values(checked, "calls", "gb") == [
        (1000, Decimal("1234.56")),
        (12, Decimal("0.1")),
    ]


def test_a_constant_and_a_file_name_keep_to_the_point(checked: CheckedFile) -> None:
    assert values(checked, "factor", "tier") == [(Decimal("1.5"), 7)] * 2


def test_what_is_wrongly_written_is_found_with_its_own_text(checked: CheckedFile) -> None:
    assert [(one.line, one.field, one.code, one.value) for one in checked.errors] == [
        (4, "calls", "precision-loss", "9.223.372.036.854.775.808"),
        (5, "calls", "type-error", "1.00"),
        (5, "gb", "type-error", "1.5"),
    ]


def test_the_message_says_how_numbers_are_written(checked: CheckedFile) -> None:
    [message] = [one.message for one in checked.errors if one.field == "gb"]
    assert "with a comma and with points between thousands at most" in message
