"""Which schema an upload was read with, and which shape its ledger has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from usage_pipeline.schema.event_schema import EventSchema

#: Raised whenever the same YAML would be read, mapped or judged otherwise than before.
RULES_VERSION = 2

_WORDS_ONLY = {"description": True, "unit": True}


def schema_version(schema: EventSchema, chosen: Mapping[str, str] | None = None) -> str:
    """Hash, 12 hex digits, of everything that affects mapping and rules.

    Args:
        chosen: {field: header} that a person set for one upload. It reads the file as another
            schema would, and so has a version of its own: what is in force stays until then.

    Descriptions, units, metrics, the confirmation policy and the number of errors kept change no
    row and no verdict, so they are left out: editing them must not ask for a new check of what was
    checked.
    """
    matters = schema.model_dump(
        mode="json",
        by_alias=True,
        include={"name", "start", "fields", "event_key", "on_invalid", "csv", "kind"},
        exclude={"fields": {"__all__": _WORDS_ONLY}, "csv": {"max_errors"}},
    )
    matters["event_key"] = list(schema.key_fields)
    if schema.policy == "refuse":
        # Only here does the policy take part in the verdict on a file.
        matters["on_duplicate"] = schema.policy
    if schema.customers is not None:
        # Not what the list says: it changes from day to day, and old verdicts stay what they were.
        matters["customers"] = schema.customers.model_dump(mode="json")
    # The order of accepted headers and of fields is part of the meaning, so keys keep their order.
    mapped = known_choices(schema, chosen)
    parts = [RULES_VERSION, matters, *([sorted(mapped.items())] if mapped else [])]
    text = json.dumps(parts, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def known_choices(schema: EventSchema, chosen: Mapping[str, str] | None) -> dict[str, str]:
    """What a person chose, without fields that the schema has no more or feeds otherwise by now."""
    fields = schema.fields
    return {
        name: label
        for name, label in (chosen or {}).items()
        if name in fields and fields[name].in_file
    }


def ledger_shape(schema: EventSchema) -> dict[str, Any]:
    """What may not change under rows that are in: event key, policy, and the type of each field."""
    return {
        "event_key": list(schema.key_fields),
        "on_duplicate": schema.policy,
        "types": {
            name: f"decimal({field.precision},{field.scale})"
            if field.type == "decimal"
            else field.type
            for name, field in schema.fields.items()
        },
    }
