"""A record as it stands, on one line of a terminal or a page, with its bad cells marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len

from usage_pipeline.printable import printable

CUT = "…"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an excerpt, printable; `marked` where it is a bad cell."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a record; a bad cell that is empty is a marked piece without text."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def marks(self) -> str:
        """The line below, with `^` under each bad cell; empty where none is marked."""
        marks, column = "", 0
        for piece in self.pieces:
            width = cell_len(piece.text)
            if piece.marked:
                marks = marks[:column].ljust(column) + "^" * max(1, width)
            column += width
        return marks


def excerpts(record: str, delimiter: str, cells: Collection[int], width: int) -> list[Excerpt]:
    """The record in lines of at most `width` columns, around its bad cells.

    Cells that fit into one line together share it. The record need not be well-formed.

    Args:
        cells: indexes of the bad ones; one that the record does not have marks its end.
    """
    spans = _spans_of(record, delimiter, cells)
    if not spans:
        return [Excerpt((Piece(_beginning(record, width)),))]
    return [_excerpt(record, group, width) for group in _groups(record, spans, width)]


def cell_spans(record: str, delimiter: str) -> Iterator[Span]:
    """Where each cell begins and ends in a record, quotes included.

    In a malformed one as a person would see it: a cell that does not begin with a quote ends at
    the next delimiter, and one whose quote is never closed with the record.
    """
    start = 0
    while True:
        quoted = record.startswith('"', start)
        end = record.find(delimiter, _behind_quotes(record, start) if quoted else start)
        if end < 0:
            yield start, len(record)
            return
        yield start, end
        start = end + 1


def _spans_of(record: str, delimiter: str, cells: Collection[int]) -> list[Span]:
    wanted, found = set(cells), []
    if not wanted:
        return []
    for index, span in enumerate(cell_spans(record, delimiter)):
        if index in wanted:
            wanted.remove(index)
            found.append(span)
            if not wanted:
                return found
    end = (len(record), len(record))
    return found if found and found[-1] == end else [*found, end]


def _behind_quotes(record: str, start: int) -> int:
    at = start + 1
    while (at := record.find('"', at)) >= 0:
        if not record.startswith('"', at + 1):
            return at + 1
        at += 2
    return len(record)


def _groups(record: str, spans: Iterable[Span], width: int) -> Iterator[list[Span]]:
    group: list[Span] = []
    for span in spans:
        if group and not _fits(record[group[0][0] : span[1]], width - 2 * len(CUT)):
            yield group
            group = []
        group.append(span)
    yield group


def _excerpt(record: str, group: list[Span], width: int) -> Excerpt:
    start, end = group[0][0], group[-1][1]
    if _fits(record[start:end], width - 2 * len(CUT)):
        pieces = _with_neighbours(record, group, width)
    else:
        pieces = _alone(record, start, end, width)
    return Excerpt(tuple(piece for piece in pieces if piece.text or piece.marked))


def _alone(record: str, start: int, end: int, width: int) -> list[Piece]:
    """A cell that takes the whole line."""
    before = CUT if start else ""
    after = CUT if end < len(record) else ""
    cell, room = record[start:end], width - len(before) - len(after)
    shown = Piece(_beginning(cell, room), marked=True)
    return [Piece(before), shown, Piece(after if _fits(cell, room) else "")]


def _with_neighbours(record: str, group: list[Span], width: int) -> list[Piece]:
    """Cells, and as much of what is beside them as there is room for."""
    start, end = group[0][0], group[-1][1]
    inner = list(_marked(record, group))
    left, right = record[max(0, start - width) : start], record[end : end + width]
    room = width - sum(_size(piece.text) for piece in inner)
    need_left, need_right = _need(left, start), _need(right, len(record) - end)
    room_left = min(need_left, max(room // 2, room - need_right))
    before = _ending(left, room_left, whole=len(left) == start)
    after = _beginning(record[end : end + width + 1], room - room_left)
    return [Piece(before), *inner, Piece(after)]


def _marked(record: str, group: list[Span]) -> Iterator[Piece]:
    at = group[0][0]
    for start, end in group:
        if start > at:
            yield Piece(printable(record[at:start]))
        yield Piece(printable(record[start:end]), marked=True)
        at = end


def _need(shown: str, length: int) -> int:
    return _size(printable(shown)) + (len(shown) < length)


def _beginning(text: str, room: int) -> str:
    kept = _kept(text, room)
    if len(kept) == len(text):
        return printable(text)
    return printable(_kept(text, room - len(CUT))) + CUT if room > 0 else ""


def _ending(text: str, room: int, *, whole: bool) -> str:
    kept = _kept(text[::-1], room)
    if whole and len(kept) == len(text):
        return printable(text)
    return CUT + printable(_kept(text[::-1], room - len(CUT))[::-1]) if room > 0 else ""


def _kept(text: str, room: int) -> str:
    """The first characters of a text, as many as there is room for when they are printable."""
    used = 0
    for index, character in enumerate(text):
        used += _size(printable(character))
        if used > room:
            return text[:index]
    return text


def _fits(text: str, room: int) -> bool:
    return len(text) <= room and len(_kept(text, room)) == len(text)


def _size(text: str) -> int:
    # A character that takes no column counts too, or endless marks would pile up on a letter.
    return sum(max(1, cell_len(one)) for one in text)
