"""Where the records of one buffer begin and end, found with numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUOTE, RETURN, FEED = ord('"'), ord("\r"), ord("\n")
_SPACE, _DELETE = ord(" "), 0x7F
#: In UTF-8, the control characters U+0080 to U+009F are this byte and one from 0x80 to 0x9F.
_LATIN_CONTROL = 0xC2

Positions = NDArray[np.int64]
Octets = NDArray[np.uint8]
NONE: Positions = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Structure:
    """The complete records of a buffer which begins where a record begins.

    Arrays have one entry per record, blank ones included; all positions are relative to
    the buffer. Behind a stray quote nothing here can be trusted, before it everything.
    """

    starts: Positions
    ends: Positions  # one past the last byte, the line end left out
    breaks_before: Positions  # line breaks in the buffer before the record, quoted ones too
    cells: Positions | None  # None: every record has the expected number
    consumed: int  # bytes of the buffer that belong to complete records
    line_breaks: int  # line breaks in those bytes
    quoted_breaks: bool
    unterminated: bool  # the file's last record has no line end
    stray_quote: int | None  # the first byte that breaks the rules of quoting
    open_quote: int | None  # the quote still open at the buffer's end
    controls: Positions  # control characters other than tabs and line breaks
    control_cells: Positions  # the index of the cell that holds each

    def first(self, count: int) -> "Structure":
        """The same with its first `count` records only."""
        if count == len(self.starts):
            return self
        consumed = int(self.starts[count])
        controls = int(np.searchsorted(self.controls, consumed))
        return Structure(
            starts=self.starts[:count],
            ends=self.ends[:count],
            breaks_before=self.breaks_before[:count],
            cells=None if self.cells is None else self.cells[:count],
            consumed=consumed,
            line_breaks=int(self.breaks_before[count]),
            quoted_breaks=self.quoted_breaks,
            unterminated=False,
            stray_quote=self.stray_quote,
            open_quote=self.open_quote,
            controls=self.controls[:controls],
            control_cells=self.control_cells[:controls],
        )


@dataclass(frozen=True, slots=True)
class _Marks:
    """Positions of the bytes that make structure; inner ones stand inside quotes."""

    delimiters: Positions
    feeds: Positions
    returns: Positions
    inner_feeds: Positions
    inner_returns: Positions
    quotes: Positions


def scan(data: bytes | bytearray, delimiter: int, expected: int | None, final: bool) -> Structure:
    """Find the records in `data`, which begins where a record begins.

    `expected` is the number of cells a record should have, None if not known yet. With
    `final` the file ends where `data` ends; without it a last record that more bytes
    could change is left out, and so is a CR that a LF may follow.
    """
    raw = np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8)
    marks = _marks(data, raw, delimiter)
    lone = _lone_returns(raw, marks.returns, final)
    inner_lone = _lone_returns(raw, marks.inner_returns, final)
    line_ends = np.sort(np.concatenate((marks.feeds, lone))) if lone.size else marks.feeds

    ends = line_ends
    if marks.returns.size > lone.size:
        ends = line_ends - (
            (line_ends > 0) & (raw[line_ends] == FEED) & (raw[line_ends - 1] == RETURN)
        )
    consumed = int(line_ends[-1]) + 1 if line_ends.size else 0
    open_quote = int(marks.quotes[-1]) if marks.quotes.size % 2 else None
    unterminated = final and consumed < raw.size and open_quote is None
    if unterminated:
        consumed = raw.size
        line_ends = np.append(line_ends, raw.size)
        ends = np.append(ends, raw.size)
    starts = np.zeros_like(line_ends)
    starts[1:] = line_ends[:-1] + 1

    breaks_before = np.arange(starts.size, dtype=np.int64)
    line_breaks = starts.size - unterminated
    inner_breaks = marks.inner_feeds
    if inner_lone.size:
        inner_breaks = np.sort(np.concatenate((inner_breaks, inner_lone)))
    inner_breaks = inner_breaks[: np.searchsorted(inner_breaks, consumed)]
    if inner_breaks.size:
        breaks_before += np.searchsorted(inner_breaks, starts)
        line_breaks += inner_breaks.size

    controls = _controls(data, raw, marks)
    controls = controls[: np.searchsorted(controls, consumed)]
    return Structure(
        starts=starts,
        ends=ends,
        breaks_before=breaks_before,
        cells=_cells(marks.delimiters, starts, ends, expected),
        consumed=consumed,
        line_breaks=int(line_breaks),
        quoted_breaks=bool(inner_breaks.size),
        unterminated=bool(unterminated),
        stray_quote=_stray_quote(raw, marks.quotes, delimiter),
        open_quote=open_quote,
        controls=controls,
        control_cells=_cells_of(controls, marks.delimiters, starts),
    )


def _marks(data: bytes | bytearray, raw: Octets, delimiter: int) -> _Marks:
    if data.find(b'"') < 0:
        return _Marks(
            delimiters=np.flatnonzero(raw == delimiter),
            feeds=np.flatnonzero(raw == FEED),
            returns=np.flatnonzero(raw == RETURN) if data.find(b"\r") >= 0 else NONE,
            inner_feeds=NONE,
            inner_returns=NONE,
            quotes=NONE,
        )
    interesting = (raw == delimiter) | (raw == FEED) | (raw == RETURN) | (raw == QUOTE)
    where = np.flatnonzero(interesting)
    kinds = raw[where]
    is_quote = kinds == QUOTE
    # Only the parity counts, so that a sum that wraps at 256 serves.
    inside = (np.cumsum(is_quote, dtype=np.uint8) & 1).astype(bool)
    feeds, returns = kinds == FEED, kinds == RETURN
    return _Marks(
        delimiters=where[(kinds == delimiter) & ~inside],
        feeds=where[feeds & ~inside],
        returns=where[returns & ~inside],
        inner_feeds=where[feeds & inside],
        inner_returns=where[returns & inside],
        quotes=where[is_quote],
    )


def _lone_returns(raw: Octets, returns: Positions, final: bool) -> Positions:
    """Those of `returns` that no LF follows."""
    if not returns.size:
        return returns
    if not final and returns[-1] == raw.size - 1:
        returns = returns[:-1]
    following = raw[np.minimum(returns + 1, raw.size - 1)]
    lone: Positions = returns[following != FEED]
    return lone


def _cells(
    delimiters: Positions, starts: Positions, ends: Positions, expected: int | None
) -> Positions | None:
    """The number of cells of each record, or None if all have the expected number."""
    if expected is not None and starts.size:
        last = np.searchsorted(delimiters, ends[-1])
        if last == starts.size * (expected - 1):
            grid = delimiters[:last].reshape(starts.size, expected - 1)
            # Each record's share of the delimiters lies between its own bounds.
            if expected == 1 or ((grid[:, 0] >= starts) & (grid[:, -1] < ends)).all():
                return None
    before = np.searchsorted(delimiters, starts)
    return np.asarray(np.searchsorted(delimiters, ends) - before + 1, np.int64)


def _controls(data: bytes | bytearray, raw: Octets, marks: _Marks) -> Positions:
    """Control characters, tabs and line breaks left out: they look like nothing, and make two
    texts that look alike differ.
    """
    breaks = sum(
        part.size for part in (marks.feeds, marks.returns, marks.inner_feeds, marks.inner_returns)
    )
    found = []
    # Counting is several times as fast as looking for positions, and there are hardly ever any.
    if np.count_nonzero(raw < _SPACE) > breaks + data.count(b"\t"):
        odd = (raw < _SPACE) & (raw != ord("\t")) & (raw != FEED) & (raw != RETURN)
        found.append(np.flatnonzero(odd))
    if data.find(_DELETE) >= 0:
        found.append(np.flatnonzero(raw == _DELETE))
    if data.find(_LATIN_CONTROL) >= 0:
        latin = np.flatnonzero(raw[:-1] == _LATIN_CONTROL)
        second = raw[latin + 1]
        found.append(latin[(second >= 0x80) & (second < 0xA0)])
    return np.sort(np.concatenate(found)) if found else NONE


def _cells_of(positions: Positions, delimiters: Positions, starts: Positions) -> Positions:
    """The index, in its record, of the cell that holds each of `positions`."""
    if not positions.size:
        return NONE
    begins = starts[np.searchsorted(starts, positions, side="right") - 1]
    before = np.searchsorted(delimiters, positions) - np.searchsorted(delimiters, begins)
    return np.asarray(before, np.int64)


def _stray_quote(raw: Octets, quotes: Positions, delimiter: int) -> int | None:
    """The first byte that breaks the rules of quoting: a quote that opens inside a cell, or
    the text behind a closing one.

    Up to there the quotes open and close by turns; a doubled quote closes and opens again.
    """
    if not quotes.size:
        return None
    opening, closing = quotes[0::2], quotes[1::2]
    neighbour = np.zeros(256, bool)
    neighbour[[delimiter, FEED, RETURN, QUOTE]] = True
    bad_opening = opening[(opening > 0) & ~neighbour[raw[opening - 1]]]
    behind = closing[closing + 1 < raw.size] + 1
    bad_behind = behind[~neighbour[raw[behind]]]
    found = [int(bad[0]) for bad in (bad_opening, bad_behind) if bad.size]
    return min(found, default=None)
