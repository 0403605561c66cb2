"""The first stage: files become uploads, archived before anything else knows of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from usage_pipeline.intake.archive import Archive, refuse_oversize
from usage_pipeline.intake.identity import captured_values, identity_of, shown_name, upload_key
from usage_pipeline.intake.look import Look
from usage_pipeline.register import Receipt, Register, Upload
from usage_pipeline.schema import EventSchema, schema_version


def receive_files(
    files: Iterable[Path], schema: EventSchema, archive: Archive, register: Register, by: str
) -> list[Receipt]:
    """Archive each file and record it; one receipt per file, in order.

    Raises:
        NotAFile: one of them is none; those before it are received.
        TooLarge: one of them is larger than the schema allows; none is received.
    """
    files = list(files)
    for file in files:
        with suppress(OSError):  # told where it is opened
            refuse_oversize(file, file.stat().st_size, schema.csv)
    return [receive_file(file, schema, archive, register, by) for file in files]


def receive_file(
    file: Path,
    schema: EventSchema,
    archive: Archive,
    register: Register,
    by: str,
    look: Look | None = None,
) -> Receipt:
    """Archive a file and record it.

    The bytes are durable before the register speaks of them: a crash between leaves a file that
    the next drop of the same bytes finds in place.

    Args:
        look: what the file looked like when it was complete, where it lies in the drop folder.

    Raises:
        NotAFile: it is none, cannot be read, or looks different by now.
        TooLarge: it is larger than the schema allows.
    """
    name = shown_name(file.name)
    with archive.stage(file, schema.csv, look) as stored:
        identity = identity_of(stored.sha256, captured_values(schema, name))
        known = register.find_identity(schema.name, identity)
        key = known.upload if known else upload_key(name, identity)
        archive.keep(stored, schema.name, key)
    upload = Upload(
        schema=schema.name,
        upload=key,
        file_name=name,
        sha256=stored.sha256,
        size=stored.size,
        state="received",
        received_at=datetime.now(UTC),
    )
    return register.receive(
        upload,
        identity,
        by,
        schema_version=schema_version(schema, known.chosen if known else None),
        look=None if look is None else str(look),
    )
