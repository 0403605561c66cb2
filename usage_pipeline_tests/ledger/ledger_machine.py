"""A ledger with its register on one side, the model on the other, and steps that both take."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.ledger import tables
from usage_pipeline.ledger.verify import verify
from usage_pipeline.rebuild import rebuild, verify_rebuild
from usage_pipeline.register import Upload, Verdict
from usage_pipeline.register.decisions import Decisions
from usage_pipeline.register.stale import StaleWindows
from usage_pipeline.schema import EventSchema, parse_schema
from usage_pipeline.schema.event_schema import DuplicatePolicy
from usage_pipeline.validation.findings import write_error_file
from usage_pipeline_tests.ledger.model import Model, Row

NOW = datetime(2024, 11, 1, tzinfo=UTC)
MEMORY = Path("/dev/shm")  # noqa: S108


def schema_with(policy: DuplicatePolicy) -> EventSchema:
    return parse_schema(
        {
            "name": "model",
            "fields": {
                "customer_id": {"type": "string"},
                "part": {"type": "string", "required": False},
                "timestamp": {"type": "timestamp", "time_zone": "UTC"},
                "amount": {"type": "decimal", "usage": True},
            },
            # A part may be missing: a missing value is a value of the key.
            "event_key": ["customer_id", "part"],
            "on_duplicate": policy,
            "metrics": {"total": {"aggregation": "sum", "field": "amount", "window": "day"}},
        }
    )


rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([None, "x", "y"]),
        st.integers(1, 3),
        st.integers(0, 2),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=6,
)


def as_rows(drawn: Sequence[tuple[str, str | None, int, int, int]]) -> list[Row]:
    """Rows with lines that ascend, with gaps where a file has invalid or blank ones."""
    found, line = [], 1
    for customer, part, day, amount, gap in drawn:
        line += gap
        when = datetime(2024, 10, day, 12, tzinfo=UTC)
        found.append(Row(line, (customer, part), (when, Decimal(amount))))
    return found


class Killed(BaseException):
    """The process ends here."""


def _dies(*_: Any, **__: Any) -> None:
    raise Killed


@contextmanager
def _killed_after_the_commit() -> Iterator[None]:
    with patch.object(Decisions, "followed", _dies):
        yield


@contextmanager
def _killed_before_the_marks() -> Iterator[None]:
    with patch.object(Decisions, "committing", _dies):
        yield


@contextmanager
def _killed_before_the_commit() -> Iterator[None]:
    committing = Decisions.committing

    def dies(*arguments: Any, **options: Any) -> bool:
        committing(*arguments, **options)
        raise Killed

    with patch.object(Decisions, "committing", dies):
        yield


@contextmanager
def _killed_before_the_marks_are_cleared() -> Iterator[None]:
    with patch.object(StaleWindows, "clear", _dies):
        yield


CRASHES: list[Callable[[], Any] | None] = [
    None,
    None,
    None,
    _killed_before_the_marks,
    _killed_before_the_commit,
    _killed_after_the_commit,
    _killed_before_the_marks_are_cleared,
]

crashes = st.sampled_from(CRASHES)


class LedgerMachine(RuleBasedStateMachine):
    """Random lives of uploads. Frames are written as the mapping would: what is mapped is not the
    question here, and a step is a hundred times faster without.
    """

    policy: DuplicatePolicy

    def __init__(self) -> None:
        super().__init__()
        # In memory, where there is such a place: half of a step is else waiting for the disk.
        self.folder = Path(mkdtemp(prefix="ledger-", dir=MEMORY if MEMORY.is_dir() else None))
        self.model = Model(self.policy)
        self.uploads: list[str] = []
        self.waiting: dict[int, tuple[str, list[Row]]] = {}
        self.versions = self.settled = 0
        self.start()

    def start(self) -> None:
        """A process begins: it knows nothing but what is stored."""
        self.flow = Flow(schema_with(self.policy), DataFolder(self.folder / "data"))
        self.opened = self.flow.warehouse.open()
        self.connection = self.opened.__enter__()

    def stop(self) -> None:
        self.opened.__exit__(None, None, None)

    def teardown(self) -> None:
        try:
            self.prove()
        finally:
            self.stop()
            shutil.rmtree(self.folder)

    # What is done.

    @rule(drawn=rows, crash=crashes)
    def an_upload_comes_in(self, drawn: Any, crash: Any) -> None:
        number = len(self.uploads) + 1
        new = Upload("model", f"u{number}", f"{number}.csv", str(number), 1, "received", NOW)
        upload = self.flow.register.receive(new, str(number), "ops").upload
        found = as_rows(drawn)
        self.judge(upload, found, passed=True, by="automatic")
        self.settle(crash)
        # A place is taken by rows that go in; a file that is refused takes none.
        place = max(self.model.rows, default=0) + 1
        if self.model.refuses(place, found):
            assert self.state(upload.upload) == "failed"
            return
        self.uploads.append(upload.upload)
        self.model.rows[place] = found
        self.model.active.add(place)

    @precondition(lambda self: self.model.active)
    @rule(data=st.data(), crash=crashes)
    def some_are_voided(self, data: st.DataObject, crash: Any) -> None:
        places = data.draw(st.sets(st.sampled_from(sorted(self.model.active)), min_size=1))
        self.flow.void([self.upload(place) for place in sorted(places)], "maria", "wrong month")
        self.settle(crash)
        self.model.active -= places

    @precondition(lambda self: set(self.model.rows) - self.model.active)
    @rule(data=st.data(), crash=crashes)
    def one_is_restored(self, data: st.DataObject, crash: Any) -> None:
        place = data.draw(st.sampled_from(sorted(set(self.model.rows) - self.model.active)))
        self.flow.restore([self.upload(place)], "maria", "right month")
        self.settle(crash)
        if not self.model.refuses(place, self.model.rows[place]):
            self.model.active.add(place)

    @precondition(lambda self: self.model.active)
    @rule(
        data=st.data(),
        drawn=rows,
        outcome=st.sampled_from(["passed", "passed", "failed", "waits"]),
        crash=crashes,
    )
    def one_is_mapped_again(
        self, data: st.DataObject, drawn: Any, outcome: str, crash: Any
    ) -> None:
        place = data.draw(st.sampled_from(sorted(self.model.active)))
        found = as_rows(drawn)
        by = None if outcome == "waits" else "automatic"
        version = self.judge(self.upload(place), found, passed=outcome != "failed", by=by)
        self.settle(crash)
        self.waiting.pop(place, None)
        if outcome == "waits":
            self.waiting[place] = (version, found)
        elif outcome == "passed" and not self.model.refuses(place, found):
            self.model.rows[place] = found

    @precondition(lambda self: set(self.waiting) & self.model.active)
    @rule(data=st.data(), crash=crashes)
    def a_newer_reading_is_confirmed(self, data: st.DataObject, crash: Any) -> None:
        place = data.draw(st.sampled_from(sorted(set(self.waiting) & self.model.active)))
        version, found = self.waiting.pop(place)
        self.flow.register.decide(self.upload(place), "confirm", "maria", None, version)
        self.settle(crash)
        if not self.model.refuses(place, found):
            self.model.rows[place] = found

    @precondition(lambda self: len(self.model.rows) > 2)
    @rule()
    def the_ledger_is_built_anew(self) -> None:
        self.stop()
        rebuild(self.flow)
        self.start()
        list(self.flow.refresh(self.connection))

    # What must hold after each.

    @invariant()
    def the_tables_are_those_of_the_model(self) -> None:
        if not tables.has_ledger(self.connection, self.flow.schema):
            assert not self.model.rows
            return
        winners, losers = self.model.tables()
        all_rows = self.model.all_rows()
        for table, places in (("ingestion_table", winners), ("displaced", losers)):
            found = self.connection.execute(
                f'SELECT place, line, customer_id, part, "timestamp", amount FROM model.{table}'
            ).fetchall()
            expected = [
                (*where, *all_rows[where].key, *all_rows[where].content) for where in places
            ]
            assert Counter(found) == Counter(expected)

    @invariant()
    def the_register_has_the_counts_of_the_model(self) -> None:
        for place in self.model.rows:
            upload = self.upload(place)
            counts = (upload.ingested, upload.duplicates, upload.superseded)
            assert (upload.place, counts) == (place, self.model.counts(place))
            assert upload.state == ("ingested" if place in self.model.active else "voided")

    @invariant()
    def the_metric_is_that_of_the_model(self) -> None:
        if not self.model.rows:
            return
        all_rows = self.model.all_rows()
        amounts: dict[tuple[str | None, int], list[Decimal]] = {}
        for where in self.model.winners().values():
            row = all_rows[where]
            when, amount = row.content
            amounts.setdefault((row.key[0], when.day), []).append(amount)
        found = self.connection.execute(
            """SELECT customer_id, day(window_start AT TIME ZONE 'UTC'), value, events
               FROM model.total"""
        ).fetchall()
        assert sorted(found) == sorted((*key, sum(one), len(one)) for key, one in amounts.items())

    def prove(self) -> None:
        """What `verify --rebuild` says, but for the archived bytes, which are not made here."""
        proofs = [
            *verify(self.connection, self.flow.register, self.flow.archive, self.flow.schema),
            *verify_rebuild(self.flow, self.connection),
        ]
        wrong = [one for one in proofs if not one.ok and one.name != "model: archive"]
        assert wrong == []

    # How it is done.

    def upload(self, place: int) -> Upload:
        return self.flow.register.find(self.uploads[place - 1], "model")

    def state(self, upload: str) -> str:
        return self.flow.register.find(upload, "model").state

    def judge(self, upload: Upload, found: list[Row], *, passed: bool, by: str | None) -> str:
        """Map and check an upload by a schema version of its own; returns the version."""
        self.versions += 1
        version = f"v{self.versions}"
        target = self.flow.archive.mapped("model", upload.upload, version)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_frame(target, found)
        errors = self.flow.archive.errors("model", upload.upload, version)
        write_error_file([], self.flow.schema, errors)
        valid, bad = len(found), 1
        verdict = Verdict(version, passed, valid + bad, valid, bad, 0, 0, 0)
        self.flow.register.judge(upload, verdict, by)
        return version

    def settle(self, crash: Any) -> None:
        """Have the ledger follow, in a process that may be killed; then another goes on."""
        if crash is not None:
            with crash():
                try:
                    self.work()
                except Killed:
                    self.stop()
                    self.start()
        self.work()
        self.settled += 1
        if self.settled % 2:
            # Running everything again is to change nothing.
            list(self.flow.settle(self.connection, self.flow.register.uploads("model")))

    def work(self) -> None:
        self.flow.catch_up(self.connection)
        list(self.flow.settle(self.connection))
        list(self.flow.refresh(self.connection))


def write_frame(target: Path, found: list[Row]) -> None:
    """A mapped frame with the rows, and one that is invalid."""
    invalid = replace_line(found[-1], found[-1].line + 1)
    every = [*found, invalid]
    pq.write_table(
        pa.table(
            {
                "line": pa.array([row.line for row in every], pa.int64()),
                "customer_id": pa.array([row.key[0] for row in every], pa.string()),
                "part": pa.array([row.key[1] for row in every], pa.string()),
                "timestamp": pa.array([row.content[0] for row in every], pa.timestamp("us", "UTC")),
                "amount": pa.array([row.content[1] for row in every], pa.decimal128(38, 18)),
                "valid": pa.array([True] * len(found) + [False], pa.bool_()),
            }
        ),
        target,
    )


def replace_line(row: Row, line: int) -> Row:
    return row._replace(line=line)
