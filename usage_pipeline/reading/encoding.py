"""UTF-8, checked byte for byte."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from usage_pipeline.reading.located_error import LocatedError, UnreadableFile

MARK = b"\xef\xbb\xbf"
_SAVE_AS = "Save the file as UTF-8 and drop it again."


@dataclass(frozen=True, slots=True)
class Misencoding:
    """The first byte that is not UTF-8 text, and why."""

    at: int
    reason: str


def mark_size(head: bytes) -> int:
    """The length of the UTF-8 byte order mark at the start of a file, 0 without one."""
    return len(MARK) if head.startswith(MARK) else 0


def check_mark(head: bytes) -> None:
    """Raise UnreadableFile (encoding-error) if the file says that it is UTF-16 or UTF-32."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        name = "UTF-32" if head == b"\xff\xfe\x00\x00" else "UTF-16"
        message = f"The file is written in {name} (byte order mark at its start). {_SAVE_AS}"
        raise UnreadableFile(LocatedError("encoding-error", message, line=1))


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
