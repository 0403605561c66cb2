"""The bytes of a file, expanded where it is compressed, and never more of them than allowed."""

from __future__ import annotations

import errno
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Literal, Protocol, cast

import pyarrow as pa

from usage_pipeline.reading.located_error import LocatedError, UnreadableFile, clip
from usage_pipeline.schema import CsvOptions

Compression = Literal["gzip", "zstd", "zip"]

#: No text begins like that, whatever its name says. A zstd file may begin with a skippable frame.
_MAGIC: tuple[tuple[Compression, re.Pattern[bytes]], ...] = (
    ("gzip", re.compile(rb"\x1f\x8b")),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),
    ("zip", re.compile(rb"PK(?:\x03\x04|\x05\x06)")),
)
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_ZSTD_HEAD, _ZSTD_CHECKSUM = 9, 0b100
_ZIP_END, _ZIP_END_SIZE = b"PK\x05\x06", 22
#: Others that zipfile knows expand without bound what they were given at once.
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Up to this size nothing is a bomb: a short file of equal lines may well shrink to nothing.
_HARMLESS = 10**6
_AGAIN = "Fetch the file again, or save it uncompressed."


class _Readable(Protocol):
    def readinto(self, buffer: memoryview, /) -> int: ...


class Source:
    """A file's bytes as if it had never been compressed; `size` is that of the file itself."""

    def __init__(
        self,
        file: _Readable,
        compression: Compression | None,
        size: int,
        options: CsvOptions,
        raw: FileIO,
    ) -> None:
        self.compression = compression
        self.size = size
        self._file = file
        self._raw = raw
        self._options = options
        self._most = (
            size
            if compression is None
            else min(options.max_expanded_size, max(_HARMLESS, size * options.max_ratio))
        )
        self._given = 0

    @property
    def position(self) -> int:
        """How many bytes of the file itself have been read, compressed or not."""
        return min(self._raw.tell(), self.size)

    def fill(self, view: memoryview) -> int:
        """Fill `view` and return how many bytes that took: fewer only where the file ends.

        Raises:
            UnreadableFile: compression-error, or file-too-large as soon as too much came out.
        """
        filled = 0
        while filled < len(view):
            count = self._read(view[filled:])
            if not count:
                break
            filled += count
            self._given += count
            if self.compression is not None and self._given > self._most:
                raise UnreadableFile(self._too_much())
        return filled

    def _read(self, view: memoryview) -> int:
        try:
            return self._file.readinto(view)
        except Exception as error:
            if self.compression is None or not _is_of_data(error):
                raise
            message = (
                f"The {self.compression} data is damaged or cut, not before byte {self._given:,} "
                f"of what it expands to: {error}. {_AGAIN}"
            )
            raise UnreadableFile(LocatedError("compression-error", message)) from None

    def _too_much(self) -> LocatedError:
        limit = self._options.max_expanded_size
        if self._most == limit:
            message = (
                f"The file expands to more than {limit:,} bytes (csv.max_expanded_size). "
                "Split it, or raise the limit in the schema."
            )
            return LocatedError("file-too-large", message)
        message = (
            f"The file expands to more than {self._options.max_ratio:,} times its {self.size:,} "
            "bytes (csv.max_ratio), as files do that are made to fill a disk. Raise the limit in "
            "the schema if it is meant."
        )
        return LocatedError("compression-error", message)


@contextmanager
def open_source(path: Path, options: CsvOptions) -> Iterator[Source]:
    """Open a plain, gzip, zstd or zip file; what it begins with tells which, not its name.

    Raises:
        UnreadableFile: file-too-large, or compression-error for a zip that holds not just one
            file that can be expanded.
        OSError: it cannot be opened.
    """
    with ExitStack() as opened:
        file = opened.enter_context(path.open("rb", buffering=0))
        size = os.fstat(file.fileno()).st_size
        if reason := options.too_large(size):
            raise UnreadableFile(LocatedError("file-too-large", reason))
        compression = compression_of(file.read(4))
        file.seek(0)
        yield Source(_expanded(file, compression, opened), compression, size, options, file)


def compression_of(head: bytes) -> Compression | None:
    """What a file is compressed by, told from its first four bytes."""
    return next((name for name, magic in _MAGIC if magic.match(head)), None)


def _expanded(file: FileIO, compression: Compression | None, opened: ExitStack) -> _Readable:
    if compression is None:
        return file
    if compression == "zip":
        return _member(file, opened)
    compressed = pa.PythonFile(file, mode="r")
    stream: _Readable = opened.enter_context(pa.CompressedInputStream(compressed, compression))
    return stream


def _member(file: FileIO, opened: ExitStack) -> _Readable:
    """The one file in a zip archive; its path in there is nobody's business."""
    try:
        archive = opened.enter_context(zipfile.ZipFile(file))
        # macOS adds a folder of its own with what its Finder knows of each file.
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        if problem := _wrong_members(members) or _wrong_bounds(archive, file):
            raise UnreadableFile(LocatedError("compression-error", problem))
        return cast(_Readable, opened.enter_context(archive.open(members[0])))
    except Exception as error:
        if isinstance(error, UnreadableFile) or not _is_of_data(error):
            raise
        message = f"The zip archive is damaged or cut: {error}. {_AGAIN}"
        raise UnreadableFile(LocatedError("compression-error", message)) from None


def _wrong_members(members: list[zipfile.ZipInfo]) -> str | None:
    names = [member.filename for member in members]
    if "[Content_Types].xml" in names:
        return "The file is a workbook (.xlsx), not a CSV file. Save the sheet as CSV in UTF-8."
    if len(members) != 1:
        shown = ", ".join(clip(name, 40) for name in names[:3]) or "none"
        return f"The zip archive holds {len(members)} files ({shown}); it must hold just one."
    if members[0].flag_bits & 1:
        return "The zip archive is encrypted. Save the file without a password."
    if members[0].compress_type not in _ZIP_METHODS:
        return "The zip archive is packed in an unusual way. Save the file as .zip, .gz or plain."
    return None


def _wrong_bounds(archive: zipfile.ZipFile, file: FileIO) -> str | None:
    # An archive is found from its end: of two, one behind the other, the first would go unseen.
    first = min(member.header_offset for member in archive.infolist())
    end_record = _ZIP_END_SIZE + len(archive.comment)
    file.seek(-end_record, os.SEEK_END)
    if first == 0 and file.read(len(_ZIP_END)) == _ZIP_END:
        return None
    return f"There is more in the file than one zip archive. {_AGAIN}"


def _is_of_data(error: Exception) -> bool:
    """Whether an error comes of damaged data; on such, zipfile raises whatever it stumbles into."""
    if isinstance(error, OSError):
        return error.errno in (None, errno.EINVAL)
    return not isinstance(error, MemoryError)


def lacks_checksum(path: Path) -> bool:
    """Whether a file is zstd whose first frame has no checksum, so that damage may go unseen."""
    with path.open("rb") as file:
        head = file.read(_ZSTD_HEAD)
        while _SKIPPABLE.match(head) and len(head) == _ZSTD_HEAD:
            file.seek(int.from_bytes(head[4:8], "little") + 8 - _ZSTD_HEAD, os.SEEK_CUR)
            head = file.read(_ZSTD_HEAD)
    return compression_of(head) == "zstd" and len(head) > 4 and not head[4] & _ZSTD_CHECKSUM
