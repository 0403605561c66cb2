"""The stages of one event schema in order, on plain values: what assets and commands both run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.intake import Archive, receive_files, shown_name
from usage_pipeline.intake.notes import name_with_ending
from usage_pipeline.intake.take import Large, Taken, take_dropped
from usage_pipeline.ledger import (
    Followed,
    LedgerLost,
    Refusal,
    open_ledger,
)
from usage_pipeline.ledger.preview import conflicts_with_ledger
from usage_pipeline.ledger.tables import has_ledger, refuse_changed
from usage_pipeline.mapping.choosing import Choice, WrongMapping, choice_for
from usage_pipeline.mapping.customers import CustomersUnusable, find_list, load_customers
from usage_pipeline.mapping.frame import write_valid_rows
from usage_pipeline.mapping.map_files import SourceFile, map_files
from usage_pipeline.metering import ComputedWindow, MetricOverflow, refresh_metrics
from usage_pipeline.provenance import Provenance, provenance_of, with_origin
from usage_pipeline.reading import Advance, Progress, watcher
from usage_pipeline.register import Receipt, Register, Upload, WrongState, require
from usage_pipeline.register.states import Action
from usage_pipeline.schema import EventSchema, known_choices, schema_version
from usage_pipeline.schema.rules import row_rules
from usage_pipeline.settling import Settling
from usage_pipeline.validation.check_files import (
    CheckedFile,
    check_files,
    first_of_each,
    with_conflicts,
)
from usage_pipeline.validation.findings import write_error_file
from usage_pipeline.validation.suite import SuiteRunner
from usage_pipeline.warehouse import Warehouse, scratch_connection
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
        return Settling(self.schema, self.archive, self.register)

    def check(self, uploads: Iterable[Upload]) -> Iterator[tuple[Upload, CheckedFile | Exception]]:
        """Map and check uploads, store each verdict, and confirm what passed where no person must.

        Yields each upload in its new state as soon as it is known; with the exception instead of
        a result where one could not be worked on, so that it stops none of the others.
        """
        confirmed_by = AUTOMATIC if self.schema.confirm == "automatic" else None
        with scratch_connection(self.folder) as connection:
            for upload in uploads:
                try:
                    checked = self._check(upload, connection)
                except Exception as error:
                    yield upload, error
                else:
                    yield self.register.judge(upload, checked.verdict, confirmed_by), checked

    def _check(self, upload: Upload, connection: Connection) -> CheckedFile:
        original = self.archive.original(upload.schema, upload.upload)
        known = provenance_of(original, self.schema, self.register, upload)
        if (dict(known.chosen), known.fix_of) != (upload.chosen or {}, upload.fix_of):
            upload = self.register.mappings.take_over(
                upload, known.chosen, known.fix_of, known.by, known.why
            )
        checked = self._mapped_again(upload, known, connection)
        alone = self._against_ledger(checked, upload.upload)
        judged = alone if upload.place is not None else with_origin(alone, known)
        if judged is not checked:
            target = self.archive.errors(upload.schema, upload.upload, self.version_of(upload))
            write_error_file(judged.findings, self.schema, target)
        return judged

    def map_again(self, upload: Upload, connection: Connection) -> CheckedFile:
        """Map and check an upload by today's schema, beside the ledger; stores frame and errors."""
        original = self.archive.original(upload.schema, upload.upload)
        known = provenance_of(original, self.schema, self.register, upload)
        return self._mapped_again(upload, known, connection)

    def _mapped_again(
        self, upload: Upload, known: Provenance, connection: Connection
    ) -> CheckedFile:
        key = self.schema.name, upload.upload
        version = self.version_of(upload)
        [checked] = self._checked(
            [known.source(self.archive.original(*key), upload.file_name, upload.received_at)],
            connection,
            frame=lambda _: self.archive.mapped(*key, version),
            errors=lambda _: self.archive.errors(*key, version),
            max_errors=self.schema.csv.max_errors,
            progress=lambda advance: self.progress(replace(advance, what=upload.upload)),
        )
        return checked

    def _checked(
        self,
        sources: Iterable[SourceFile],
        connection: Connection,
        frame: Callable[[SourceFile], Path],
        errors: Callable[[SourceFile], Path],
        max_errors: int,
        progress: Progress,
    ) -> Iterator[CheckedFile]:
        load_customers(connection, self.schema, self.folder.root)
        rules = row_rules(self.schema)
        mapped = map_files(sources, self.schema, rules, frame, connection, max_errors, progress)
        return check_files(
            mapped, self.schema, self.suite, errors, connection, max_errors, progress
        )

    def customers_problem(self) -> str | None:
        """Why nothing can be checked for want of the list of customers, at a quick look."""
        if self.schema.customers is not None:
            try:
                find_list(self.schema.customers, self.folder.root)
            except CustomersUnusable as error:
                return str(error)
        return None

    def _against_ledger(self, checked: CheckedFile, upload: str, *folders: Path) -> CheckedFile:
        """What the checks say, and under `on_duplicate: refuse` what the ledger says to it.

        The ledger decides once more when the rows go in; a person should know before.
        """
        frame = checked.mapped.frame
        if self.schema.policy != "refuse" or frame is None or not self.folder.warehouse.exists():
            return checked
        most = self.schema.csv.max_errors
        what = upload or checked.mapped.source.file_name
        size, rows = checked.mapped.size, checked.mapped.lines or 0
        self.progress(Advance(what, "comparing with what is there", size, size, rows))
        with self.warehouse.open(*folders) as connection:
            count, errors = conflicts_with_ledger(
                connection, self.schema, upload, frame, checked.verdict.mapping, most
            )
        if not count:
            return checked
        findings = first_of_each([*checked.findings, *errors], self.schema, most)
        verdict = with_conflicts(checked.verdict, count)
        return replace(checked, verdict=verdict, findings=tuple(findings))

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
        """Everything up to the verdict, on files anywhere; nothing of it is stored.

        Args:
            frames: folder in which each passed file leaves its valid rows, `<file name>.parquet`.
        """
        self.folder.scratch.mkdir(parents=True, exist_ok=True)
        readable = [] if frames is None else [frames]
        with (
            tempfile.TemporaryDirectory(dir=self.folder.scratch) as work,
            scratch_connection(self.folder, Path(work), *readable) as connection,
        ):
            now = datetime.now(UTC)
            known = [provenance_of(path, self.schema, self.register) for path in files]
            sources = [
                one.source(path, shown_name(path.name), now)
                for path, one in zip(files, known, strict=True)
            ]
            all_checked = self._checked(
                sources,
                connection,
                frame=lambda _: Path(work) / "frame.parquet",
                errors=lambda _: Path(work) / "errors.parquet",
                max_errors=max_errors,
                progress=self.progress,
            )
            for one, checked in zip(known, all_checked, strict=True):
                checked = with_origin(self._against_ledger(checked, "", Path(work)), one)
                if frames is not None and checked.verdict.passed:
                    name = checked.mapped.source.file_name
                    target = frames / name_with_ending(name, ".parquet")
                    assert checked.mapped.frame is not None
                    write_valid_rows(connection, checked.mapped.frame, self.schema, target)
                yield checked

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
    ) -> Iterator[tuple[str, list[ComputedWindow] | MetricOverflow]]:
        """Compute the metric windows that the ledger has left behind."""
        self.progress(Advance(self.schema.name, "computing metrics"))
        return refresh_metrics(connection, self.register, self.schema)


def _said(words: str, what: str) -> None:
    if not words.strip():
        raise WrongState(f"Say {what}.")
