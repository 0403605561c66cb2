"""Checked files are held against the ledger, many of them at one opening of the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import duckdb

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.ledger import LedgerLost, LedgerShapeChanged
from usage_pipeline.ledger.preview import conflicts_with_ledger, held_against
from usage_pipeline.ledger.profile import beside_ledger
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.check_files import CheckedFile, first_of_each, with_conflicts
from usage_pipeline.validation.profile import Profile
from usage_pipeline.warehouse import Warehouse, WarehouseBusy
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.lock import wait_seconds

#: Opening the warehouse costs as much as holding some small files against it.
FILES_AT_ONCE = 50
#: A larger file is mapped and compared alone, so that the verdicts of others do not wait for it.
BYTES_AT_ONCE = 64 << 20
#: Numbers that a person may do without are not worth a long wait.
PATIENCE = 10.0

_UNREADABLE = (LedgerShapeChanged, LedgerLost, OSError, duckdb.Error)

One = TypeVar("One")


def batches(items: Iterable[One], size: Callable[[One], int]) -> Iterator[list[One]]:
    """Items in order, in groups that are compared together."""
    group: list[One] = []
    total = 0
    for item in items:
        weight = size(item)
        if group and (len(group) == FILES_AT_ONCE or total + weight > BYTES_AT_ONCE):
            yield group
            group, total = [], 0
        group.append(item)
        total += weight
    if group:
        yield group


@dataclass
class Comparison:
    """Holds checked files against one schema's ledger, and changes nothing of it.

    look: raises what keeps the ledger from being read. everything: also files that failed, which
    nobody has to decide on.
    """

    schema: EventSchema
    folder: DataFolder
    look: Callable[[Connection], object]
    everything: bool = False
    _busy: bool = False

    @property
    def needed(self) -> bool:
        """Whether the verdict depends on the ledger; the ledger decides again in the end."""
        return self.schema.policy == "refuse"

    @property
    def wanted(self) -> bool:
        """Whether anybody wants to know before the rows go in."""
        return self.needed or self.everything or self.schema.confirm == "manual"

    def compare(
        self, files: Sequence[tuple[str, CheckedFile]], scratch: Connection, *folders: Path
    ) -> list[CheckedFile | Exception]:
        """Each file with what its rows would bring, one for one.

        Under `on_duplicate: refuse` with its conflicts too, and with the exception where it cannot
        be held against the ledger; otherwise its profile says why not.

        Args:
            files: each with the key of its upload, empty where it is none.
            scratch: stands for a warehouse that does not exist.
            folders: where frames lie outside of the archive.
        """
        done: list[CheckedFile | Exception] = []
        if not self.wanted or not any(self._concerns(checked) for _, checked in files):
            return [checked for _, checked in files]
        try:
            with self._ledger(scratch, *folders) as connection:
                self.look(connection)
                for upload, checked in files:
                    done.append(self._compare(connection, upload, checked))
        except (WarehouseBusy, *_UNREADABLE) as error:
            self._busy = self._busy or isinstance(error, WarehouseBusy)
            done += [self._not_compared(checked, error) for _, checked in files[len(done) :]]
        return done

    def _concerns(self, checked: CheckedFile) -> bool:
        failed = not checked.verdict.passed and not self.everything and not self.needed
        return checked.mapped.frame is not None and not failed

    @contextmanager
    def _ledger(self, scratch: Connection, *folders: Path) -> Iterator[Connection]:
        if not self.folder.warehouse.exists():
            yield scratch
            return
        wait = wait_seconds() if self.needed else min(PATIENCE, wait_seconds())
        # Who held it a moment ago would have every group of a large run wait once more.
        with Warehouse(self.folder).open(*folders, wait=0 if self._busy else wait) as connection:
            yield connection

    def _compare(
        self, connection: Connection, upload: str, checked: CheckedFile
    ) -> CheckedFile | Exception:
        frame, profile = checked.mapped.frame, checked.profile
        if frame is None or profile is None or not self._concerns(checked):
            return checked
        most, mapping = self.schema.csv.max_errors, checked.verdict.mapping
        try:
            with held_against(connection, self.schema, upload, frame) as place:
                beside = beside_ledger(connection, self.schema, place, profile.in_file)
                count, errors = (
                    conflicts_with_ledger(connection, self.schema, mapping, most)
                    if self.needed
                    else (0, [])
                )
        except _UNREADABLE as error:
            return self._not_compared(checked, error)
        compared = replace(checked, profile=Profile(profile.in_file, beside))
        if not count:
            return compared
        return replace(
            compared,
            verdict=with_conflicts(checked.verdict, count),
            findings=tuple(first_of_each([*checked.findings, *errors], self.schema, most)),
        )

    def _not_compared(self, checked: CheckedFile, error: Exception) -> CheckedFile | Exception:
        if not self._concerns(checked) or checked.profile is None:
            return checked
        if self.needed:
            return error
        return replace(checked, profile=replace(checked.profile, not_compared=str(error)))
