"""The stages of one event schema in order, on plain values: what assets and commands both run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from usage_pipeline.checking import Checking
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.intake import Archive, receive_files, shown_name
from usage_pipeline.intake.identity import captured_values, identity_of
from usage_pipeline.intake.look import Look
from usage_pipeline.intake.take import Large, Taken, take_dropped
from usage_pipeline.ledger import (
    Followed,
    LedgerLost,
    Refusal,
    open_ledger,
)
from usage_pipeline.ledger.tables import has_ledger, refuse_changed
from usage_pipeline.mapping.choosing import Choice, WrongMapping, choice_for
from usage_pipeline.mapping.customers import CustomersUnusable, find_list
from usage_pipeline.metering import ComputedWindow, MetricFailed, refresh_metrics
from usage_pipeline.metering.tables import metric_definitions
from usage_pipeline.reading import Advance, Progress, watcher
from usage_pipeline.register import Receipt, Register, Upload, WrongState, require
from usage_pipeline.register.states import Action
from usage_pipeline.schema import EventSchema, known_choices, schema_version
from usage_pipeline.schema.rules import row_rules
from usage_pipeline.settling import Settling
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.suite import SuiteRunner
from usage_pipeline.warehouse import Warehouse
from usage_pipeline.warehouse.connection import Connection

AUTOMATIC = "confirm: automatic"


@dataclass
class Flow:
    """One schema's way from file to metric, on the stores of one data folder.

    progress: is told how far long work is; whoever watches where the flow is made, unless given.
    """

    schema: EventSchema
    folder: DataFolder
    progress: Progress = field(default_factory=watcher)
    #: Frames that were just searched for events that are there twice, and have none.
    _distinct: dict[Path, Look] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def archive(self) -> Archive:
        return Archive(self.folder)

    @cached_property
    def register(self) -> Register:
        return Register(self.folder.register_url)

    @cached_property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.folder)

    @cached_property
    def version(self) -> str:
        return schema_version(self.schema)

    def version_of(self, upload: Upload) -> str:
        """Today's schema version, with what a person chose for the upload."""
        return schema_version(self.schema, upload.chosen) if upload.chosen else self.version

    @cached_property
    def suite(self) -> SuiteRunner:
        return SuiteRunner(self.schema.name, row_rules(self.schema))

    def receive(self, files: Iterable[Path], by: str) -> list[Receipt]:
        """Archive and register files; see `receive_files`."""
        return receive_files(files, self.schema, self.archive, self.register, by)

    @property
    def drop_folder(self) -> Path:
        """Where files for the schema are dropped."""
        return self.folder.drop / self.schema.name

    def take_dropped(self, *, most: int, seconds: float, large: Large, wait: float = 0) -> Taken:
        """Receive what is complete in the drop folder; see `intake.take.take_dropped`."""
        return take_dropped(
            self.drop_folder,
            self.schema,
            self.archive,
            self.register,
            most=most,
            seconds=seconds,
            large=large,
            wait=wait,
        )

    def open_ledger(self) -> None:
        """Have the ledger ready before anything is checked or decided; see `catch_up`."""
        with self.warehouse.open() as connection:
            self.catch_up(connection)

    def catch_up(self, connection: Connection) -> None:
        """Have the ledger's tables, and the register follow what a crash kept from it.

        Rows that are in must be known to be in before a newer schema judges their upload.

        Raises:
            LedgerShapeChanged: the YAML has changed under rows that are in.
            LedgerLost: the register knows of rows that the warehouse does not have.
        """
        open_ledger(connection, self.schema)
        if lost := self.follow_warehouse(connection):
            raise LedgerLost(self.schema, lost)

    def can_read(self, connection: Connection, *, types_only: bool = False) -> bool:
        """Whether there are tables to read; False where nothing was ever ingested.

        Raises:
            LedgerLost: rows were ingested, and are not there.
            LedgerShapeChanged: see `refuse_changed`.
        """
        if has_ledger(connection, self.schema):
            refuse_changed(connection, self.schema, types_only=types_only)
            return True
        uploads = self.register.uploads(self.schema.name)
        if lost := [one.upload for one in uploads if one.followed is not None]:
            raise LedgerLost(self.schema, lost)
        return False

    def follow_warehouse(self, connection: Connection) -> list[str]:
        """Have the register follow the ledger; returns uploads that the ledger has lost."""
        return self._settling.follow_warehouse(connection)

    @property
    def _settling(self) -> Settling:
        return Settling(self.schema, self.archive, self.register, self._distinct)

    def check(self, uploads: Iterable[Upload]) -> Iterator[tuple[Upload, CheckedFile | Exception]]:
        """Map and check uploads, store each verdict, and confirm what passed where no person must.

        Yields each upload in its new state as soon as it is known; with the exception instead of
        a result where one could not be worked on, so that it stops none of the others.
        """
        confirmed_by = AUTOMATIC if self.schema.confirm == "automatic" else None
        for upload, checked in self._checking.check(uploads, self.archive, self.register):
            if isinstance(checked, CheckedFile):
                frame = checked.mapped.frame
                if frame is not None and checked.verdict.duplicates == 0:
                    self._distinct[frame] = Look.at(frame)
                yield self.register.judge(upload, checked.verdict, confirmed_by), checked
            else:
                yield upload, checked

    def map_again(self, upload: Upload, connection: Connection) -> CheckedFile:
        """Map and check an upload by today's schema, beside the ledger; stores frame and errors."""
        return self._checking.map_again(upload, self.archive, self.register, connection)

    @property
    def _checking(self) -> Checking:
        # Without a register nothing was ever ingested, and looking must not make one.
        look = self.can_read if self._has_register else lambda _: None
        return Checking(self.schema, self.folder, self.suite, look, self.progress)

    def customers_problem(self) -> str | None:
        """Why nothing can be checked for want of the list of customers, at a quick look."""
        if self.schema.customers is not None:
            try:
                find_list(self.schema.customers, self.folder.root)
            except CustomersUnusable as error:
                return str(error)
        return None

    def confirm(self, upload: str, by: str, note: str | None) -> Upload:
        """Record that a person lets the upload in.

        Raises:
            UnknownUpload: there is none of that name.
            WrongState: it does not wait for confirmation, or nobody says who confirms.
        """
        found = self.register.find(upload, self.schema.name)
        self.may_confirm(found, by)
        return self.register.decide(found, "confirm", by, note, self.version_of(found))

    def may_confirm(self, upload: Upload, by: str) -> None:
        """Look whether `confirm` will do; raises what it would raise."""
        _said(by, "who confirms")
        require(upload, "confirm")
        if upload.state == "ingested":
            self._may_replace(upload)
        elif upload.schema_version != self.version_of(upload):
            raise WrongState(
                f"The schema {self.schema.name} has changed since {upload.upload} was checked; "
                "ingest its file again, or materialize mapped_events for it, then confirm."
            )
        elif upload.fix_of is not None:
            self._may_join(upload, upload.fix_of)

    def _may_join(self, upload: Upload, origin: str) -> None:
        """Look whether the upload that this one corrects is still in."""
        state = self.register.find(origin, self.schema.name).state
        if state != "ingested":
            raise WrongState(
                f"{upload.upload} corrects bad lines of {origin}, which is {state} by now: its "
                "other rows do not count. Bring that back first, or drop the whole corrected file."
            )

    def _may_replace(self, upload: Upload) -> None:
        """Look whether a newer reading of rows that count waits for a person."""
        version = self.version_of(upload)
        verdict = self.register.verdict(upload, version)
        if upload.schema_version == version:
            why = "its rows are in, as today's schema reads them"
        elif verdict is None:
            why = "its rows are in; to read them by today's schema, materialize mapped_events first"
        elif not verdict.passed:
            why = "its rows are in; by today's schema the file fails, so they stay as they are"
        else:
            return
        raise WrongState(f"Nothing to confirm of {upload.upload}: {why}.")

    def choice_for(
        self, upload: Upload, mapping: Mapping[str, str], *, clear: bool = False
    ) -> Choice:
        """What a person's mapping of an upload comes to, beside what was said of it before.

        Args:
            mapping: {field: header}.
            clear: forget what was said before; with no mapping, the schema alone decides again.

        Raises:
            WrongMapping: nothing is said, or there is no such field or header.
            WrongState: the upload cannot be mapped in its state.
        """
        if not mapping and not clear:
            raise WrongMapping("Say which field takes which header.")
        require(upload, "map")
        before = {} if clear else known_choices(self.schema, upload.chosen)
        original = self.archive.original(upload.schema, upload.upload)
        return choice_for(original, self.schema, {**before, **mapping})

    def map(
        self, upload: Upload, choice: Choice, by: str, note: str | None, *, remember: bool = False
    ) -> Upload:
        """Record how a person maps an upload; `check` maps and checks it so.

        Args:
            remember: map later files with the same header row likewise.
        """
        _said(by, "who maps it")
        row = choice.header_row if remember else None
        return self.register.mappings.choose(upload, choice.chosen, by, note, remember_for=row)

    def refuse(self, upload: str, by: str, reason: str) -> Upload:
        """Record that a person keeps an upload out that passed its checks.

        Raises:
            UnknownUpload: there is none of that name.
            WrongState: it does not wait for confirmation, or nobody says who or why.
        """
        return self._decide(upload, "refuse", by, reason)

    def reopen(self, upload: str, by: str, reason: str) -> Upload:
        """Record that a refused upload waits for confirmation again.

        Raises:
            UnknownUpload: there is none of that name.
            WrongState: it is not refused, or nobody says who or why.
        """
        return self._decide(upload, "reopen", by, reason)

    def _decide(self, upload: str, action: Action, by: str, reason: str) -> Upload:
        _said(by, f"who wants to {action}")
        _said(reason, "why")
        found = self.register.find(upload, self.schema.name)
        return self.register.decide(found, action, by, reason, found.schema_version)

    def void(self, uploads: Sequence[Upload], by: str, reason: str) -> list[Upload]:
        """Record that all rows of uploads are to be taken out; `settle` takes them out.

        Raises:
            WrongState: one of them is not in, or nobody says who or why; none is voided.
        """
        return self._take_back("void", uploads, by, reason)

    def restore(self, uploads: Sequence[Upload], by: str, reason: str) -> list[Upload]:
        """Record that voided uploads are to come back to their places, as they were.

        Raises:
            WrongState: one of them is not voided, or nobody says who or why; none comes back.
        """
        return self._take_back("restore", uploads, by, reason)

    def _take_back(
        self, action: Action, uploads: Sequence[Upload], by: str, reason: str
    ) -> list[Upload]:
        _said(by, f"who wants to {action}")
        _said(reason, "why")
        chosen = [(upload, upload.schema_version) for upload in uploads]
        return self.register.decide_all(chosen, action, by, reason)

    def dry_run(
        self, files: Sequence[Path], max_errors: int, frames: Path | None = None
    ) -> Iterator[CheckedFile]:
        """Everything up to the verdict, on files anywhere; see `Checking.dry_run`."""
        register = self.register if self._has_register else None
        return self._checking.dry_run(files, register, max_errors, frames)

    def known_upload(self, file: Path) -> Upload | None:
        """The upload that has the bytes of a file anywhere; looks and stores nothing."""
        size = file.stat().st_size
        if not self._has_register or not self.register.has_size(self.schema.name, size):
            return None
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        captured = captured_values(self.schema, shown_name(file.name))
        return self.register.find_identity(self.schema.name, identity_of(sha256, captured))

    @property
    def metrics_changed(self) -> bool:
        """Whether events are in, and the YAML describes metrics that nobody has computed so."""
        known = self.register.metric_definitions(self.schema.name)
        return known != metric_definitions(self.schema) and bool(
            self.register.uploads(self.schema.name, ["ingested"])
        )

    @property
    def metrics_wait(self) -> bool:
        """Whether any run of the schema has metric windows to compute."""
        return bool(self.register.windows.stale(self.schema.name)) or self.metrics_changed

    @property
    def _has_register(self) -> bool:
        return self.folder.register.exists()

    def settle(
        self, connection: Connection, asked: Iterable[Upload] = ()
    ) -> Iterator[tuple[Upload, Followed | Refusal]]:
        """Have the ledger follow every decision that it has not followed; see `Settling`."""
        due = [one.upload for one in self.register.decisions.due(self.schema.name)]
        if due:
            what = due[0].upload if len(due) == 1 else f"{len(due)} uploads of {self.schema.name}"
            size = sum(one.size for one in due)
            rows = sum(one.valid or 0 for one in due)
            self.progress(Advance(what, "ingesting", size, size, rows))
        return self._settling.settle(connection, asked)

    def refresh(
        self, connection: Connection
    ) -> Iterator[tuple[str, list[ComputedWindow] | MetricFailed]]:
        """Compute the metric windows that the ledger has left behind."""
        self.progress(Advance(self.schema.name, "computing metrics"))
        return refresh_metrics(connection, self.register, self.schema)


def _said(words: str, what: str) -> None:
    if not words.strip():
        raise WrongState(f"Say {what}.")
