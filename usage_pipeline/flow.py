"""The stages of one event schema in order, on plain values: what assets and commands both run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.intake import Archive, receive_files, shown_name
from usage_pipeline.intake.notes import name_with_ending
from usage_pipeline.intake.take import Large, Taken, take_dropped
from usage_pipeline.ledger import (
    Ingested,
    LedgerShapeChanged,
    MappedUpload,
    ingest_uploads,
    open_ledger,
    standing,
)
from usage_pipeline.mapping.frame import write_valid_rows
from usage_pipeline.mapping.map_files import SourceFile, map_files
from usage_pipeline.metering import ComputedWindow, MetricOverflow, refresh_metrics
from usage_pipeline.metering.refresh import mark_windows
from usage_pipeline.register import Receipt, Register, Upload, WrongState, require
from usage_pipeline.schema import EventSchema, schema_version
from usage_pipeline.schema.rules import row_rules
from usage_pipeline.validation.check_files import CheckedFile, check_files
from usage_pipeline.validation.suite import SuiteRunner
from usage_pipeline.warehouse import Warehouse, scratch_connection
from usage_pipeline.warehouse.connection import Connection

AUTOMATIC = "confirm: automatic"


@dataclass
class Flow:
    """One schema's way from file to metric, on the stores of one data folder."""

    schema: EventSchema
    folder: DataFolder

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

    def take_dropped(self, *, most: int, seconds: float, large: Large) -> Taken:
        """Receive what is complete in the drop folder; see `intake.take.take_dropped`."""
        return take_dropped(
            self.drop_folder,
            self.schema,
            self.archive,
            self.register,
            most=most,
            seconds=seconds,
            large=large,
        )

    def open_ledger(self) -> None:
        """Have the ledger ready before anything is checked or confirmed.

        Uploads that a crash left `confirmed` although their rows are in become `ingested` first:
        a check by a newer schema must not judge what counts already.

        Raises:
            LedgerShapeChanged: the YAML has changed under rows that are in.
        """
        with self.warehouse.open() as connection:
            open_ledger(connection, self.schema)
            for upload in self.register.uploads(self.schema.name, ["confirmed"]):
                stands = standing(connection, self.schema, upload.upload)
                if stands is not None:
                    self.register.ingested(upload, stands.place, stands.counts)

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
        key = self.schema.name, upload.upload
        source = SourceFile(self.archive.original(*key), upload.file_name, upload.received_at)
        [checked] = self._checked(
            [source],
            connection,
            frame=lambda _: self.archive.mapped(*key, self.version),
            errors=lambda _: self.archive.errors(*key, self.version),
            max_errors=self.schema.csv.max_errors,
        )
        return checked

    def _checked(
        self,
        sources: Iterable[SourceFile],
        connection: Connection,
        frame: Callable[[SourceFile], Path],
        errors: Callable[[SourceFile], Path],
        max_errors: int,
    ) -> Iterator[CheckedFile]:
        rules = row_rules(self.schema)
        mapped = map_files(sources, self.schema, rules, frame, connection, max_errors)
        return check_files(mapped, self.schema, self.suite, errors, connection, max_errors)

    def confirm(self, upload: str, by: str, note: str | None) -> Upload:
        """Record that a person lets the upload in.

        Raises:
            UnknownUpload: there is none of that name.
            WrongState: it does not wait for confirmation, or nobody says who confirms.
        """
        found = self.register.find(upload, self.schema.name)
        self.may_confirm(found, by)
        confirmed, _ = self.register.decide(found, "confirm", by, note, self.version)
        return confirmed

    def may_confirm(self, upload: Upload, by: str) -> None:
        """Look whether `confirm` will do; raises what it would raise."""
        if not by.strip():
            raise WrongState("Say who confirms.")
        require(upload, "confirm")
        if upload.schema_version != self.version:
            raise WrongState(
                f"The schema {self.schema.name} has changed since {upload.upload} was checked; "
                "ingest its file again, or materialize mapped_events for it, then confirm."
            )

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
            sources = [SourceFile(path, shown_name(path.name), now) for path in files]
            for checked in self._checked(
                sources,
                connection,
                frame=lambda _: Path(work) / "frame.parquet",
                errors=lambda _: Path(work) / "errors.parquet",
                max_errors=max_errors,
            ):
                if frames is not None and checked.verdict.passed:
                    name = checked.mapped.source.file_name
                    target = frames / name_with_ending(name, ".parquet")
                    assert checked.mapped.frame is not None
                    write_valid_rows(connection, checked.mapped.frame, self.schema, target)
                yield checked

    def ingest(
        self, connection: Connection, uploads: Iterable[Upload]
    ) -> Iterator[tuple[Upload, Ingested | LedgerShapeChanged]]:
        """Ingest the confirmed ones of `uploads`, and what a crash left confirmed before them.

        Yields each with where it stands, or with why it does not fit the ledger.
        """
        asked = {upload.upload for upload in uploads}
        due = [
            upload
            for upload in self.register.uploads(self.schema.name, ["confirmed", "ingested"])
            if upload.state == "confirmed" or upload.upload in asked
        ]
        found = ingest_uploads(
            [self._confirmed(upload) for upload in due],
            self.schema,
            connection,
            before_commit=lambda slots: mark_windows(self.register, self.schema, slots),
        )
        for upload, ingested in zip(due, found, strict=True):
            if isinstance(ingested, Ingested):
                yield self.register.ingested(upload, ingested.place, ingested.counts), ingested
            else:
                yield upload, ingested

    def _confirmed(self, upload: Upload) -> MappedUpload:
        decision = self.register.confirmation(upload)
        if decision is None or decision.schema_version is None:
            raise RuntimeError(f"{upload.upload} is {upload.state}, but nobody confirmed it")
        version = decision.schema_version
        frame = self.archive.mapped(self.schema.name, upload.upload, version)
        return MappedUpload(upload.upload, frame, version, decision.id)

    def refresh(
        self, connection: Connection
    ) -> Iterator[tuple[str, list[ComputedWindow] | MetricOverflow]]:
        """Compute the metric windows that the ledger has left behind."""
        return refresh_metrics(connection, self.register, self.schema)
