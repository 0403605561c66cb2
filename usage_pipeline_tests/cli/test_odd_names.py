"""A field may be called anything that is not the pipeline's own."""

from __future__ import annotations

import dagster as dg

from usage_pipeline.definitions import defs
from usage_pipeline_tests.workplace import Workplace

#: Words that SQL, the engine or the pipeline's own queries use too.
WORDS = (
    "select",
    "from",
    "order",
    "records",
    "frame",
    "incoming",
    "losers",
    "event",
    "first",
    "again",
    "original",
    "slot",
    "slots",
    "row",
    "rule",
    "code",
    "winner",
    "message",
    "unwarned",
    "values",
    "counts",
)

FIELDS = "\n".join(f"    {word}: {{type: string, required: false}}" for word in WORDS)
SCHEMA = f"""\
type: usage_pipeline.components.UsageEvents
attributes:
  name: odd
  fields:
    customer_id: {{type: string}}
    timestamp: {{type: timestamp, time_zone: UTC}}
    value: {{type: integer, usage: true}}
    window_start: {{type: integer, usage: true}}
{FIELDS}
  event_key: [customer_id, slot, first]
  metrics:
    uploads: {{aggregation: sum, field: value, window: day, group_by: [slot, event]}}
    confirm: {{aggregation: max, field: window_start, window: day, group_by: [{", ".join(WORDS)}]}}
"""


def test_field_and_metric_names_collide_with_nothing(work: Workplace) -> None:
    work.describe("odd", SCHEMA)
    header = ",".join(["customer_id", "timestamp", "value", "window_start", *WORDS])
    text = ",".join(WORDS)
    rows = [f"{who},2024-10-01,{n},7,{text}" for n, who in enumerate(["a", "b", "a"], 1)]
    [row] = work.ingest(work.file("odd.csv", "\n".join([header, *rows]) + "\n"), schema="odd")
    assert (row["state"], row["ingested"], row["duplicates"]) == ("ingested", 2, 1)
    values = work.listing("metrics", "uploads")
    assert [(one["customer_id"], one["slot"], one["value"]) for one in values] == [
        ("a", "slot", 1),
        ("b", "slot", 2),
    ]
    assert {one["value"] for one in work.listing("metrics", "confirm")} == {7}
    assert work.listing("events", "--schema", "odd")[0]["select"] == "select"
    assert work.run("verify").exit_code == 0


def test_dagster_loads_them(work: Workplace) -> None:
    work.describe("odd", SCHEMA)
    definitions = defs()
    dg.Definitions.validate_loadable(definitions)
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert {"odd/uploads", "odd/confirm", "odd/raw_upload"} <= keys
