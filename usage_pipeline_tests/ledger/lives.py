"""Small lives of uploads, and what the tables must hold at any point of them.

What is to be is taken from the register's history alone, and from what the files were made of.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.ledger import verify
from usage_pipeline.rebuild import verify_rebuild
from usage_pipeline.register import Upload
from usage_pipeline.register.states import DECISIONS
from usage_pipeline.schema import EventSchema, parse_schema
from usage_pipeline.schema.event_schema import DuplicatePolicy
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.dropping import work_off
from usage_pipeline_tests.ledger.model import Model, Row

BILLED, CORRECTED = "As billed", "As corrected"
HEADER = f"customer_id,part,timestamp,{BILLED},{CORRECTED}"
PEOPLE = {"by": "maria", "reason": "wrong month"}

#: customer, part, day of October, amount as billed, amount as corrected: none that can be read
#: where it is None.
Line = tuple[str, str | None, int, int, int | None]

#: Rows of a table, each with how often it is there.
Rows = Counter[tuple[Any, ...]]


def schema_with(policy: DuplicatePolicy, amount: str = BILLED) -> EventSchema:
    """The YAML with the amount read from one column or the other."""
    return parse_schema(
        {
            "name": "life",
            "fields": {
                "customer_id": {"type": "string"},
                "part": {"type": "string", "required": False},
                "timestamp": {"type": "timestamp", "time_zone": "UTC"},
                "amount": {"type": "decimal", "usage": True, "from": [amount]},
            },
            "event_key": ["customer_id", "part"],
            "on_duplicate": policy,
            "on_invalid": "quarantine_rows",
            "metrics": {
                "total": {"aggregation": "sum", "field": "amount", "window": "day"},
                "peak": {"aggregation": "max", "field": "amount", "window": "month"},
            },
        }
    )


@dataclass(frozen=True)
class Place:
    """A data folder, and the files that are sent in, in this order, under one policy."""

    folder: Path
    policy: DuplicatePolicy
    files: Sequence[Path]
    lines: Sequence[Sequence[Line]]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def flow(self, amount: str = BILLED) -> Flow:
        """What a process begins with: it knows nothing but what is stored."""
        return Flow(schema_with(self.policy, amount), DataFolder(self.data))

    def rows(self, upload: Upload, version: str) -> list[Row]:
        """What a schema version reads in an upload's file, by what it was made of."""
        [number] = [n for n, file in enumerate(self.files) if file.name == upload.file_name]
        versions = {self.flow(amount).version: amount for amount in (BILLED, CORRECTED)}
        found = []
        for line, (customer, part, day, billed, corrected) in enumerate(self.lines[number], 2):
            amount = billed if versions[version] == BILLED else corrected
            if amount is not None:
                when = datetime(2024, 10, day, 12, tzinfo=UTC)
                found.append(Row(line, (customer, part), (when, Decimal(amount))))
        return found


def place_with(folder: Path, policy: DuplicatePolicy, lines: Sequence[Sequence[Line]]) -> Place:
    """Write the files; nothing of them is received yet."""
    place = Place(folder, policy, [folder / f"{n}.csv" for n in range(len(lines))], lines)
    folder.mkdir(parents=True)
    for file, content in zip(place.files, lines, strict=True):
        text = [
            f"{customer},{part or ''},2024-10-{day:02d}T12:00:00,{billed},"
            f"{'?' if corrected is None else corrected}"
            for customer, part, day, billed, corrected in content
        ]
        file.write_text("\n".join([HEADER, *text]) + "\n")
    return place


# What is done. Each looks first at what is done already, so that it can be done again after a stop.


def receive(flow: Flow, files: Sequence[Path]) -> None:
    known = {upload.file_name for upload in flow.register.uploads("life")}
    flow.receive([file for file in files if file.name not in known], by="ops")


def follow(flow: Flow, connection: Connection) -> None:
    list(flow.settle(connection))
    list(flow.refresh(connection))


def check_all(place: Place) -> None:
    """Receive and check: what passes is confirmed, and nothing of it is in."""
    flow = place.flow()
    flow.open_ledger()
    receive(flow, place.files)
    list(flow.check(flow.register.uploads("life", ["received"])))


def follow_all(place: Place) -> None:
    """Have the rows of all that is confirmed in, and the metrics computed."""
    flow = place.flow()
    with flow.warehouse.open() as connection:
        flow.catch_up(connection)
        follow(flow, connection)


def take_all(place: Place) -> None:
    """All the way from the files to the metrics."""
    check_all(place)
    follow_all(place)


def void_first(place: Place) -> None:
    flow = place.flow()
    with flow.warehouse.open() as connection:
        flow.catch_up(connection)
        first = flow.register.uploads("life")[0]
        if first.state == "ingested":
            flow.void([first], **PEOPLE)
        follow(flow, connection)


def restore_first(place: Place) -> None:
    flow = place.flow()
    with flow.warehouse.open() as connection:
        flow.catch_up(connection)
        first = flow.register.uploads("life")[0]
        if first.state == "voided":
            flow.restore([first], **PEOPLE)
        follow(flow, connection)


def read_first_again(place: Place) -> None:
    """Check the first upload under the changed YAML, and have its rows replaced."""
    flow = place.flow(CORRECTED)
    with flow.warehouse.open() as connection:
        flow.catch_up(connection)
        first = flow.register.uploads("life")[0]
        if first.schema_version != flow.version:
            list(flow.check([first]))
        follow(flow, connection)


