"""The text of a file as UTF-8, whatever it was written in."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.reading.encoding import (
    MARK_SIZE,
    Misencoding,
    Utf8Watch,
    marked_encoding,
    one_byte_each,
    plain_name,
)
from usage_pipeline.reading.located_error import LocatedError, UnreadableFile
from usage_pipeline.reading.source import Compression, Source, compression_of, open_source
from usage_pipeline.schema import CsvOptions

_CHUNK = 1 << 20


class Text:
    """The bytes of a source that is UTF-8 already, without its byte order mark.

    encoding: what the file is written in.
    mark: how many bytes of the file the mark takes.
    fault: the first byte that is no text in `encoding`, found while decoding; its place is counted
        in the file, and the text ends before it. None for UTF-8, which is not decoded here.
    """

    fault: Misencoding | None = None

    def __init__(self, source: Source, encoding: str, head: bytes, mark: int) -> None:
        self.encoding = encoding
        self.mark = mark
        self._source = source
        self._ready = bytearray(head[mark:])

    @property
    def compression(self) -> Compression | None:
        return self._source.compression

    @property
    def size(self) -> int | None:
        """How many bytes there are, the mark included, where that is known before."""
        return self._source.size if self.compression is None else None

    @property
    def position(self) -> int:
        """How many bytes of the file itself have been read."""
        return self._source.position

    def fill(self, view: memoryview) -> int:
        """Fill `view` with UTF-8 and return how many bytes that took: fewer only at the end."""
        count = self._take(view)
        return count + self._source.fill(view[count:])

    def _take(self, view: memoryview) -> int:
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        del self._ready[:count]
        return count


class DecodedText(Text):
    """The text of a source in another encoding."""

    def __init__(self, source: Source, encoding: str, head: bytes, mark: int) -> None:
        super().__init__(source, encoding, b"", 0)
        self.mark = mark
        self._raw = head[mark:]
        self._codec = codecs.lookup(encoding)
        assert self._codec.incrementaldecoder is not None
        self._decoder = self._codec.incrementaldecoder("strict")
        self._fed = mark
        self._ended = False
        self._utf8 = Utf8Watch(mark) if one_byte_each(encoding) else None

    @property
    def size(self) -> None:
        return None

    def fill(self, view: memoryview) -> int:
        while len(self._ready) < len(view) and not self._ended:
            self._ready += self._decode(self._next_bytes()).encode("utf-8")
            if self._ended and self._utf8 is not None and self._utf8.is_certain:
                raise UnreadableFile(self._utf8.error(self.encoding))
        return self._take(view)

    def _next_bytes(self) -> bytes:
        block = bytearray(_CHUNK)
        kept = len(self._raw)
        block[:kept], self._raw = self._raw, b""
        with memoryview(block) as view:
            size = kept + self._source.fill(view[kept:])
        self._ended = size < len(block)
        raw = bytes(block[:size])
        if self._utf8 is not None:
            self._utf8.see(raw, self._ended)
        return raw

    def _decode(self, raw: bytes) -> str:
        """The text of the next bytes, up to the first that is none."""
        before = self._decoder.getstate()
        held_back = len(before[0])
        begin = self._fed - held_back
        self._fed += len(raw)
        try:
            return self._before_nul(self._decoder.decode(raw, self._ended), begin)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            self._stop(begin + error.start, f"byte 0x{byte:02X} is not {self.encoding} text")
            self._decoder.setstate(before)
            sound = raw[: max(0, error.start - held_back)]
            return self._before_nul(self._decoder.decode(sound), begin)

    def _before_nul(self, text: str, begin: int) -> str:
        nul = text.find("\0")
        if nul < 0:
            return text
        size = len(self._codec.encode(text[:nul])[0])
        self._stop(begin + size, "NUL character (binary data, or another encoding)")
        return text[:nul]

    def _stop(self, at: int, reason: str) -> None:
        self.fault = Misencoding(at, reason)
        self._ended = True


@contextmanager
def open_text(path: Path, options: CsvOptions) -> Iterator[Text]:
    """Open a file for reading as UTF-8.

    A byte order mark says more than the schema: what begins with one of UTF-8 is no cp1252,
    whatever was agreed.

    Raises:
        UnreadableFile: see `open_source`; or encoding-error for UTF-32 that nobody named.
        OSError: the file cannot be opened.
    """
    with open_source(path, options) as source:
        head = bytearray(MARK_SIZE)
        with memoryview(head) as view:
            size = source.fill(view)
        start = bytes(head[:size])
        if source.compression is not None and compression_of(start) is not None:
            message = "The file is compressed twice over. Save it compressed once, or plain."
            raise UnreadableFile(LocatedError("compression-error", message))
        marked, mark = marked_encoding(start, options.encoding)
        encoding = marked or plain_name(options.encoding)
        kind = Text if encoding == "UTF-8" else DecodedText
        yield kind(source, encoding, start, mark)


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a file is written, and its first bytes as UTF-8."""

    encoding: str
    compression: Compression | None
    content: bytes


def beginning_of(path: Path, options: CsvOptions, size: int) -> Beginning:
    """The first `size` bytes of a file's text, fewer where it ends or stops being text.

    Raises what `open_text` raises.
    """
    content = bytearray(size)
    with open_text(path, options) as text, memoryview(content) as view:
        filled = text.fill(view)
        return Beginning(text.encoding, text.compression, bytes(view[:filled]))
