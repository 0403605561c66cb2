"""Which encoding a file is in, and UTF-8 checked byte for byte."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from usage_pipeline.reading.located_error import LocatedError, UnreadableFile

MARK = codecs.BOM_UTF8
#: The longest byte order mark there is.
MARK_SIZE = 4
_LINE_END = re.compile(rb"\r\n|\r|\n")
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


def one_byte_each(encoding: str) -> bool:
    """Whether each byte is a character in an encoding, as in cp1252 and its like."""
    return len(bytes(range(256)).decode(encoding, "replace")) == 256


class Utf8Watch:
    """Looks whether a file that is read as cp1252, say, is UTF-8 in truth: then each `ü` would be
    read as `Ã¼`, and no byte would be wrong.
    """

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._line = 1
        self._first: tuple[int, int] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._valid = True
        self._ended_in_return = False

    @property
    def is_certain(self) -> bool:
        """All that has been seen is UTF-8, and some of it more than ASCII."""
        return self._valid and self._first is not None

    def see(self, raw: bytes, final: bool) -> None:
        """The next bytes of the file; `final` where it ends behind them."""
        if not self._valid:
            return
        try:
            self._decoder.decode(raw, final)
        except UnicodeDecodeError:
            self._valid = False
            return
        if self._first is None:
            self._look_for_first(raw)

    def error(self, encoding: str) -> LocatedError:
        """What is wrong with the file, read as `encoding`."""
        assert self._first is not None
        offset, line = self._first
        message = (
            f"The schema says {encoding}, but the file is UTF-8: all of its characters beyond "
            f"ASCII are, the first at byte offset {offset}, line {line}. Save it as {encoding}, or "
            "put a byte order mark before it."
        )
        return LocatedError("encoding-error", message, line)

    def _look_for_first(self, raw: bytes) -> None:
        beyond = np.flatnonzero(np.frombuffer(raw, np.uint8) >= 0x80)
        ascii_part = raw[: int(beyond[0])] if beyond.size else raw
        # The LF of a CRLF that the last bytes broke was counted with its CR.
        broken = self._ended_in_return and raw.startswith(b"\n")
        line = self._line + len(_LINE_END.findall(ascii_part)) - broken
        if beyond.size:
            self._first = self._offset + len(ascii_part), line
        self._line, self._offset = line, self._offset + len(raw)
        self._ended_in_return = raw.endswith(b"\r")


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
