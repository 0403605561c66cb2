"""The archive: the bytes of every upload, kept once and never changed."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from usage_pipeline.data_folder import DataFolder

BLOCK = 8 << 20


class NotAFile(ValueError):
    """What was handed in is no regular file, or is not there."""


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

    @contextmanager
    def stage(self, source: Path) -> Iterator[StoredFile]:
        """Copy `source` into the archive's file system, hashing on the way; gone afterwards.

        Raises:
            NotAFile: it is missing, a directory, a link, a device, or changed while it was read.
        """
        staging = self.folder.uploads / ".staging"
        staging.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=staging)
        copy = Path(name)
        try:
            with os.fdopen(handle, "wb") as target, _open_regular(source) as file:
                before = os.fstat(file.fileno())
                digest = hashlib.sha256()
                for block in read_in_blocks(file):
                    digest.update(block)
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
                after = os.fstat(file.fileno())
            if _changed(before, after) or copy.stat().st_size != after.st_size:
                raise NotAFile(f"{source} changed while it was read; try again when it is complete")
            yield StoredFile(copy, digest.hexdigest(), after.st_size)
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
        raise NotAFile(f"There is no file {path}") from None
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise NotAFile(f"Cannot read {path}: {reason}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotAFile(f"{path} is not a file")
    return os.fdopen(handle, "rb")


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
