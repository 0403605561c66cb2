"""`verify` finds each fault that is planted in live data."""

from __future__ import annotations

import pytest

from usage_pipeline_tests.workplace import Workplace

ROWS = [f"e{n},acme,2024-10-01T10:00:00Z,{n},1.5,us-east" for n in range(5)]


def failing(work: Workplace) -> list[str]:
    outcome = work.run("verify", "--format", "json")
    wrong = [check["name"] for check in outcome.json["checks"] if not check["ok"]]
    assert outcome.exit_code == (1 if wrong else 0)
    assert outcome.json["ok"] is (not wrong)
    return wrong


@pytest.fixture
def upload(work: Workplace) -> str:
    [row] = work.ingest(work.api_file("a.csv", *ROWS, ROWS[0]))
    return str(row["upload"])


@pytest.mark.parametrize(
    ("fault", "found_by"),
    [
        ("DELETE FROM api_usage.ingestion_table WHERE event_id = 'e1'", "lines add up"),
        (
            "INSERT INTO api_usage.ingestion_table SELECT * FROM api_usage.ingestion_table LIMIT 1",
            "each event counts once",
        ),
        (
            "UPDATE api_usage.ingestion_table SET api_call_count = 99 WHERE event_id = 'e2'",
            "rows equal their files",
        ),
        ("DELETE FROM api_usage.displaced", "lines add up"),
        ("DELETE FROM pipeline.places", "register"),
    ],
)
def test_a_planted_fault_is_found(
    work: Workplace,
    upload: str,
    fault: str,
    found_by: str,
) -> None:
    assert failing(work) == []
    assert upload
    with work.flow().warehouse.open() as connection:
        connection.execute(fault)
    assert f"api_usage: {found_by}" in failing(work)


def test_an_altered_archive_file_is_found(work: Workplace, upload: str) -> None:
    original = work.flow().archive.original("api_usage", upload)
    original.chmod(0o644)
    original.write_bytes(original.read_bytes().replace(b"acme", b"acne"))
    assert failing(work) == ["api_usage: archive"]


def test_a_missing_archive_file_is_found(work: Workplace, upload: str) -> None:
    work.flow().archive.original("api_usage", upload).unlink()
    assert failing(work) == ["api_usage: archive"]
