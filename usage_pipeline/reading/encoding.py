"""Which encoding a file is in, and UTF-8 checked byte for byte."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from usage_pipeline.reading.located_error import LocatedError, UnreadableFile

MARK = codecs.BOM_UTF8
#: The longest byte order mark there is.
MARK_SIZE = 4
_MARKS = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF32_LE: "UTF-32-LE",
    codecs.BOM_UTF32_BE: "UTF-32-BE",
    codecs.BOM_UTF16_LE: "UTF-16-LE",
    codecs.BOM_UTF16_BE: "UTF-16-BE",
}
#: What a file without a mark is in, where the name leaves the order of bytes open.
_UNMARKED = {"auto": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16-LE", "utf-32": "UTF-32-LE"}


@dataclass(frozen=True, slots=True)
class Misencoding:
    """The first byte that is no text in the file's encoding, and why."""

    at: int
    reason: str


def plain_name(encoding: str) -> str:
    """What the schema calls an encoding, as it is called here: `UTF-8`, `CP1252`."""
    known = encoding if encoding == "auto" else codecs.lookup(encoding).name
    return _UNMARKED.get(known, known.upper())


def marked_encoding(head: bytes, named: str) -> tuple[str | None, int]:
    """The encoding that a byte order mark names, and the mark's size; (None, 0) without one.

    Raises:
        UnreadableFile: encoding-error for UTF-32, unless it is `named`.
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            # A NUL as the first character of UTF-16 is more likely than UTF-32; both are refused.
            if encoding.startswith("UTF-32") and not plain_name(named).startswith("UTF-32"):
                message = (
                    "The file is written in UTF-32 (byte order mark at its start). "
                    "Save it as UTF-8 and drop it again."
                )
                raise UnreadableFile(LocatedError("encoding-error", message, line=1))
            return encoding, len(mark)
    return None, 0


def find_misencoding(data: bytearray, size: int, *, may_go_on: bool) -> Misencoding | None:
    """The first byte of `data[:size]` that is NUL or no UTF-8.

    With `may_go_on` a character cut off by `size` is no fault.
    """
    nul = data.find(b"\0", 0, size)
    checked = size if nul < 0 else nul
    with memoryview(data) as view, view[:checked] as part:
        if not _is_utf8(part):
            try:
                str(part, "utf-8")
            except UnicodeDecodeError as error:
                cut = error.reason == "unexpected end of data" and nul < 0
                if not (cut and may_go_on):
                    byte = data[error.start]
                    return Misencoding(error.start, f"byte 0x{byte:02X} is not UTF-8 text")
    return None if nul < 0 else Misencoding(nul, "NUL byte (binary data, or UTF-16)")


def _is_utf8(part: memoryview) -> bool:
    """As str(part, "utf-8") would say, several times as fast."""
    bounds = pa.py_buffer(np.array([0, len(part)], np.int64))
    text = pa.LargeStringArray.from_buffers(1, bounds, pa.py_buffer(part))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