def start_again(place: Place, amount: str = BILLED) -> None:
    """A process begins, and does nothing but what any begins with."""
    work_off(place.flow(amount))


# What must come of it.


def model_of(flow: Flow, place: Place) -> Model:
    """The ledger that the register's decisions ask for, once they are followed and what is
    received is checked.
    """
    model = Model(place.policy)
    for number, upload in enumerate(flow.register.uploads("life"), 1):
        decided = [one for one in flow.register.history(upload) if one.action in DECISIONS]
        version = decided[-1].schema_version if decided else flow.version
        assert version is not None
        rows = place.rows(upload, version)
        if model.refuses(number, rows):
            # It takes no place; in these lives nothing comes after such a one.
            continue
        model.rows[number] = rows
        if not decided or decided[-1].action != "void":
            model.active.add(number)
    return model


def prove(flow: Flow, model: Model) -> None:
    """The tables, the counts and the metrics are the model's, and the proofs of `verify` hold."""
    with flow.warehouse.open() as connection:
        wrong = [
            one
            for one in (
                *verify(connection, flow.register, flow.archive, flow.schema),
                *verify_rebuild(flow, connection),
            )
            if not one.ok
        ]
        assert wrong == [], wrong
        _same(tables_in(connection), tables_by(model))
        _same(metrics_in(connection), metrics_by(model))
    for number, upload in enumerate(flow.register.uploads("life"), 1):
        if number in model.rows:
            assert upload.state == ("ingested" if number in model.active else "voided")
            counts = (upload.ingested, upload.duplicates, upload.superseded)
            assert (upload.place, counts) == (number, model.counts(number))
        else:
            assert (upload.state, upload.place) == ("failed", None)


def _same(found: list[Rows], wanted: list[Rows]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one == other, f"too much: {one - other}; missing: {other - one}"


def tables_in(connection: Connection) -> list[Rows]:
    query = 'SELECT place, line, customer_id, part, "timestamp", amount FROM life.'
    return [
        Counter(connection.execute(query + table).fetchall())
        for table in ("ingestion_table", "displaced")
    ]


def tables_by(model: Model) -> list[Rows]:
    all_rows = model.all_rows()
    return [
        Counter((*where, *all_rows[where].key, *all_rows[where].content) for where in table)
        for table in model.tables()
    ]


def metrics_in(connection: Connection) -> list[Rows]:
    query = "SELECT customer_id, window_start, value, events FROM life."
    return [Counter(connection.execute(query + metric).fetchall()) for metric in ("total", "peak")]


def metrics_by(model: Model) -> list[Rows]:
    """{customer, begin of the window, value, events} of each metric, once each."""
    all_rows = model.all_rows()
    days: dict[tuple[str | None, datetime], list[Decimal]] = {}
    months: dict[tuple[str | None, datetime], list[Decimal]] = {}
    for where in model.winners().values():
        row = all_rows[where]
        when, amount = row.content
        days.setdefault((row.key[0], when.replace(hour=0)), []).append(amount)
        months.setdefault((row.key[0], when.replace(day=1, hour=0)), []).append(amount)
    return [
        Counter((*window, sum(one), len(one)) for window, one in days.items()),
        Counter((*window, max(one), len(one)) for window, one in months.items()),
    ]


# A longer life.

COMING, FIVE = 20, 5


def random_lines(seed: int) -> list[list[Line]]:
    """Files whose events collide within them and with one another."""
    chance = random.Random(seed)  # noqa: S311
    return [
        [
            (
                chance.choice("abc"),
                chance.choice([None, "x", "y", "z"]),
                chance.randint(1, 5),
                chance.randint(0, 9),
                None,
            )
            for _ in range(chance.randint(2, 8))
        ]
        for _ in range(COMING)
    ]


def long_life(place: Place) -> None:
    """Uploads come in by fives; after each five one is voided, and an earlier one restored.

    It may be stopped and begun at any point: what was done is in the register.
    """
    start_again(place)
    flow = place.flow()
    for begin in range(0, COMING, FIVE):
        receive(flow, place.files[begin : begin + FIVE])
        list(flow.check(flow.register.uploads("life", ["received"])))
        follow_all(place)
        once(place, "void", place.files[begin + 2])
        if begin:
            once(place, "void", place.files[begin - 1])
            once(place, "restore", place.files[begin - 3])


def once(place: Place, action: str, file: Path) -> None:
    """Void or restore the upload of a file, unless that was done before."""
    flow = place.flow()
    [upload] = [one for one in flow.register.uploads("life") if one.file_name == file.name]
    if action not in {entry.action for entry in flow.register.history(upload)}:
        take_back = flow.void if action == "void" else flow.restore
        take_back([upload], **PEOPLE)
        follow_all(place)


def end_of_long_life(place: Place) -> Model:
    """What the tables must hold when it is over, whatever happened on the way."""
    flow = place.flow()
    uploads = flow.register.uploads("life")
    assert [upload.file_name for upload in uploads] == [file.name for file in place.files]
    rows = {number: place.rows(upload, flow.version) for number, upload in enumerate(uploads, 1)}
    # The third of the last five, and the last of each other five.
    gone = {COMING - FIVE + 3, *range(FIVE, COMING, FIVE)}
    return Model(place.policy, rows, set(rows) - gone)
