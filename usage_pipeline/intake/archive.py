"""The archive: the bytes of every upload, kept once and never changed."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.intake.identity import shown_name
from usage_pipeline.intake.look import Look
from usage_pipeline.schema import CsvOptions

BLOCK = 8 << 20
STAGED_SECONDS = 3600.0


class NotAFile(ValueError):
    """What was handed in is no regular file, or is not there."""


class TooLarge(ValueError):
    """A file that is larger than its schema allows; nothing of it was taken."""


def read_in_blocks(file: BinaryIO) -> Iterator[bytes]:
    """The file's bytes, 8 MB at a time."""
    while block := file.read(BLOCK):
        yield block


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's bytes, safe in the archive's staging place, and what they are."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """Files per upload: the bytes, and per schema version the mapped frame and the errors."""

    folder: DataFolder

    def home(self, schema: str, upload: str) -> Path:
        return self.folder.uploads / schema / upload

    def original(self, schema: str, upload: str) -> Path:
        return self.home(schema, upload) / "original.csv"

    def mapped(self, schema: str, upload: str, schema_version: str) -> Path:
        return self.home(schema, upload) / f"mapped-{schema_version}.parquet"

    def errors(self, schema: str, upload: str, schema_version: str) -> Path:
        return self.home(schema, upload) / f"errors-{schema_version}.parquet"

    @property
    def _staging(self) -> Path:
        return self.folder.uploads / ".staging"

    def sweep(self) -> None:
        """Remove copies that a killed process left unfinished; nobody reads them."""
        if not self._staging.exists():
            return
        with os.scandir(self._staging) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    # One that is at work has written to its copy within the hour.
                    if time.time() - entry.stat().st_mtime > STAGED_SECONDS:
                        Path(entry.path).unlink()

    @contextmanager
    def stage(
        self, source: Path, csv: CsvOptions, look: Look | None = None
    ) -> Iterator[StoredFile]:
        """Copy `source` into the archive's file system, hashing on the way; gone afterwards.

        Args:
            csv: says how large it may be.
            look: what it must look like, before and after.

        Raises:
            TooLarge: it is larger than that; not a byte was copied.
            NotAFile: it is missing, a directory, a link, a device, cannot be read, or changed
                while it was read.
        """
        self._staging.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._staging)
        copy = Path(name)
        try:
            with os.fdopen(handle, "wb") as target, _open_regular(source) as file:
                before = look or Look.of(os.fstat(file.fileno()))
                refuse_oversize(source, before.size, csv)
                digest = hashlib.sha256()
                for block in _blocks_of(source, file):
                    digest.update(block)
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
                after = Look.of(os.fstat(file.fileno()))
            if before != after or copy.stat().st_size != after.size:
                raise NotAFile(f"{_shown(source)} changed while it was read; try again later")
            yield StoredFile(copy, digest.hexdigest(), after.size)
        finally:
            copy.unlink(missing_ok=True)

    def keep(self, stored: StoredFile, schema: str, upload: str) -> Path:
        """Give the staged bytes their place for ever; bytes that are there already stay."""
        place = self.original(schema, upload)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            stored.path.chmod(0o444)
            # The staged copy is synced, so the name can only ever stand for the whole file.
            stored.path.replace(place)
            for folder in (place.parent, place.parent.parent, self.folder.uploads):
                _sync_folder(folder)
        return place


def refuse_oversize(path: Path, size: int, csv: CsvOptions) -> None:
    """Raise TooLarge where a schema takes no file of `size` bytes."""
    if reason := csv.too_large(size):
        raise TooLarge(f"{_shown(path)}: {reason}")


def write_then_rename(target: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file beside `target`, then give it the name in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.suffix)
    os.close(handle)
    unfinished = Path(name)
    try:
        write(unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
        _sync_folder(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _open_regular(path: Path) -> BinaryIO:
    try:
        # Not following links, not waiting for the writer of a pipe: both are left alone.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotAFile(f"There is no file {_shown(path)}") from None
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise NotAFile(f"Cannot read {_shown(path)}: {reason}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotAFile(f"{_shown(path)} is not a file")
    return os.fdopen(handle, "rb")


def _shown(path: Path) -> str:
    return shown_name(str(path))


def _blocks_of(path: Path, file: BinaryIO) -> Iterator[bytes]:
    # The source's trouble is told apart from the archive's: a full disk is nobody's bad file.
    try:
        yield from read_in_blocks(file)
    except OSError as error:
        raise NotAFile(f"Cannot read {_shown(path)}: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
