"""The proof, on the live data, that nothing is lost and nothing counts twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.intake.archive import Archive, read_in_blocks
from usage_pipeline.ledger.standing import Standing, standings
from usage_pipeline.ledger.tables import (
    displaced_table,
    fields_of,
    has_ledger,
    ingestion_table,
    shape_changes,
)
from usage_pipeline.register import Register, Upload
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.winners import beats, same_event
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, parquet


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was looked at: what it is, whether it holds, and in words with numbers."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Held:
    """What the tables hold of one place: rows that count, rows that do not, and their checksum."""

    ingested: int = 0
    displaced: int = 0
    checksum: int = 0


def verify(
    connection: Connection,
    register: Register,
    archive: Archive,
    schema: EventSchema,
    uncomputed: Sequence[str] = (),
) -> Iterator[Proof]:
    """Look at everything of one schema; yields a proof for each promise.

    The tables are read once for each proof, however many uploads there are. `uncomputed` are the
    metrics that have no values yet, as the YAML describes them.
    """
    uploads = register.uploads(schema.name)
    yield _archive_is_unchanged(uploads, archive, schema)
    if not has_ledger(connection, schema):
        yield proof(
            f"{schema.name}: ledger",
            [one.upload for one in uploads if one.followed is not None],
            "nothing has been ingested yet",
            "uploads that were ingested, and the warehouse has no rows at all",
        )
        return
    changes = shape_changes(connection, schema)
    yield proof(
        f"{schema.name}: YAML",
        changes,
        "event key, policy and types are those of the rows that are in",
        "changed under rows that are in; nothing more is proved before a rebuild",
    )
    if changes:
        return
    stands = standings(connection, schema)
    held = _held(connection, schema)
    yield _each_event_once(connection, schema)
    yield _best_rows_count(connection, schema)
    yield _lines_add_up(uploads, stands, held, schema)
    yield _rows_equal_their_files(connection, stands, held, archive, schema)
    yield _register_follows(uploads, stands, held, schema)
    yield _metrics_are_current(register, schema, uncomputed)


def _archive_is_unchanged(uploads: list[Upload], archive: Archive, schema: EventSchema) -> Proof:
    wrong = [
        upload.upload
        for upload in uploads
        if _sha256(archive.original(schema.name, upload.upload)) != upload.sha256
    ]
    return proof(
        f"{schema.name}: archive",
        wrong,
        f"{many(uploads, 'archived file')} as received, byte for byte",
        "archived files that are missing or changed",
    )


def _held(connection: Connection, schema: EventSchema) -> dict[int, Held]:
    """{place: what the tables hold of it}."""
    tables = " UNION ALL ".join(
        f"SELECT {counts} AS counts, place, hash({_row(connection, schema, table)}) AS hash "
        f"FROM {table}"
        for counts, table in (
            ("true", ingestion_table(schema)),
            ("false", displaced_table(schema)),
        )
    )
    rows = connection.execute(
        f"""SELECT place, count(*) FILTER (WHERE counts), count(*) FILTER (WHERE NOT counts),
                   sum(hash) FROM ({tables}) GROUP BY place"""
    ).fetchall()
    return {place: Held(*counted) for place, *counted in rows}


def _row(connection: Connection, schema: EventSchema, rows: str) -> str:
    """Line and fields as one value. Both sides are hashed now, by one engine: its hash is not
    stable across versions.
    """
    return f"row(line, {fields_of(connection, schema, rows, named=False)})"


def _each_event_once(connection: Connection, schema: EventSchema) -> Proof:
    table = ingestion_table(schema)
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    key = ["place", "line"] if schema.every_line_counts else list(schema.key_fields)
    columns = column_list(key)
    twice = connection.execute(
        f"SELECT {columns} FROM {table} GROUP BY {columns} HAVING count(*) > 1 LIMIT 20"
    ).fetchall()
    return proof(
        f"{schema.name}: each event counts once",
        [" / ".join(map(str, values)) for values in twice],
        f"{rows} rows in the ingestion table, no two with the same {', '.join(key)}",
        "events that are there more than once",
    )


def _best_rows_count(connection: Connection, schema: EventSchema) -> Proof:
    """No row that does not count is without one that does, and beats it."""
    displaced = displaced_table(schema)
    rows = connection.execute(f"SELECT count(*) FROM {displaced}").fetchall()[0][0]
    same = "false" if schema.every_line_counts else same_event(schema, "loser", "winner")
    earlier = beats(schema, "(winner.place, winner.line)", "(loser.place, loser.line)")
    wrong = connection.execute(
        f"""SELECT loser.place, loser.line FROM {displaced} AS loser
            ANTI JOIN {ingestion_table(schema)} AS winner ON {same} AND {earlier}
            ORDER BY ALL LIMIT 20"""
    ).fetchall()
    return proof(
        f"{schema.name}: the right row counts",
        [f"place {place}, line {line}" for place, line in wrong],
        f"{rows} rows that do not count, each beaten by one that does ({schema.policy})",
        "rows that do not count, although nothing beats them",
    )


def _lines_add_up(
    uploads: list[Upload], stands: list[Standing], held: dict[int, Held], schema: EventSchema
) -> Proof:
    lines = {upload.upload: upload for upload in uploads}
    active = [one for one in stands if one.active]
    wrong = [
        one.upload
        for one in active
        if (held.get(one.place, Held()).ingested, held.get(one.place, Held()).displaced)
        != (one.ingested, one.duplicates + one.superseded)
        or one.ingested + one.duplicates + one.superseded != one.valid
        or not _all_lines(lines.get(one.upload), one.valid)
    ]
    known = [lines[one.upload] for one in active if one.upload in lines]
    total = sum(upload.lines or 0 for upload in known)
    return proof(
        f"{schema.name}: lines add up",
        wrong,
        f"{total} lines in {many(active, 'upload')}, each ingested, a duplicate, superseded, or "
        "invalid",
        "uploads whose lines do not add up",
    )


def _all_lines(upload: Upload | None, valid: int) -> bool:
    return upload is None or (
        upload.valid == valid and valid + (upload.invalid or 0) == upload.lines
    )


def _rows_equal_their_files(
    connection: Connection,
    stands: list[Standing],
    held: dict[int, Held],
    archive: Archive,
    schema: EventSchema,
) -> Proof:
    active = [one for one in stands if one.active]
    wrong = []
    for one in active:
        here = held.get(one.place, Held())
        frame = archive.mapped(schema.name, one.upload, one.schema_version)
        there = _frame(connection, schema, frame) if frame.exists() else None
        if (here.ingested + here.displaced, here.checksum) != there:
            wrong.append(one.upload)
    return proof(
        f"{schema.name}: rows equal their files",
        wrong,
        f"the rows of {many(active, 'upload')} have the checksum of the mapped files",
        "uploads whose rows differ from their mapped file",
    )


def _frame(connection: Connection, schema: EventSchema, frame: Path) -> tuple[int, int]:
    rows = parquet(frame)
    found = connection.execute(
        f"SELECT count(*), coalesce(sum(hash({_row(connection, schema, rows)})), 0) "
        f"FROM {rows} WHERE valid"
    ).fetchall()
    return found[0][0], found[0][1]


def _register_follows(
    uploads: list[Upload], stands: list[Standing], held: dict[int, Held], schema: EventSchema
) -> Proof:
    there = {one.upload: one for one in stands}
    wrong = [
        one.upload if one.decision == one.followed else f"{one.upload} (decided, not carried out)"
        for one in uploads
        if not _agree(one, there.pop(one.upload, None))
    ]
    # What is left, no upload of the register has: rows that nobody decided on.
    wrong += list(there)
    places = {one.place for one in stands if one.active}
    wrong += [f"place {place}" for place in held if place not in places]
    return proof(
        f"{schema.name}: register",
        wrong,
        f"the register and the warehouse agree on {many(uploads, 'upload')}",
        "uploads on which the register and the warehouse disagree",
    )


def _agree(upload: Upload, stands: Standing | None) -> bool:
    if stands is None:
        return upload.followed is None and upload.state not in ("ingested", "voided")
    counts = (upload.ingested, upload.duplicates, upload.superseded)
    state = "ingested" if stands.active else "voided"
    return (
        upload.state == state
        and (upload.decision, upload.followed) == (stands.decision, stands.decision)
        and (upload.place, upload.schema_version) == (stands.place, stands.schema_version)
        and counts == tuple(stands.counts.values())
    )


def _metrics_are_current(
    register: Register, schema: EventSchema, uncomputed: Sequence[str]
) -> Proof:
    stale = [f"{metric}, as the YAML describes it now" for metric in uncomputed] + [
        f"{metric} {start.isoformat()}"
        for metric, starts in register.windows.stale(schema.name).items()
        for start in starts
    ]
    return proof(
        f"{schema.name}: metrics",
        stale,
        f"no window of {len(schema.all_metrics)} metrics waits to be computed",
        "metric windows that wait to be computed",
    )


def proof(name: str, wrong: Sequence[str], holds: str, fails: str) -> Proof:
    """A proof that holds where nothing is wrong, and else names the first of what is."""
    if not wrong:
        return Proof(name, True, holds)
    more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
    return Proof(name, False, f"{fails}: {', '.join(wrong[:10])}{more}")


def many(things: Sequence[object], word: str) -> str:
    """`3 uploads`, `1 upload`."""
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in read_in_blocks(file):
            digest.update(block)
    return digest.hexdigest()
