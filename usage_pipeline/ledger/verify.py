"""The proof, on the live data, that nothing is lost and nothing counts twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.intake.archive import Archive, read_in_blocks
from usage_pipeline.ledger.ingest import standing
from usage_pipeline.ledger.tables import displaced_table, fields_of, has_ledger, ingestion_table
from usage_pipeline.register import Register, Upload
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, parquet


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was looked at: what it is, whether it holds, and in words with numbers."""

    name: str
    ok: bool
    detail: str


def verify(
    connection: Connection, register: Register, archive: Archive, schema: EventSchema
) -> Iterator[Proof]:
    """Look at everything of one schema; yields a proof for each promise."""
    uploads = register.uploads(schema.name)
    yield _archive_is_unchanged(uploads, archive, schema)
    if not has_ledger(connection, schema):
        yield Proof(f"{schema.name}: ledger", True, "nothing has been ingested yet")
        return
    yield _each_event_once(connection, schema)
    yield _lines_add_up(connection, uploads, schema)
    yield _rows_equal_their_files(connection, uploads, archive, schema)
    yield _register_follows(connection, uploads, schema)
    yield _metrics_are_current(register, schema)


def _archive_is_unchanged(uploads: list[Upload], archive: Archive, schema: EventSchema) -> Proof:
    wrong = [
        upload.upload
        for upload in uploads
        if _sha256(archive.original(schema.name, upload.upload)) != upload.sha256
    ]
    return _proof(
        f"{schema.name}: archive",
        wrong,
        f"{_many(uploads, 'archived file')} as received, byte for byte",
        "archived files that are missing or changed",
    )


def _each_event_once(connection: Connection, schema: EventSchema) -> Proof:
    table = ingestion_table(schema)
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    key = ["place", "line"] if schema.every_line_counts else list(schema.key_fields)
    columns = column_list(key)
    twice = connection.execute(
        f"SELECT {columns} FROM {table} GROUP BY {columns} HAVING count(*) > 1 LIMIT 20"
    ).fetchall()
    return _proof(
        f"{schema.name}: each event counts once",
        [" / ".join(map(str, values)) for values in twice],
        f"{rows} rows in the ingestion table, no two with the same {', '.join(key)}",
        "events that are there more than once",
    )


def _lines_add_up(connection: Connection, uploads: list[Upload], schema: EventSchema) -> Proof:
    held = dict(
        connection.execute(
            f"""SELECT place, count(*) FROM (
                    SELECT place FROM {ingestion_table(schema)}
                    UNION ALL SELECT place FROM {displaced_table(schema)}) GROUP BY place"""
        ).fetchall()
    )
    ingested = [upload for upload in uploads if upload.place is not None]
    wrong = [
        upload.upload
        for upload in ingested
        if (upload.valid or 0) + (upload.invalid or 0) != upload.lines
        or held.get(upload.place, 0) != upload.valid
        or (upload.ingested or 0) + (upload.duplicates or 0) + (upload.superseded or 0)
        != upload.valid
    ]
    lines = sum(upload.lines or 0 for upload in ingested)
    return _proof(
        f"{schema.name}: lines add up",
        wrong,
        f"{lines} lines in {_many(ingested, 'upload')}, each ingested, a duplicate, or invalid",
        "uploads whose lines do not add up",
    )


def _rows_equal_their_files(
    connection: Connection, uploads: list[Upload], archive: Archive, schema: EventSchema
) -> Proof:
    ingested = [upload for upload in uploads if upload.place is not None]
    wrong = []
    for upload in ingested:
        frame = archive.mapped(schema.name, upload.upload, upload.schema_version or "")
        if not frame.exists() or not _same_rows(connection, upload, frame, schema):
            wrong.append(upload.upload)
    return _proof(
        f"{schema.name}: rows equal their files",
        wrong,
        f"the rows of {_many(ingested, 'upload')} have the checksum of the mapped files",
        "uploads whose rows differ from their mapped file",
    )


def _same_rows(connection: Connection, upload: Upload, frame: Path, schema: EventSchema) -> bool:
    mapped = parquet(frame)
    fields = fields_of(connection, schema, ingestion_table(schema))
    here = " UNION ALL ".join(
        f"SELECT line, {fields} FROM {table} WHERE place = {upload.place}"
        for table in (ingestion_table(schema), displaced_table(schema))
    )
    there = f"SELECT line, {fields_of(connection, schema, mapped)} FROM {mapped} WHERE valid"
    return _checksum(connection, here) == _checksum(connection, there)


def _register_follows(connection: Connection, uploads: list[Upload], schema: EventSchema) -> Proof:
    wrong = []
    for upload in uploads:
        stands = standing(connection, schema, upload.upload)
        here = (upload.place, upload.ingested, upload.duplicates, upload.superseded)
        there = (None,) * 4 if stands is None else (stands.place, *stands.counts.values())
        if here != there or (upload.state == "ingested") != (stands is not None):
            wrong.append(upload.upload)
    return _proof(
        f"{schema.name}: register",
        wrong,
        f"the register and the warehouse agree on {_many(uploads, 'upload')}",
        "uploads on which the register and the warehouse disagree",
    )


def _metrics_are_current(register: Register, schema: EventSchema) -> Proof:
    stale = [
        f"{metric} {start.isoformat()}"
        for metric, starts in register.stale(schema.name).items()
        for start in starts
    ]
    return _proof(
        f"{schema.name}: metrics",
        stale,
        f"no window of {len(schema.all_metrics)} metrics waits to be computed",
        "metric windows that wait to be computed",
    )


def _proof(name: str, wrong: list[str], holds: str, fails: str) -> Proof:
    if not wrong:
        return Proof(name, True, holds)
    more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
    return Proof(name, False, f"{fails}: {', '.join(wrong[:10])}{more}")


def _many(things: list[Upload], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _checksum(connection: Connection, query: str) -> tuple[int, int]:
    # Both sides are hashed now, by the same engine: its hash is not stable across versions.
    rows = connection.execute(
        f'SELECT count(*), sum(hash("whole row")) FROM ({query}) AS "whole row"'
    ).fetchall()
    return rows[0][0], rows[0][1]


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in read_in_blocks(file):
            digest.update(block)
    return digest.hexdigest()
