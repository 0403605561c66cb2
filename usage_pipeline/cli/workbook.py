"""Rows as a workbook in which every cell says just what it said in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from usage_pipeline.cli.problems import WrongUse
from usage_pipeline.printable import printable
from usage_pipeline.reading import clip

#: The line in the file, its codes, their messages, and its cells.
Row = tuple[int, str, str, Sequence[str]]

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
        sheet.append([_text_cell(sheet, label, "The header") for label in labels])
        for row in rows:
            sheet.append(_row(sheet, row))
    finally:
        # Left open, it complains of that at some later time.
        sheet.close()
    book.save(path)


def _row(sheet: Any, row: Row) -> list[Any]:
    line, codes, message, cells = row
    where = f"Line {line}"
    if len(cells) > _MOST_COLUMNS - 3:
        raise WrongUse(f"{where} has more cells than a sheet has columns; {_ADVICE}")
    words = [_text_cell(sheet, clip(one, _LONGEST_WORDS), where) for one in (codes, message)]
    return [line, *words, *(_cell(sheet, text, where) for text in cells)]


def _cell(sheet: Any, text: str, where: str) -> Any:
    number = _number(text)
    return _text_cell(sheet, text, where) if number is None else number


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
