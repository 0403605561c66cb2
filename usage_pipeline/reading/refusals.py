"""Why a whole file is refused, in words for a person."""

from dataclasses import dataclass

import numpy as np

from usage_pipeline.reading.located_error import CLIP, LocatedError, UnreadableFile, clip
from usage_pipeline.reading.structure import QUOTE

_SHORT = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of a buffer, in the record that holds it."""

    data: bytearray
    start: int  # where the record starts in `data`
    at: int
    line: int  # the physical line on which the record starts
    delimiter: str
    labels: tuple[str, ...]

    def line_of(self, at: int) -> int:
        """The physical line of another byte of the same record."""
        count = self.data.count
        feeds, returns = count(b"\n", self.start, at), count(b"\r", self.start, at)
        return self.line + feeds + returns - count(b"\r\n", self.start, at)

    def cell(self, at: int) -> tuple[int, int]:
        """The index of the cell that holds a byte, and where that cell starts."""
        raw = np.frombuffer(self.data, np.uint8)[self.start : at]
        inside = np.cumsum(raw == QUOTE, dtype=np.uint8) & 1
        delimiters = np.flatnonzero((raw == ord(self.delimiter)) & (inside == 0))
        if not delimiters.size:
            return 0, self.start
        return delimiters.size, self.start + int(delimiters[-1]) + 1

    def label(self, at: int) -> str | None:
        """The label of the column that holds a byte, as far as there is a header."""
        index, _ = self.cell(at)
        return self.labels[index] if index < len(self.labels) else None

    def value(self, at: int) -> str:
        """The raw text of the cell that holds a byte, clipped."""
        _, start = self.cell(at)
        ends = [self.data.find(end, at) for end in (self.delimiter.encode(), b"\r", b"\n")]
        end = min((end for end in ends if end >= 0), default=len(self.data))
        # Four bytes are the longest character.
        text = self.data[start : min(end, start + 4 * CLIP)].decode("utf-8", "ignore")
        return clip(text)

    def named(self, at: int) -> str:
        """The cell that holds a byte, for a message."""
        label = self.label(at)
        return f"cell {self.cell(at)[0] + 1}" if label is None else f'"{clip(label, _SHORT)}"'


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def misencoded(place: Place, reason: str, offset: int, encoding: str) -> UnreadableFile:
    """A byte that is no text; `offset` is its place in the file, expanded if it is compressed."""
    message = (
        f"Not {encoding}: {reason}, at byte offset {offset}, line {place.line_of(place.at)}. "
        "Save the file as UTF-8 and drop it again, or name its encoding in the schema."
    )
    return _refuse_at(place, place.at, "encoding-error", message)


def stray_quote(place: Place) -> UnreadableFile:
    """A quote inside an unquoted cell, or text behind a closing quote."""
    if place.data[place.at] == QUOTE:
        wrong = "a quote stands inside a cell that does not begin with one"
    else:
        wrong = "text follows the quote that closes the cell"
    message = (
        f"In {place.named(place.at)}, line {place.line_of(place.at)}, {wrong}, so that it is "
        "doubtful where records end. Put the whole cell in quotes and double each quote in it."
    )
    return _refuse_at(place, place.at, "stray-quote", message, place.value(place.at))


def unclosed_quote(place: Place) -> UnreadableFile:
    """The file ends inside quotes."""
    _, opened = place.cell(len(place.data))
    message = (
        f"The quote opened in {place.named(opened)}, line {place.line_of(opened)}, is never "
        f"closed: the record that starts on line {place.line} runs to the end of the file. "
        "Close the quote, or fetch the file again if it was cut off."
    )
    return _refuse_at(place, opened, "unclosed-quote", message)


def oversized(place: Place, limit: int) -> UnreadableFile:
    """A record longer than `limit` bytes; within quotes, most likely because none closes them."""
    size = f"The record that begins on line {place.line} is longer than {limit:,} bytes"
    if place.data.count(b'"', place.start, place.at) % 2:
        _, opened = place.cell(place.at)
        message = (
            f"{size}: probably the quote opened in {place.named(opened)} is never closed. Close "
            "it, or raise csv.max_record_size if the record is meant."
        )
        return _refuse_at(place, opened, "unclosed-quote", message)
    message = f"{size} (csv.max_record_size): probably the file is no CSV."
    return UnreadableFile(LocatedError("record-too-long", message, place.line))


def doubtful_record(place: Place, cells: int) -> UnreadableFile:
    """A record of several lines that does not fit the header; `at` is its last byte."""
    width = len(place.labels)
    code = "missing-cell" if cells < width else "extra-cell"
    last = place.line_of(place.at)
    message = (
        f"The record has {counted(cells, 'cell')}, the header has {width}, and its quotes run "
        f"from line {place.line} to line {last}: it is doubtful where it ends, so nothing of the "
        "file is taken. Correct the record."
    )
    return UnreadableFile(LocatedError(code, message, place.line))


def _refuse_at(
    place: Place, at: int, code: str, message: str, value: str | None = None
) -> UnreadableFile:
    return UnreadableFile(LocatedError(code, message, place.line, place.label(at), value=value))
