"""The records of a file: every line accounted for, values as they are written."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from usage_pipeline.reading.ahead import ahead
from usage_pipeline.reading.blocks import BLOCK_SIZE, Block, Dialect, read_blocks
from usage_pipeline.reading.cells import CellParser
from usage_pipeline.reading.dialect import Header, split_record
from usage_pipeline.reading.faults import (
    EXTRA,
    FAULTS,
    LONG,
    SOUND,
    Faults,
    Mask,
    describe,
    faults_of,
    too_long,
)
from usage_pipeline.reading.located_error import FileChanged, LocatedError
from usage_pipeline.reading.source import lacks_checksum
from usage_pipeline.reading.structure import Positions, Structure
from usage_pipeline.schema import CsvOptions

# Joining slices costs per slice, taking bytes one by one per byte: this many cost the same.
_BYTES_PER_EDGE = 200
_FAULT_CODES = pa.array(FAULTS)


class Records:
    """One pass over the data records of a file.

    `columns` are indexes into `header.labels`; they become the text columns "c0", "c1", ...
    of the batches. After the pass `lines` counts the data records (neither header nor
    blank), `faulty` those that cannot be taken for what they say (see `faults`), `misfits` those
    of them with another number of cells than the header, `blank` the blank lines,
    `physical_lines` what an editor shows. `errors` are those of the first `max_errors` faulty
    records, `warnings` what is odd but certain. `watch` is told per block how many data records
    and how many bytes of the file itself are read.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        columns: Sequence[int],
        options: CsvOptions,
        *,
        block_size: int = BLOCK_SIZE,
        max_errors: int = 1000,
        watch: Callable[[int, int], None] | None = None,
    ) -> None:
        self._width = width = len(header.labels)
        outside = [column for column in columns if not 0 <= column < width]
        if outside:
            msg = f"columns {outside} are not in a header of {width} cells"
            raise ValueError(msg)
        self._path = path
        self._header = header
        self._read = sorted(set(columns))
        self._options = options
        self._block_size = block_size
        self._max_errors = max_errors
        self._watch = watch
        self._parser = CellParser(header.delimiter, width, columns)
        names = [f"c{index}" for index in range(len(columns))]
        self.schema = pa.schema(
            [
                pa.field("line", pa.int64(), nullable=False),
                pa.field("fault", pa.string()),
                *(pa.field(name, pa.string()) for name in names),
            ]
        )
        self.lines = 0
        self.blank = 0
        self.faulty = 0
        self.misfits = 0
        self.physical_lines = 0
        self.errors: list[LocatedError] = []
        self.warnings: list[LocatedError] = []
        self._started = False
        self._header_seen = False
        self._first_blank = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The data records in the file's order, in batches of `schema`; usable once.

        `fault` is null for a good record, whose cells are never null ('' if empty), and the
        error's code for a faulty one, whose cells are all null. Raises UnreadableFile when
        the whole file is refused: what was delivered before must then be discarded.
        """
        if self._started:
            msg = "batches() can be used once; make another Records to read again"
            raise RuntimeError(msg)
        self._started = True
        return self._batches()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        found = delivered = 0
        dialect = Dialect(self._header.delimiter, self._header.labels)
        last_line = 0
        unterminated = False
        blocks = read_blocks(self._path, dialect, self._options, self._block_size)
        for block in ahead(blocks):
            structure = block.structure
            found += len(structure.starts)
            unterminated = structure.unterminated
            last_line = block.first_line + int(structure.breaks_before[-1])
            self.physical_lines += structure.line_breaks + unterminated
            batch = self._batch(block)
            if self._watch is not None:
                self._watch(self.lines, block.position)
            if batch is not None:
                delivered += batch.num_rows
                yield batch
        if not self._header_seen:
            msg = f"no header on line {self._header.line} of {self._path.name} any longer"
            raise FileChanged(msg)
        self._warn(last_line if unterminated else None)
        accounted = 1 + self.blank + self.lines
        if delivered != self.lines or accounted != found:
            msg = (
                f"lines do not add up in {self._path.name}: {found} records found; header 1 + "
                f"blank {self.blank} + lines {self.lines} = {accounted}; delivered {delivered}"
            )
            raise RuntimeError(msg)

    def _batch(self, block: Block) -> pa.RecordBatch | None:
        structure = block.structure
        lines = structure.breaks_before + block.first_line
        blank = structure.starts == structure.ends
        is_data = ~blank
        if not self._header_seen and is_data.any():
            first = int(np.argmax(is_data))
            self._check_header(block, first, int(lines[first]))
            is_data[first] = False
        self._count_blank(lines[blank])

        rows = int(np.count_nonzero(is_data))
        self.lines += rows
        if not rows:
            return None
        faults = faults_of(structure, self._width, self._read)
        columns = self._parse(block, is_data if faults is None else is_data & (faults == SOUND))
        faults, columns = self._without_long_fields(structure, is_data, faults, columns)
        fault: pa.Array = pa.nulls(rows, pa.string())
        if faults is not None:
            self._note_faulty(block, faults, np.flatnonzero(is_data & (faults != SOUND)), lines)
            faults = faults[is_data]
            sound = faults == SOUND
            fault = _FAULT_CODES.take(pa.array(faults, mask=sound))
            places = pa.array(np.cumsum(sound) - 1, mask=~sound)
            columns = [column.take(places) for column in columns]
        return pa.RecordBatch.from_arrays(
            [pa.array(lines[is_data]), fault, *(_whole(column) for column in columns)],
            schema=self.schema,
        )

    def _without_long_fields(
        self,
        structure: Structure,
        is_data: Mask,
        faults: Faults | None,
        columns: list[pa.ChunkedArray],
    ) -> tuple[Faults | None, list[pa.ChunkedArray]]:
        limit = self._options.max_field_length
        # A record that is not longer than the limit holds no longer cell.
        if not (structure.ends - structure.starts > limit).any():
            return faults, columns
        long = too_long(columns, limit)
        if long is None:
            return faults, columns
        faults = np.full(len(is_data), SOUND, np.int8) if faults is None else faults
        parsed = np.flatnonzero(is_data & (faults == SOUND))
        faults[parsed[long]] = LONG
        return faults, [column.filter(pa.array(~long)) for column in columns]

    def _parse(self, block: Block, good: Mask) -> list[pa.ChunkedArray]:
        structure = block.structure
        rows = int(np.count_nonzero(good))
        data = _taken(block, good)
        return self._parser.parse(data, rows, quoted_breaks=structure.quoted_breaks)

    def _check_header(self, block: Block, index: int, line: int) -> None:
        header = self._header
        labels = split_record(block.record(index), header.delimiter)
        if line != header.line or labels != header.labels:
            msg = f"another header than before on line {line} of {self._path.name}"
            raise FileChanged(msg)
        self._header_seen = True

    def _count_blank(self, lines: Positions) -> None:
        if lines.size and not self.blank:
            self._first_blank = int(lines[0])
        self.blank += lines.size

    def _note_faulty(
        self, block: Block, faults: Faults, indexes: Positions, lines: Positions
    ) -> None:
        self.faulty += indexes.size
        self.misfits += int(np.count_nonzero(faults[indexes] <= EXTRA))
        room = max(0, self._max_errors - len(self.errors))
        for index in indexes[:room].tolist():
            fault = FAULTS[faults[index]]
            record, line = block.record(index), int(lines[index])
            self.errors.append(describe(fault, record, line, self._header, self._read))

    def _warn(self, unterminated_line: int | None) -> None:
        if self.blank:
            times = "1 blank line" if self.blank == 1 else f"{self.blank} blank lines"
            message = f"{times} skipped, the first on line {self._first_blank}."
            self.warnings.append(LocatedError("blank-row", message, self._first_blank))
        if unterminated_line is not None:
            message = "The last line has no line end: the file may have been cut off."
            self.warnings.append(LocatedError("no-final-newline", message, unterminated_line))
        if lacks_checksum(self._path):
            message = "The zstd file has no checksum: damage to it may have gone unseen."
            self.warnings.append(LocatedError("no-checksum", message))


def raw_records(
    path: Path,
    header: Header,
    wanted: Collection[int] | pa.Int64Array,
    options: CsvOptions,
    *,
    block_size: int = BLOCK_SIZE,
) -> Iterator[tuple[int, bytes]]:
    """The exact bytes, without line end, of the records that start on the wanted lines.

    They come in the file's order, as (line, bytes); reading stops behind the last one. The
    header counts as a record, a blank line does not. Raises ValueError at the end if no
    record starts on some wanted line, UnreadableFile if the file is refused before.
    """
    lines_asked = wanted if isinstance(wanted, pa.Array) else list(wanted)
    asked = np.unique(np.asarray(lines_asked, np.int64))
    missing = asked.size
    if not missing:
        return
    dialect = Dialect(header.delimiter, header.labels)
    for block in read_blocks(path, dialect, options, block_size):
        structure = block.structure
        lines = structure.breaks_before + block.first_line
        chosen = np.isin(lines, asked) & (structure.starts < structure.ends)
        for index in np.flatnonzero(chosen).tolist():
            missing -= 1
            yield int(lines[index]), block.record(index)
        if not missing:
            return
    msg = f"on {missing} of {asked.size} wanted lines of {path.name} no record starts"
    raise ValueError(msg)


def _taken(block: Block, chosen: Mask) -> bytes | memoryview:
    """The bytes of the chosen records, with their line ends."""
    bounds = np.append(block.structure.starts, block.structure.consumed)
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    if len(edges) * _BYTES_PER_EDGE > len(block.data):
        raw = np.frombuffer(block.data, np.uint8)[: bounds[-1]]
        return raw[np.repeat(chosen, np.diff(bounds))].tobytes()
    view = memoryview(block.data)
    runs = bounds[edges].reshape(-1, 2).tolist()
    pieces = [view[start:end] for start, end in runs]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
