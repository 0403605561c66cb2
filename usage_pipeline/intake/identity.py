"""Which upload a file is: its bytes decide, never its name.

A name is data from outside. It gives a key something to recognise, and values where the schema
captures them, and it never becomes a path.
"""

from __future__ import annotations

import hashlib
import json
import os
import re

from usage_pipeline.schema import EventSchema

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+(?=\.)|[^A-Za-z0-9._-]+|\.{2,}")
_LONGEST_NAME = 80


def captured_values(schema: EventSchema, file_name: str) -> dict[str, str | None]:
    """What the schema reads from the file's name: {field: value}, None where it does not match."""
    values: dict[str, str | None] = {}
    for name, field in schema.fields.items():
        if field.from_file_name is not None:
            match = re.search(field.from_file_name, file_name)
            values[name] = match[1] if match else None
    return values


def identity_of(sha256: str, captured: dict[str, str | None]) -> str:
    """The upload's hash: of its bytes, and of the captured values where there are any."""
    if not captured:
        return sha256
    return hashlib.sha256(json.dumps([sha256, captured], sort_keys=True).encode()).hexdigest()


def shown_name(file_name: str) -> str:
    """The name as text that can be stored and shown: bytes that are no UTF-8 as `\\xe9`."""
    return os.fsencode(file_name).decode("utf-8", "backslashreplace")


def safe_name(file_name: str) -> str:
    """The name with nothing in it that a path, a partition key or a shell could read as more."""
    return _UNSAFE.sub("_", file_name).strip("._-")[:_LONGEST_NAME] or "file"


def upload_key(file_name: str, identity: str) -> str:
    """The upload's name everywhere, partition key included: `october.csv-0f3c5a9b1d2e`."""
    return f"{safe_name(file_name)}-{identity[:12]}"
