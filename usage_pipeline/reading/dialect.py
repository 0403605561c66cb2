"""The header of a file, as one delimiter or several would split it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.reading.blocks import Dialect, read_blocks
from usage_pipeline.reading.located_error import LocatedError, UnreadableFile

DELIMITERS = (",", ";", "\t", "|")
_HEADER_BLOCK = 64 << 10
_MAX_HEADER_SIZE = 1 << 20


@dataclass(frozen=True)
class Header:
    """The first record that is not blank: its cells, its physical line, its delimiter."""

    labels: tuple[str, ...]
    line: int
    delimiter: str


def read_header(path: Path, delimiter: str) -> Header:
    """The header of the file.

    Raises UnreadableFile: empty-file, or encoding-error, stray-quote, unclosed-quote in the
    header itself; a header longer than 1 MB counts as an unclosed quote.
    """
    if delimiter not in DELIMITERS:
        msg = f"delimiter must be one of {DELIMITERS}, not {delimiter!r}"
        raise ValueError(msg)
    for block in read_blocks(path, Dialect(delimiter), _HEADER_BLOCK, _MAX_HEADER_SIZE):
        for index in range(len(block.structure.starts)):
            record = block.record(index)
            if record:
                line = block.first_line + int(block.structure.breaks_before[index])
                return Header(split_record(record, delimiter), line, delimiter)
    message = "The file holds no records. Drop it again with a header and data."
    raise UnreadableFile(LocatedError("empty-file", message))


def candidate_headers(path: Path, delimiters: Sequence[str]) -> list[Header]:
    """The header as each delimiter would split it, in the order given.

    A delimiter under which the header is malformed is left out. Raises the first
    UnreadableFile if none remains.
    """
    headers: list[Header] = []
    refusals: list[UnreadableFile] = []
    for delimiter in delimiters:
        try:
            headers.append(read_header(path, delimiter))
        except UnreadableFile as refusal:
            refusals.append(refusal)
    if refusals and not headers:
        raise refusals[0]
    return headers


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
