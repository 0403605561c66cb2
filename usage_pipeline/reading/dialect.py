"""The header of a file, as one delimiter or several would split it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.reading.blocks import Dialect, read_blocks
from usage_pipeline.reading.located_error import LocatedError, UnreadableFile
from usage_pipeline.reading.structure import scan
from usage_pipeline.reading.text import beginning_of
from usage_pipeline.schema import CsvOptions

SIGNS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
DELIMITERS = tuple(SIGNS)
_OF_A_DELIMITER = ("stray-quote", "unclosed-quote")
_HEADER_BLOCK = 64 << 10
#: So far down a header is looked for below titles and remarks.
_FIRST_LINES = 50
_MAX_HEADER_SIZE = 1 << 20


@dataclass(frozen=True)
class Header:
    """The first record that is not blank: its cells, its physical line, its delimiter."""

    labels: tuple[str, ...]
    line: int
    delimiter: str


def read_header(path: Path, delimiter: str, options: CsvOptions) -> Header:
    """The header of the file, as `delimiter` splits it.

    Raises UnreadableFile: empty-file, too-many-columns, or encoding-error, stray-quote,
    unclosed-quote, record-too-long in the header itself, which may have 1 MB at most; or what
    `open_text` refuses.
    """
    if delimiter not in DELIMITERS:
        msg = f"delimiter must be one of {DELIMITERS}, not {delimiter!r}"
        raise ValueError(msg)
    limit = min(options.max_record_size, _MAX_HEADER_SIZE)
    bounded = options.model_copy(update={"max_record_size": limit})
    for block in read_blocks(path, Dialect(delimiter), bounded, _HEADER_BLOCK):
        for index in range(len(block.structure.starts)):
            record = block.record(index)
            if record:
                line = block.first_line + int(block.structure.breaks_before[index])
                labels = split_record(record, delimiter)
                if len(labels) > options.max_columns:
                    raise UnreadableFile(_too_many(labels, line, options.max_columns))
                return Header(labels, line, delimiter)
    message = "The file holds no records. Drop it again with a header and data."
    raise UnreadableFile(LocatedError("empty-file", message))


def candidate_headers(path: Path, delimiters: Sequence[str], options: CsvOptions) -> list[Header]:
    """The header as each delimiter would split it, in the order given.

    A delimiter by which quotes stand where none may is left out. Raises UnreadableFile: what is
    wrong by each delimiter alike, or what is wrong by the first if none remains.
    """
    headers: list[Header] = []
    refusals: list[UnreadableFile] = []
    for delimiter in delimiters:
        try:
            headers.append(read_header(path, delimiter, options))
        except UnreadableFile as refusal:
            if refusal.error.code not in _OF_A_DELIMITER:
                raise
            refusals.append(refusal)
    if refusals and not headers:
        raise refusals[0]
    return headers


def first_rows(path: Path, options: CsvOptions) -> Iterator[Header]:
    """Each of the first lines that are not blank, as each delimiter would split it, in order.

    For a look at what stands above a header: a line that a delimiter cannot split is left out,
    and so is text that is no UTF-8.
    """
    content = beginning_of(path, options, _HEADER_BLOCK).content
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", content)[:_FIRST_LINES], 1):
        for delimiter in DELIMITERS if line else ():
            structure = scan(line, ord(delimiter), None, final=True)
            if structure.stray_quote is None and structure.open_quote is None:
                with suppress(UnicodeDecodeError):
                    yield Header(split_record(line, delimiter), number, delimiter)


def cells_in(record: bytes, delimiter: str) -> int | None:
    """How many cells one record has by another delimiter; None where it is malformed by it."""
    structure = scan(record, ord(delimiter), None, final=True)
    if structure.stray_quote is not None or structure.cells is None or not structure.cells.size:
        return None
    return int(structure.cells[0])


def fitting_delimiters(path: Path, header: Header, options: CsvOptions) -> list[str]:
    """The delimiters by which the records fit the header's width, as far as a first look goes.

    None where the header is a single column: by a sign that a record does not hold, any fits.
    """
    if len(header.labels) == 1:
        return []
    return [sign for sign in DELIMITERS if _records_fit(path, header, sign, options)]


def _records_fit(path: Path, header: Header, delimiter: str, options: CsvOptions) -> bool:
    width, seen = len(header.labels), False
    try:
        for block in read_blocks(path, Dialect(delimiter), options):
            if seen:
                break  # not before: what a block breaks off at is told only behind it
            structure = block.structure
            lines = structure.breaks_before + block.first_line
            is_data = (structure.starts < structure.ends) & (lines > header.line)
            if structure.cells is None or (structure.cells[is_data] != width).any():
                return False
            seen = bool(is_data.any())
    except UnreadableFile:
        return False
    return seen


def _too_many(labels: Sequence[str], line: int, limit: int) -> LocatedError:
    message = (
        f"The header has {len(labels):,} columns; at most {limit:,} are read (csv.max_columns)."
    )
    return LocatedError("too-many-columns", message, line)


def split_record(record: bytes, delimiter: str) -> tuple[str, ...]:
    """The cells of one well-formed record, without its line end."""
    cells: list[str] = []
    parts: list[str] = []
    quotes = 0
    for part in record.decode("utf-8").split(delimiter):
        parts.append(part)
        quotes += part.count('"')
        if quotes % 2 == 0:
            cells.append(_unquoted(delimiter.join(parts)))
            parts = []
    return tuple(cells)


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell
