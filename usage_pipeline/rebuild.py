"""The ledger of a schema anew from the archive: to prove it, or after the YAML changed under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from usage_pipeline.flow import Flow
from usage_pipeline.ledger import LedgerShapeChanged, Proof, standings
from usage_pipeline.ledger.rebuild import (
    Placed,
    RebuildRefused,
    as_placed,
    differences,
    load_once,
    replace_tables,
)
from usage_pipeline.ledger.tables import (
    advance_state,
    fields_of,
    has_ledger,
    shape_changes,
    transaction,
)
from usage_pipeline.ledger.verify import many, proof
from usage_pipeline.metering.refresh import slots_with_events, touched_windows, wrong_values
from usage_pipeline.provenance import chosen_in_force
from usage_pipeline.reading import Advance
from usage_pipeline.warehouse import scratch_connection
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import parquet


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was built: so many active uploads, of which some were read by today's schema."""

    uploads: int
    read_again: int
    ingested: int
    displaced: int


def rebuild(flow: Flow) -> Rebuilt:
    """Build the tables of a schema anew from the mapped frames of its active uploads, by place.

    Frames that are gone, or do not fit the types that the YAML asks for now, are mapped anew from
    the archived bytes by today's schema, which is in force for their uploads from then on; those
    of voided uploads too, so that they can come back. All is one transaction. Every metric window
    with events before or after becomes stale.

    Raises:
        RebuildRefused: an upload fails by today's schema, or rows are in conflict under
            `on_duplicate: refuse`; nothing has changed.
    """
    schema = flow.schema
    with flow.warehouse.open() as connection:
        before = []
        if has_ledger(connection, schema):
            flow.follow_warehouse(connection)
            before = slots_with_events(connection, schema)
        placed = _in_force(flow)
        read_again = [one for one in placed if not _fits(connection, flow, one)]
        fresh = _map_again(flow, read_again)
        placed = [fresh.get(one.upload, one) for one in placed]
        with transaction(connection):
            load_once(connection, schema, _told(flow, placed))
            replace_tables(connection, schema, placed)
            advance_state(connection, schema)
            slots = {*before, *slots_with_events(connection, schema)}
            flow.register.windows.mark(schema.name, touched_windows(schema, sorted(slots)))
        flow.follow_warehouse(connection)
        active = [one for one in standings(connection, schema) if one.active]
        return Rebuilt(
            uploads=len(active),
            read_again=len(fresh),
            ingested=sum(one.ingested for one in active),
            displaced=sum(one.duplicates + one.superseded for one in active),
        )


def verify_rebuild(flow: Flow, connection: Connection) -> Iterator[Proof]:
    """Prove that loading the active uploads once, by place, gives the tables row for row."""
    name = f"{flow.schema.name}: a rebuild gives the same"
    if not has_ledger(connection, flow.schema) or shape_changes(connection, flow.schema):
        return
    placed = []
    for one in standings(connection, flow.schema):
        frame = flow.archive.mapped(flow.schema.name, one.upload, one.schema_version)
        placed.append(as_placed(one, frame))
    gone = [one.upload for one in placed if one.active and not one.frame.exists()]
    if gone:
        yield proof(name, gone, "", "uploads whose mapped file is gone")
        return
    load_once(connection, flow.schema, placed)
    active = [one for one in placed if one.active]
    yield proof(
        name,
        list(differences(connection, flow.schema)),
        f"{many(active, 'upload')} loaded once into empty tables give the same rows",
        "rows that differ from a rebuild",
    )
    yield proof(
        f"{flow.schema.name}: metrics computed anew are the same",
        wrong_values(connection, flow.register, flow.schema),
        f"every value of {len(flow.schema.all_metrics)} metrics follows from the ingestion table",
        "metric windows with other values than their events give",
    )


def _told(flow: Flow, placed: list[Placed]) -> Iterator[Placed]:
    """The uploads whose rows are loaded, each when its turn comes, and how many are done."""
    active = [one for one in placed if one.active]
    for done, one in enumerate(active):
        flow.progress(Advance(one.upload, "rebuilding", done, len(active)))
        yield one
    flow.progress(Advance(flow.schema.name, "rebuilding", len(active), len(active)))


def _in_force(flow: Flow) -> list[Placed]:
    """What the register knows of every place, in order."""
    found = []
    for decision in flow.register.decisions.in_force(flow.schema.name):
        upload = decision.upload
        assert upload.place is not None
        version = upload.schema_version or ""
        frame = flow.archive.mapped(flow.schema.name, upload.upload, version)
        found.append(
            Placed(upload.upload, upload.place, version, decision.id, decision.active, frame)
        )
    return sorted(found, key=lambda one: one.place)


def _fits(connection: Connection, flow: Flow, placed: Placed) -> bool:
    if not placed.frame.exists():
        return False
    try:
        fields_of(connection, flow.schema, parquet(placed.frame))
    except LedgerShapeChanged:
        return False
    return True


def _map_again(flow: Flow, placed: list[Placed]) -> dict[str, Placed]:
    """{upload: what stands at its place by today's schema}."""
    fresh, wrong = {}, []
    with scratch_connection(flow.folder) as connection:
        for one in placed:
            found = flow.register.find(one.upload, flow.schema.name)
            # A mapping that was set since, and not let in, is not for a rebuild to let in.
            upload = replace(found, chosen=chosen_in_force(flow.register, found))
            checked = flow.map_again(upload, connection)
            flow.register.judge(upload, checked.verdict)
            if checked.verdict.passed:
                version = flow.version_of(upload)
                frame = flow.archive.mapped(flow.schema.name, one.upload, version)
                fresh[one.upload] = replace(one, schema_version=version, frame=frame)
            elif one.active:
                wrong.append(
                    f"{one.upload} fails by today's schema: `usage-pipeline errors {one.upload}` "
                    "says where."
                )
    if wrong:
        raise RebuildRefused(
            f"Nothing of {flow.schema.name} was rebuilt.",
            *wrong,
            "Correct the schema; or change it back, void the upload, and try again.",
        )
    return fresh
