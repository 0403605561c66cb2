"""Rows as a workbook in which every cell says just what it said in the file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.formulas import guard
from usage_pipeline.printable import printable
from usage_pipeline.reading import clip


class Row(NamedTuple):
    """The line in the file, its codes, their messages, its cells, and which of them are bad."""

    line: int
    codes: str
    messages: str
    cells: Sequence[str]
    bad: Collection[int] = ()


_MOST_ROWS, _MOST_COLUMNS, _LONGEST_CELL = 1_048_575, 16_384, 32_767
_LONGEST_NUMBER = 11
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_CANNOT_HOLD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: To a workbook `_x000D_` is a carriage return; what merely looks like that must say so.
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
#: However much of our own words is escaped, a cell holds so many of them.
_LONGEST_WORDS = 8_000
_TEXT_FORMAT = "@"
_COLUMN_WIDTH = 16
#: The colour of a bad cell, as spreadsheets mark what is bad.
_BAD = "FFFFC7CE"
_ADVICE = "write the bad lines as .csv"


def refuse_rows(count: int) -> None:
    """Raises WrongUse for more rows than a sheet has below its header."""
    if count > _MOST_ROWS:
        raise WrongUse(f"{count:,} lines are more than the {_MOST_ROWS:,} of a sheet; {_ADVICE}")


def write_workbook(path: Path, labels: Sequence[str], rows: Iterable[Row]) -> None:
    """Write a sheet with a header row; nothing in it is a formula, nothing is rounded or cut.

    A cell is a number only where a spreadsheet shows it just as it is written.

    Raises:
        WrongUse: a cell or row is too long for a workbook.
    """
    # Slow to load, and hardly ever needed.
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("bad lines")
    sheet.sheet_format.defaultColWidth = _COLUMN_WIDTH
    sheet.freeze_panes = "A2"
    try:
        sheet.append([_text_cell(sheet, guard(label), "The header") for label in labels])
        for row in rows:
            sheet.append(_row(sheet, row))
    finally:
        # Left open, it complains of that at some later time.
        sheet.close()
    book.save(path)


def _row(sheet: Any, row: Row) -> list[Any]:
    where = f"Line {row.line}"
    if len(row.cells) > _MOST_COLUMNS - 3:
        raise WrongUse(f"{where} has more cells than a sheet has columns; {_ADVICE}")
    words = [_text_cell(sheet, guard(clip(one, _LONGEST_WORDS)), where) for one in row[1:3]]
    cells = [
        _marked(sheet, _cell(sheet, text, where)) if index in row.bad else _cell(sheet, text, where)
        for index, text in enumerate(row.cells)
    ]
    return [row.line, *words, *cells]


def _cell(sheet: Any, text: str, where: str) -> Any:
    number = _number(text)
    # Saved as CSV, a cell is no text any more; whoever opens that must find no formula in it.
    return _text_cell(sheet, guard(text), where) if number is None else number


def _marked(sheet: Any, cell: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import PatternFill

    marked = WriteOnlyCell(sheet, cell) if isinstance(cell, int | float) else cell
    marked.fill = PatternFill("solid", start_color=_BAD)
    return marked


def _number(text: str) -> int | float | None:
    """The number that is written just so everywhere: 12 and -0.5, but not 007, 1.50 or 1e3."""
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    number = float(text) if "." in text else int(text)
    return number if repr(number) == text else None


def _text_cell(sheet: Any, text: str, where: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    held = _held(text)
    if len(held.encode("utf-16-le")) > 2 * _LONGEST_CELL:
        most = f"the {_LONGEST_CELL:,} characters of a cell in a workbook"
        raise WrongUse(f"{where} holds a text longer than {most}; {_ADVICE}")
    cell = WriteOnlyCell(sheet, held or None)
    cell.number_format = _TEXT_FORMAT
    if held:
        # openpyxl takes `=1+1` for a formula and `#N/A` for an error.
        cell.data_type = "s"
        cell.quotePrefix = True
    return cell


def _held(text: str) -> str:
    """The text as a workbook can hold it: what XML cannot is shown as its escape."""
    shown = _CANNOT_HOLD.sub(lambda found: printable(found[0]), text)
    return _LOOKS_ESCAPED.sub("_x005F_", shown).replace("\r", "_x000D_")
