"""A file as blocks of complete, verified records."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from usage_pipeline.reading.encoding import find_misencoding
from usage_pipeline.reading.located_error import UnreadableFile
from usage_pipeline.reading.refusals import (
    Place,
    doubtful_record,
    misencoded,
    oversized,
    stray_quote,
    unclosed_quote,
)
from usage_pipeline.reading.structure import Structure, scan
from usage_pipeline.reading.text import Text, open_text
from usage_pipeline.schema import CsvOptions

BLOCK_SIZE = 8 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file, from the start of a record, and the complete records in them."""

    data: bytearray
    structure: Structure
    first_line: int  # physical line on which `data` begins
    position: int  # bytes of the file itself that were read by then

    def record(self, index: int) -> bytes:
        """The exact bytes of one record, without its line end."""
        structure = self.structure
        return bytes(self.data[structure.starts[index] : structure.ends[index]])


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to cut a file into records, and what its columns are called in messages."""

    delimiter: str
    labels: tuple[str, ...] = ()

    @property
    def cells(self) -> int | None:
        """The number of cells a record should have, None while the header is unknown."""
        return len(self.labels) or None


def read_blocks(
    path: Path,
    dialect: Dialect,
    options: CsvOptions,
    block_size: int = BLOCK_SIZE,
) -> Generator[Block, None, None]:
    """All records of the file in order, header and blank ones included.

    The records before a refused place are yielded first, whatever the block size; then
    UnreadableFile is raised (encoding-error, stray-quote, unclosed-quote, record-too-long, and
    missing-cell or extra-cell of a record over several lines). Of several faults the first in the
    file counts. A file that is compressed, too large or written in another encoding may be refused
    for that (see `open_text`).
    """
    if block_size < 1:
        msg = f"block_size must be at least 1, not {block_size}"
        raise ValueError(msg)
    with open_text(path, options) as text:
        if text.size is not None:
            # Most files are small, and making a buffer of 8 MB takes longer than reading them.
            block_size = min(block_size, text.size + 1)
        offset, line, carried = text.mark, 1, bytearray()
        ended = False
        while not ended:
            data = bytearray(len(carried) + block_size)
            data[: len(carried)] = carried
            with memoryview(data) as view:
                read = text.fill(view[len(carried) :])
            ended = read < block_size
            if ended:
                del data[len(carried) + read :]
            # Where the text breaks off at a byte that is none, its last record is incomplete.
            final = ended and text.fault is None
            structure = scan(data, ord(dialect.delimiter), dialect.cells, final)
            refusal, count = _refusal(
                data, structure, dialect, options, text, ended=ended, line=line, offset=offset
            )
            carried = data[structure.consumed :]
            if count:
                yield Block(data, structure.first(count), line, text.position)
            if refusal is not None:
                raise refusal
            line += structure.line_breaks
            offset += structure.consumed


class _Reason(NamedTuple):
    """Why a file is refused: at which byte of the buffer, and how to say it.

    checked: as far as bytes must be text for the reason to count; `may_cut` where a character may
        go on behind.
    """

    at: int
    say: Callable[[Place], UnreadableFile]
    checked: int
    may_cut: bool = False


def _refusal(
    data: bytearray,
    structure: Structure,
    dialect: Dialect,
    options: CsvOptions,
    text: Text,
    *,
    ended: bool,
    line: int,
    offset: int,
) -> tuple[UnreadableFile | None, int]:
    """The first reason to refuse the file, if there is one, and how many records precede it."""
    found = list(_reasons(structure, dialect, len(data), options.max_record_size))
    first = min(found, key=lambda reason: reason.at, default=None)
    checked = len(data) if ended else structure.consumed
    if first is not None:
        checked = first.checked
    bad = find_misencoding(data, checked, may_go_on=first is not None and first.may_cut)
    if bad is not None:
        say = partial(misencoded, reason=bad.reason, offset=offset + bad.at, encoding=text.encoding)
        first = _Reason(bad.at, say, checked)
    elif first is None and ended and text.fault is not None:
        at, reason = text.fault.at, text.fault.reason
        say = partial(misencoded, reason=reason, offset=at, encoding=text.encoding)
        first = _Reason(len(data), say, checked)
    elif first is None and ended and structure.open_quote is not None:
        # Met at the end of the file, in the record that never ends.
        first = _Reason(structure.consumed, unclosed_quote, checked)
    if first is None:
        return None, len(structure.starts)
    starts = np.append(structure.starts, structure.consumed)
    count = int(np.searchsorted(starts, first.at, side="right")) - 1
    breaks = np.append(structure.breaks_before, structure.line_breaks)
    place = Place(
        data=data,
        start=int(starts[count]),
        at=first.at,
        line=line + int(breaks[count]),
        delimiter=dialect.delimiter,
        labels=dialect.labels,
    )
    return first.say(place), count


def _reasons(
    structure: Structure, dialect: Dialect, size: int, max_record_size: int
) -> Iterator[_Reason]:
    """What is wrong with the structure: the first of each kind."""
    at = structure.stray_quote
    if at is not None:
        yield _Reason(at, stray_quote, at)
    at = _oversize(structure, size, max_record_size)
    if at is not None:
        yield _Reason(at, partial(oversized, limit=max_record_size), at, may_cut=True)
    index = _doubtful(structure, dialect)
    if index is not None:
        assert structure.cells is not None
        last = int(structure.ends[index]) - 1
        say = partial(doubtful_record, cells=int(structure.cells[index]))
        yield _Reason(last, say, last + 1)


def _doubtful(structure: Structure, dialect: Dialect) -> int | None:
    """The first record that does not fit the header and runs over several lines: its quotes may
    have swallowed line ends, so that nobody knows where its neighbours begin.
    """
    if not structure.quoted_breaks or structure.cells is None or dialect.cells is None:
        return None
    total = structure.line_breaks + structure.unterminated
    spans_lines = np.diff(structure.breaks_before, append=total) > 1
    found = np.flatnonzero(spans_lines & (structure.cells != dialect.cells))
    return int(found[0]) if found.size else None


def _oversize(structure: Structure, size: int, max_record_size: int) -> int | None:
    """The first byte too many of a record that is longer than allowed."""
    if structure.consumed > max_record_size:
        long = np.flatnonzero(structure.ends - structure.starts > max_record_size)
        if long.size:
            return int(structure.starts[long[0]]) + max_record_size
    # Without the next byte, a CR behind the last byte allowed may still be the line end.
    if size - structure.consumed > max_record_size + 1:
        return structure.consumed + max_record_size
    return None
