"""`dg scaffold defs usage_pipeline.components.UsageEvents NAME`: a file to start from."""

from __future__ import annotations

import re
from typing import Any

import dagster as dg

TEMPLATE = """\
type: usage_pipeline.components.UsageEvents

# Every key is described in docs/schema.md.
attributes:
  name: {name}
  description: What these files are, and who sends them
  kind: events                     # events | summary (rows that are billable as they are)
  start: 2024-01-01                # an earlier event is an error
  fields:
    # `from` lists the headers that feed a field; its own name is accepted too.
    event_id:    {{type: string, from: ["Event ID"]}}
    customer_id: {{type: string, from: [Account]}}
    # Times without an offset are read in `time_zone`; without the key they are errors.
    timestamp:   {{type: timestamp, from: [When], format: iso8601, time_zone: UTC}}
    # At least one field is metered: usage: true.
    quantity:    {{type: decimal, from: [Quantity], usage: true, unit: unit, minimum: 0}}
    region:      {{type: string, required: false}}
  # The fields that make two rows the same event.
  event_key: [event_id]
  on_duplicate: keep_first         # keep_first | keep_last | refuse
  on_invalid: refuse_file          # refuse_file | quarantine_rows
  confirm: automatic               # automatic | manual (a person confirms each upload)
  csv: {{delimiter: auto, encoding: auto, null_values: [""]}}
  # Customers that are not in this list are errors; it lies in the data folder.
  # customers: {{file: customers.csv, column: Account}}
  metrics:
    {name}_quantity: {{aggregation: sum, field: quantity, window: day, group_by: [region]}}
"""


class UsageEventsScaffolder(dg.Scaffolder[Any]):
    """Writes a commented `defs.yaml` that loads as it is."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        name = re.sub(r"[^a-z0-9_]+", "_", request.target_path.name.lower()).strip("_")
        request.target_path.mkdir(parents=True, exist_ok=True)
        file = request.target_path / "defs.yaml"
        file.write_text(TEMPLATE.format(name=name or "new_schema"), encoding="utf-8")
