"""Every way in which one place of a file gets damaged, and what may rightly be said of it then.

Only damage to the structure is made. What leaves a well-formed file with another value (a delimiter
within quotes, a cut inside the last cell of a row) no reader can know; where such a cut ends the
file, there is a warning to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

from usage_pipeline.reading import DELIMITERS
from usage_pipeline_tests.damage.clean_files import Cells, CleanFile, line_breaks


@dataclass(frozen=True)
class Damage:
    """A damaged file.

    name: what was done to it, and where.
    lines: where an error may rightly be reported.
    rows: the rows that were not hit, by the line on which each starts now.
    hit: the rows that were hit, each with the line on which it starts now: lost with an error on
        that very line, or read as they were.
    header: the header was hit, so that no row may fit it any longer.
    warning: all that can be asked for where the row that was hit may look sound.
    """

    name: str
    content: bytes
    lines: frozenset[int]
    rows: dict[int, Cells]
    hit: tuple[tuple[int, Cells], ...] = ()
    header: bool = False
    warning: str | None = None


DamageKind = Callable[[CleanFile], Iterator[Damage]]


def delimiter_removed(clean: CleanFile) -> Iterator[Damage]:
    """One alone; where the header has no other, see `delimiters_of_header_changed`."""
    for index, record in enumerate(clean.records):
        for cell in range(1, len(record) if index or len(record) > 2 else 0):
            left, right = record[:cell], record[cell:]
            text = clean.delimiter.join(left) + clean.delimiter.join(right) + clean.end
            yield _replaced(clean, index, text, f"none before cell {cell + 1}")


def delimiter_added(clean: CleanFile) -> Iterator[Damage]:
    """Around each cell, inside it where no quotes enclose it, and between doubled quotes."""
    for index, cell, written in _each_cell(clean):
        for at in range(len(written) + 1):
            outside_quotes = written[:at].count('"') % 2 == 0
            # Behind a cell stands what was tried before the next one.
            behind = at == len(written) and cell + 1 < len(clean.labels)
            if outside_quotes and not (behind and at):
                text = written[:at] + clean.delimiter + written[at:]
                yield _rewritten(clean, index, cell, text, f"one more at {at}")


def delimiter_changed(clean: CleanFile) -> Iterator[Damage]:
    """One alone; where the header has no other, see `delimiters_of_header_changed`."""
    for index, record in enumerate(clean.records):
        for cell in range(1, len(record) if index or len(record) > 2 else 0):
            left, right = (clean.delimiter.join(part) for part in (record[:cell], record[cell:]))
            for other in _other_signs(clean):
                name = f"{other!r} before cell {cell + 1}"
                yield _replaced(clean, index, left + other + right + clean.end, name)


def delimiters_of_row_changed(clean: CleanFile) -> Iterator[Damage]:
    # Of a header and one row, either may be the odd one.
    header = {clean.lines[0]} if len(clean.records) == 2 else set()
    for index, record in enumerate(clean.records[1:], 1):
        for other in _other_signs(clean) if len(record) > 1 else ():
            text = other.join(record) + clean.end
            yield _replaced(clean, index, text, f"{other!r} in all", also=header)


def delimiters_of_header_changed(clean: CleanFile) -> Iterator[Damage]:
    for other in _other_signs(clean) if len(clean.labels) > 1 else ():
        yield _replaced(clean, 0, other.join(clean.records[0]) + clean.end, f"{other!r} in all")


def quote_added(clean: CleanFile) -> Iterator[Damage]:
    """Before, inside and behind each cell."""
    for index, cell, written in _each_cell(clean):
        for at in range(len(written) + 1):
            text = written[:at] + '"' + written[at:]
            yield _rewritten(clean, index, cell, text, f"one more at {at}", odd=True)


def quote_removed(clean: CleanFile) -> Iterator[Damage]:
    for index, cell, written in _each_cell(clean):
        for at, sign in enumerate(written):
            if sign == '"':
                text = written[:at] + written[at + 1 :]
                yield _rewritten(clean, index, cell, text, f"the one at {at}", odd=True)


def row_cut_short(clean: CleanFile) -> Iterator[Damage]:
    """At each character before its last cell, and inside that one where quotes are left open."""
    for index, record in enumerate(clean.records):
        text = clean.delimiter.join(record)
        last = len(text) - len(record[-1])
        for at in range(1, len(text)):
            opened = text[:at].count('"') % 2 == 1
            if at < last or opened:
                cut = text[:at] + clean.end
                yield _replaced(clean, index, cut, f"behind {at} characters", odd=opened)


def row_emptied(clean: CleanFile) -> Iterator[Damage]:
    for index in range(1, len(clean.records)):
        # Of several blank lines the first is named.
        yield _replaced(clean, index, clean.end, "all of it", warning="blank-row", also={1})


def quote_moved(clean: CleanFile) -> Iterator[Damage]:
    """A quote at an end of a cell that slipped over the plain character beside it."""
    for index, cell, written in _each_cell(clean):
        if written.startswith('"') and len(written) > 2:
            if _plain(clean, written[1]):
                moved = written[1] + '"' + written[2:]
                yield _rewritten(clean, index, cell, moved, "the first one")
            if _plain(clean, written[-2]):
                moved = written[:-2] + '"' + written[-2]
                yield _rewritten(clean, index, cell, moved, "the last one")


def cells_quoted_together(clean: CleanFile) -> Iterator[Damage]:
    """One quote before a cell, one behind another, so that they swallow what stands between them.

    Where nothing but the same column of the next row is reached, each row still looks whole.
    """
    width = len(clean.labels)
    places = [(row, cell) for row in range(1, len(clean.records)) for cell in range(width)]
    for begin, (row, first) in enumerate(places):
        for last_row, last in places[begin:]:
            if last_row <= row + 1 and (last_row == row or first != last):
                yield from _quoted_together(clean, row, first, last_row, last)


def lines_joined(clean: CleanFile) -> Iterator[Damage]:
    """A line end lost, or something else in its place. Cells of single columns just get longer."""
    for index in range(len(clean.texts) - 1 if len(clean.labels) > 1 else 0):
        first = clean.texts[index].removesuffix(clean.end)
        for between in ("", " ", clean.delimiter):
            text = first + between + clean.texts[index + 1]
            yield _replaced(clean, index, text, f"with {between!r}", records=2)


def row_split(clean: CleanFile) -> Iterator[Damage]:
    """Outside of quotes. In a first or last cell, one half of the row may look whole."""
    for index, record in enumerate(clean.records[1:], 1):
        text = clean.delimiter.join(record)
        last = len(text) - len(record[-1])
        for at in range(len(record[0]) + 1, last):
            if text[:at].count('"') % 2 == 0:
                first = text[:at] + clean.end
                halves = {clean.lines[index] + line_breaks(first)}
                broken = first + text[at:] + clean.end
                yield _replaced(clean, index, broken, f"behind {at} characters", also=halves)


def file_cut(clean: CleanFile) -> Iterator[Damage]:
    """Behind each byte."""
    content = clean.content
    for size in range(len(content)):
        yield _cut(clean, content[:size])


#: What happens to one cell.
OF_CELLS: dict[str, DamageKind] = {
    "delimiter removed": delimiter_removed,
    "delimiter added": delimiter_added,
    "delimiter changed": delimiter_changed,
    "quote added": quote_added,
    "quote removed": quote_removed,
    "quote moved": quote_moved,
    "cells quoted together": cells_quoted_together,
}
#: What happens to whole rows, and to the file.
OF_ROWS: dict[str, DamageKind] = {
    "delimiters of a row changed": delimiters_of_row_changed,
    "row cut short": row_cut_short,
    "row emptied": row_emptied,
    "row split": row_split,
    "lines joined": lines_joined,
    "file cut": file_cut,
}


def _each_cell(clean: CleanFile) -> Iterator[tuple[int, int, str]]:
    for index, record in enumerate(clean.records):
        for cell, written in enumerate(record):
            yield index, cell, written


def _plain(clean: CleanFile, sign: str) -> bool:
    return sign not in (clean.delimiter, '"', "\r", "\n")


def _other_signs(clean: CleanFile) -> list[str]:
    return [sign for sign in DELIMITERS if sign != clean.delimiter]


def _rewritten(
    clean: CleanFile, index: int, cell: int, text: str, name: str, *, odd: bool = False
) -> Damage:
    """The file with another text in the place of one written cell."""
    record = clean.records[index]
    cells = (*record[:cell], text, *record[cell + 1 :])
    whole = clean.delimiter.join(cells) + clean.end
    return _replaced(clean, index, whole, f"cell {cell + 1}, {name}", odd=odd)


def _quoted_together(
    clean: CleanFile, row: int, first: int, last_row: int, last: int
) -> Iterator[Damage]:
    rows = range(row, last_row + 1)
    cells = [list(clean.records[number]) for number in rows]
    cells[0][first] = '"' + cells[0][first]
    cells[-1][last] += '"'
    text = "".join(clean.delimiter.join(record) + clean.end for record in cells)
    # Quotes between them would close and open again.
    if text.count('"') == 2:
        name = f"from cell {first + 1} to cell {last + 1} of line {clean.lines[last_row]}"
        starts = {number: clean.lines[number] for number in rows}
        yield _replaced(clean, row, text, name, records=len(rows), starts=starts)


def _replaced(
    clean: CleanFile,
    index: int,
    text: str,
    name: str,
    *,
    records: int = 1,
    odd: bool = False,
    also: Set[int] = frozenset(),
    starts: Mapping[int, int] | None = None,
    warning: str | None = None,
) -> Damage:
    """The file with `text` in the place of some records from `index` on.

    odd: `text` has a quote too many or too few. That turns inside out what follows, so that records
        seem to begin within quotes: it may be there that the first impossible one is met.
    also: more lines on which an error is right.
    starts: where each of the rows that are hit starts now, if not all do at the same place.
    """
    behind = index + records
    parts = [*clean.texts[:index], text, *clean.texts[behind:]]
    line = clean.lines[index]
    lines = {line, *also}
    shift = line_breaks(text) - line_breaks("".join(clean.texts[index:behind]))
    if index == 0:
        # It may be a row that shows that the two do not fit.
        lines.update(each + shift for each in clean.lines[behind:])
    if odd:
        lines.update(_lines_inside(line, text))
        for start, record in zip(clean.lines[behind:], clean.texts[behind:], strict=True):
            lines.update(_lines_inside(start + shift, record))
    rows_hit = range(max(1, index), behind)
    starts = dict.fromkeys(rows_hit, line) if starts is None else starts
    untouched = [number for number in range(1, len(clean.texts)) if not index <= number < behind]
    return Damage(
        f"line {line}: {name}",
        clean.encoded("".join(parts)),
        frozenset(lines),
        {
            clean.lines[number] + (shift if number > index else 0): clean.read_cells(number)
            for number in untouched
        },
        tuple((starts[number], clean.read_cells(number)) for number in rows_hit),
        header=index == 0,
        warning=warning,
    )


def _lines_inside(line: int, text: str) -> range:
    """The lines on which a record goes on that starts on `line`."""
    return range(line + 1, line + line_breaks(text))


def _cut(clean: CleanFile, content: bytes) -> Damage:
    """The file that ends behind `content`."""
    kept = content.decode(clean.encoding, "ignore").removeprefix(clean.lead)
    size, rows = 0, {}
    for number, text in enumerate(clean.texts):
        size += len(text)
        if size > len(kept):
            # Its own line end is not needed for a row to be whole.
            break
        if number:
            rows[clean.lines[number]] = clean.read_cells(number)
    else:
        raise AssertionError("nothing was cut")
    begins = size - len(text)
    return Damage(
        f"behind {len(content)} bytes",
        content,
        frozenset({clean.lines[number]}),
        rows,
        ((clean.lines[number], clean.read_cells(number)),) if number and len(kept) > begins else (),
        header=number == 0,
        warning="no-final-newline",
    )
