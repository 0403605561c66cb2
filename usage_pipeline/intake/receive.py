"""The first stage: files become uploads, archived before anything else knows of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from usage_pipeline.intake.archive import Archive
from usage_pipeline.intake.identity import captured_values, identity_of, upload_key
from usage_pipeline.register import Receipt, Register, Upload
from usage_pipeline.schema import EventSchema


def receive_files(
    files: Iterable[Path], schema: EventSchema, archive: Archive, register: Register, by: str
) -> list[Receipt]:
    """Archive each file and record it; one receipt per file, in order.

    The bytes are durable before the register speaks of them: a crash between leaves a file that
    the next drop of the same bytes finds in place.

    Raises:
        NotAFile: one of them is none; those before it are received.
    """
    receipts = []
    for file in files:
        with archive.stage(file) as stored:
            identity = identity_of(stored.sha256, captured_values(schema, file.name))
            known = register.find_identity(schema.name, identity)
            key = known.upload if known else upload_key(file.name, identity)
            archive.keep(stored, schema.name, key)
            upload = Upload(
                schema=schema.name,
                upload=key,
                file_name=file.name,
                sha256=stored.sha256,
                size=stored.size,
                state="received",
                received_at=datetime.now(UTC),
            )
        receipts.append(register.receive(upload, identity, by))
    return receipts
