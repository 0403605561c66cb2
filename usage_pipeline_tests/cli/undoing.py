"""What the tests of the undo, of the policies and of the rebuild share: rows, files, the whole."""

from __future__ import annotations

from typing import Any

from usage_pipeline_tests.workplace import Outcome, Workplace


def row(event: str, calls: int = 10, *, customer: str = "acme", day: int = 1) -> str:
    """A row of `api_usage`."""
    return f"{event},{customer},2024-10-{day:02d}T10:00:00Z,{calls},1.5,us-east"


def change_yaml(work: Workplace, old: str, new: str, schema: str = "api_usage") -> None:
    """Edit the YAML of a schema."""
    yaml = (work.defs / schema / "defs.yaml").read_text()
    assert old in yaml
    work.describe(schema, yaml.replace(old, new))


def choose_policy(work: Workplace, policy: str) -> None:
    """Have `api_usage` say what counts of rows that are the same event."""
    change_yaml(work, "on_duplicate: keep_first", f"on_duplicate: {policy}")


def let_every_line_count(work: Workplace) -> None:
    change_yaml(work, "event_key: [event_id]", "event_key: [upload, line]")


def taken_in(work: Workplace, name: str, *rows: str) -> str:
    """The key of an upload of `api_usage` that was ingested."""
    [found] = work.ingest(work.api_file(name, *rows))
    assert found["state"] == "ingested", found
    return str(found["upload"])


def day_of_storage(work: Workplace, name: str, gb_hours: str) -> str:
    """The key of a summary of one day's storage that was ingested."""
    text = f"Customer,Date,Class,GB Hours,Requests\nacme,2024-10-01,standard,{gb_hours},3\n"
    [found] = work.ingest(work.file(name, text), schema="storage_summary")
    if found["state"] == "passed":
        [found] = work.listing("confirm", found["upload"], "--by", "rita")
    assert found["state"] == "ingested", found
    return str(found["upload"])


def void(work: Workplace, *uploads: str) -> Outcome:
    words = ("--by", "rita", "--reason", "sent twice", "--format", "json")
    return work.run("void", *uploads, *words)


def restore(work: Workplace, *uploads: str) -> Outcome:
    words = ("--by", "rudi", "--reason", "was right", "--format", "json")
    return work.run("restore", *uploads, *words)


def calls_of(work: Workplace) -> dict[str, int]:
    """{event: calls} of what counts."""
    found = work.listing("events", "--schema", "api_usage")
    calls = {one["event_id"]: one["api_call_count"] for one in found}
    assert len(calls) == len(found)
    return calls


def calls_per_day(work: Workplace) -> dict[str, int]:
    """{day: calls} of the metric `api_calls`."""
    return {
        one["window_start"][:10]: one["value"]
        for one in work.listing("metrics", "api_calls", "--schema", "api_usage")
    }


def whole(work: Workplace) -> dict[str, list[dict[str, Any]]]:
    """All that listings say of what counts."""
    return {
        "uploads": work.listing("uploads"),
        "events": work.listing("events", "--schema", "api_usage"),
        "api_calls": work.values("api_calls", "--schema", "api_usage"),
        "peak_storage": work.values("peak_storage", "--schema", "api_usage"),
        "storage": work.listing("events", "--schema", "storage_summary"),
        "gb_hours": work.values("gb_hours"),
    }


def counts_of(work: Workplace, upload: str) -> tuple[int, int, int]:
    """(ingested, duplicates, superseded)."""
    [found] = [one for one in work.listing("uploads") if one["upload"] == upload]
    return found["ingested"], found["duplicates"], found["superseded"]
