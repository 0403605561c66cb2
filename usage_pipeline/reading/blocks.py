"""A file as blocks of complete, verified records."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usage_pipeline.reading.encoding import check_mark, find_misencoding, mark_size
from usage_pipeline.reading.located_error import UnreadableFile
from usage_pipeline.reading.refusals import (
    Place,
    misencoded,
    oversized,
    stray_quote,
    unclosed_quote,
)
from usage_pipeline.reading.structure import Structure, scan

BLOCK_SIZE = 8 << 20
MAX_RECORD_SIZE = 64 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file, from the start of a record, and the complete records in them."""

    data: bytearray
    structure: Structure
    first_line: int  # physical line on which `data` begins

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
    block_size: int = BLOCK_SIZE,
    max_record_size: int = MAX_RECORD_SIZE,
) -> Generator[Block, None, None]:
    """All records of the file in order, header and blank ones included.

    The records before a refused place are yielded first, whatever the block size; then
    UnreadableFile is raised (encoding-error, stray-quote, unclosed-quote). Of several faults
    the first in the file counts.
    """
    if block_size < 1:
        msg = f"block_size must be at least 1, not {block_size}"
        raise ValueError(msg)
    with path.open("rb") as file:
        head = file.read(4)
        check_mark(head)
        offset = mark_size(head)
        file.seek(offset)
        line, carried = 1, bytearray()
        final = False
        while not final:
            data = bytearray(len(carried) + block_size)
            data[: len(carried)] = carried
            with memoryview(data) as view:
                read = file.readinto(view[len(carried) :])
            final = read < block_size
            if final:
                del data[len(carried) + read :]
            structure = scan(data, ord(dialect.delimiter), dialect.cells, final)
            refusal, count = _refusal(
                data, structure, dialect, max_record_size, final=final, line=line, offset=offset
            )
            carried = data[structure.consumed :]
            if count:
                yield Block(data, structure.first(count), line)
            if refusal is not None:
                raise refusal
            line += structure.line_breaks
            offset += structure.consumed


def _refusal(
    data: bytearray,
    structure: Structure,
    dialect: Dialect,
    max_record_size: int,
    *,
    final: bool,
    line: int,
    offset: int,
) -> tuple[UnreadableFile | None, int]:
    """The first reason to refuse the file, if there is one, and how many records precede it."""
    oversize = _oversize(structure, len(data), max_record_size)
    found = [at for at in (structure.stray_quote, oversize) if at is not None]
    at = min(found, default=None)
    unclosed = at is None and final and structure.open_quote is not None
    checked = len(data) if final else structure.consumed
    bad = find_misencoding(
        data, checked if at is None else at, may_go_on=at is not None and at == oversize
    )
    if bad is None and at is None and not unclosed:
        return None, len(structure.starts)

    # An unclosed quote is met at the end of the file, in the record that never ends.
    position = bad.at if bad is not None else at if at is not None else structure.consumed
    starts = np.append(structure.starts, structure.consumed)
    count = int(np.searchsorted(starts, position, side="right")) - 1
    breaks = np.append(structure.breaks_before, structure.line_breaks)
    place = Place(
        data=data,
        start=int(starts[count]),
        at=position,
        line=line + int(breaks[count]),
        offset=offset + position,
        delimiter=dialect.delimiter,
        labels=dialect.labels,
    )
    if bad is not None:
        return misencoded(place, bad.reason), count
    if at is not None and at == structure.stray_quote:
        return stray_quote(place), count
    if at is not None:
        return oversized(place, max_record_size), count
    return unclosed_quote(place, structure.open_quote or 0), count


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
