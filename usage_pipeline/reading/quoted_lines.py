"""Lines of a file, found again to be shown beside what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from usage_pipeline.reading.dialect import Header
from usage_pipeline.reading.located_error import UnreadableFile
from usage_pipeline.reading.reader import raw_records
from usage_pipeline.reading.text import open_text
from usage_pipeline.schema import CsvOptions

_CHUNK = 1 << 20
#: So much is kept of a line that cannot be read as a record.
_LONGEST_LINE = 64 << 10


def quoted_lines(
    path: Path, header: Header | None, lines: Collection[int], options: CsvOptions
) -> Iterator[tuple[int, str, bool]]:
    """The text on some lines of a file: (line, text, whether it is a record), by line.

    Records where the file can be read, otherwise physical lines, cut at 64 KB; nothing where there
    is nothing to be had. Bytes that are no text are shown as `\\xe9`.
    """
    wanted = set(lines)
    if header is not None and wanted:
        try:
            for line, record in raw_records(path, header, wanted, options):
                wanted.discard(line)
                yield line, _text(record), True
        except ValueError:
            return  # on what is left no record starts: a blank line, for one
        except (UnreadableFile, OSError):
            pass
    for line, content in _physical_lines(path, wanted, options):
        yield line, _text(content), False


def _text(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace")


def _physical_lines(
    path: Path, lines: Collection[int], options: CsvOptions
) -> Iterator[tuple[int, bytes]]:
    """The first bytes of some physical lines, as far as the file can be read."""
    wanted, line, last = set(lines), 1, bytearray()
    block, carried = bytearray(_CHUNK), b""
    try:
        with open_text(path, options) as text, memoryview(block) as view:
            while wanted:
                size = text.fill(view)
                ended = size < len(block)
                content = carried + view[:size]
                # Whether a line feed follows a return at the end is for the next chunk to say.
                carried = b"\r" if content.endswith(b"\r") and not ended else b""
                content = content[: len(content) - len(carried)]
                content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                at, count = 0, content.count(b"\n")
                if not any(line <= one <= line + count for one in wanted):
                    line, last = line + count, bytearray()
                    at = len(content)
                while (end := content.find(b"\n", at)) >= 0:
                    if line in wanted:
                        wanted.remove(line)
                        yield line, bytes(last + content[at : min(end, at + _LONGEST_LINE)])
                    line, last, at = line + 1, bytearray(), end + 1
                last += content[at : at + _LONGEST_LINE - len(last)]
                if ended:
                    break
            if line in wanted:
                yield line, bytes(last)
    except (UnreadableFile, OSError):
        return
