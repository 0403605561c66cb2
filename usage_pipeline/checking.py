"""Files are mapped, checked, and held against what is known of them and against the ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from usage_pipeline.comparing import Comparison, batches
from usage_pipeline.data_folder import DataFolder, folder_for_a_while
from usage_pipeline.intake import Archive, shown_name
from usage_pipeline.intake.notes import name_with_ending
from usage_pipeline.mapping.customers import load_customers
from usage_pipeline.mapping.frame import write_valid_rows
from usage_pipeline.mapping.map_files import SourceFile, map_files
from usage_pipeline.provenance import Provenance, provenance_of, with_origin
from usage_pipeline.reading import Advance, Progress
from usage_pipeline.register import Register, Upload
from usage_pipeline.schema import EventSchema, schema_version
from usage_pipeline.schema.rules import row_rules
from usage_pipeline.validation.check_files import CheckedFile, check_files
from usage_pipeline.validation.findings import write_error_file
from usage_pipeline.validation.suite import SuiteRunner
from usage_pipeline.warehouse import scratch_connection
from usage_pipeline.warehouse.connection import Connection


class DecidedAlready(Exception):
    """An upload's reading is decided on, and reading it again could give another one."""


@dataclass(frozen=True, slots=True)
class Checking:
    """One schema's checks, on uploads and on files anywhere.

    look: raises what keeps the ledger from being read. progress: is told how far the work is.
    """

    schema: EventSchema
    folder: DataFolder
    suite: SuiteRunner
    look: Callable[[Connection], object]
    progress: Progress

    def check(
        self, uploads: Iterable[Upload], archive: Archive, register: Register
    ) -> Iterator[tuple[Upload, CheckedFile | Exception]]:
        """Map and check uploads; stores their frames and error files, and no verdict.

        Each comes with the exception where it could not be worked on.
        """
        comparison = Comparison(self.schema, self.folder, self.look)
        # One by one where nothing is compared: each verdict is known as soon as it can be.
        groups = (
            batches(uploads, lambda one: one.size)
            if comparison.wanted
            else ([one] for one in uploads)
        )
        with scratch_connection(self.folder) as connection:
            for group in groups:
                yield from self._check(group, archive, register, connection, comparison)

    def _check(
        self,
        uploads: Sequence[Upload],
        archive: Archive,
        register: Register,
        connection: Connection,
        comparison: Comparison,
    ) -> Iterator[tuple[Upload, CheckedFile | Exception]]:
        found: dict[str, CheckedFile | Exception] = {}
        for upload in uploads:
            try:
                found[upload.upload] = self._checked_alone(upload, archive, register, connection)
            except Exception as error:
                found[upload.upload] = error
        whole = [(key, one) for key, one in found.items() if isinstance(one, CheckedFile)]
        for (key, before), compared in zip(
            whole, self._compare(comparison, whole, connection), strict=True
        ):
            found[key] = compared
            if isinstance(compared, CheckedFile) and compared.findings != before.findings:
                version = compared.verdict.schema_version
                target = archive.errors(self.schema.name, key, version)
                write_error_file(compared.findings, self.schema, target)
        for upload in uploads:
            yield upload, found[upload.upload]

    def _checked_alone(
        self, upload: Upload, archive: Archive, register: Register, connection: Connection
    ) -> CheckedFile:
        original = archive.original(upload.schema, upload.upload)
        known = provenance_of(original, self.schema, register, upload)
        self._leave_what_is_decided(upload, known, archive, register)
        if known.is_news_of(upload):
            upload = register.mappings.take_over(
                upload, known.chosen, known.fix_of, known.by, known.why
            )
        checked = self._mapped(upload, known, archive, connection)
        judged = checked if upload.place is not None else with_origin(checked, known)
        if judged is not checked:
            version = judged.verdict.schema_version
            target = archive.errors(upload.schema, upload.upload, version)
            write_error_file(judged.findings, self.schema, target)
        return judged

    def _leave_what_is_decided(
        self, upload: Upload, known: Provenance, archive: Archive, register: Register
    ) -> None:
        """The list of customers is of today: what it let in once must not be judged by it again."""
        if self.schema.customers is None or upload.decision is None:
            return
        version = schema_version(self.schema, known.chosen)
        verdict = register.verdict(upload, version)
        frame = archive.mapped(self.schema.name, upload.upload, version)
        if verdict is not None and verdict.passed and frame.exists():
            raise DecidedAlready(
                f"{upload.upload} is decided on as it was read; the list of customers may have "
                "changed since, so it is not read again."
            )

    def map_again(
        self, upload: Upload, archive: Archive, register: Register, connection: Connection
    ) -> CheckedFile:
        """Map and check an upload by today's schema, beside the ledger; stores frame and errors."""
        original = archive.original(upload.schema, upload.upload)
        known = provenance_of(original, self.schema, register, upload)
        return self._mapped(upload, known, archive, connection)

    def _mapped(
        self, upload: Upload, known: Provenance, archive: Archive, connection: Connection
    ) -> CheckedFile:
        key = self.schema.name, upload.upload
        version = schema_version(self.schema, known.chosen)
        [checked] = self._checked(
            [known.source(archive.original(*key), upload.file_name, upload.received_at)],
            connection,
            frame=lambda _: archive.mapped(*key, version),
            errors=lambda _: archive.errors(*key, version),
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

    def _compare(
        self,
        comparison: Comparison,
        files: Sequence[tuple[str, CheckedFile]],
        connection: Connection,
        *folders: Path,
    ) -> list[CheckedFile | Exception]:
        if comparison.wanted and files:
            key, first = files[0]
            what = key or first.mapped.source.file_name
            size = sum(one.mapped.size for _, one in files)
            rows = sum(one.mapped.lines or 0 for _, one in files)
            self.progress(Advance(what, "comparing with what is there", size, size, rows))
        return comparison.compare(files, connection, *folders)

    def dry_run(
        self,
        files: Sequence[Path],
        register: Register | None,
        max_errors: int,
        frames: Path | None = None,
    ) -> Iterator[CheckedFile]:
        """Everything up to the verdict, on files anywhere; nothing of it is stored.

        Each file is held against the ledger as it stands, not against the files before it.

        Args:
            register: None where there is none yet; it is not made.
            frames: folder in which each passed file leaves its valid rows, `<file name>.parquet`.
        """
        comparison = Comparison(self.schema, self.folder, self.look, everything=True)
        readable = [] if frames is None else [frames]
        with (
            folder_for_a_while(self.folder.scratch),
            tempfile.TemporaryDirectory(dir=self.folder.scratch) as name,
            scratch_connection(self.folder, work := Path(name), *readable) as connection,
        ):
            now = datetime.now(UTC)
            for group in batches(files, lambda one: one.stat().st_size):
                known = [provenance_of(path, self.schema, register) for path in group]
                sources = [
                    one.source(path, shown_name(path.name), now)
                    for path, one in zip(group, known, strict=True)
                ]
                numbers = {path: number for number, path in enumerate(group)}
                found = self._checked(
                    sources,
                    connection,
                    frame=partial(_numbered, work, numbers),
                    errors=lambda _: work / "errors.parquet",
                    max_errors=max_errors,
                    progress=self.progress,
                )
                alone = [
                    ("", with_origin(checked, one))
                    for checked, one in zip(found, known, strict=True)
                ]
                for checked in self._compare(comparison, alone, connection, work):
                    if isinstance(checked, Exception):
                        raise checked
                    if frames is not None and checked.verdict.passed:
                        target = frames / name_with_ending(
                            checked.mapped.source.file_name, ".parquet"
                        )
                        assert checked.mapped.frame is not None
                        write_valid_rows(connection, checked.mapped.frame, self.schema, target)
                    yield checked


def _numbered(folder: Path, numbers: Mapping[Path, int], source: SourceFile) -> Path:
    return folder / f"{numbers[source.path]}.parquet"
