"""Findings as a person reads them: where, what, and the record as it stands, bad cells marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from usage_pipeline.mapping.headers import HeaderMatch, normal_label
from usage_pipeline.printable import printable
from usage_pipeline.reading import (
    Excerpt,
    LocatedError,
    cell_spans,
    excerpts,
    quoted_lines,
)
from usage_pipeline.schema import CsvOptions, EventSchema
from usage_pipeline.validation.codes import is_warning

_INDENT = "    "
_NARROWEST = 20


def print_located(
    console: Console,
    findings: Sequence[LocatedError],
    path: Path,
    match: HeaderMatch | None,
    schema: EventSchema,
) -> None:
    """Print findings by line, in the order given, and below each line's the line itself."""
    by_line: dict[int | None, list[LocatedError]] = {}
    for finding in findings:
        by_line.setdefault(finding.line, []).append(finding)
    width = max(_NARROWEST, console.width - len(_INDENT))
    shown = dict(_excerpts(by_line, path, match, schema.csv, width))
    for line, found in by_line.items():
        for finding in found:
            print_words(console, _head(finding, schema))
        for excerpt in shown.get(line, []):
            _print_excerpt(console, excerpt)


def print_words(console: Console, words: Text) -> None:
    """Print one line of words: wrapped on a terminal, whole in a pipe."""
    console.print(words, soft_wrap=not console.is_terminal)


def _excerpts(
    by_line: dict[int | None, list[LocatedError]],
    path: Path,
    match: HeaderMatch | None,
    options: CsvOptions,
    width: int,
) -> Iterator[tuple[int | None, list[Excerpt]]]:
    header = match.header if match else None
    lines = [line for line in by_line if line is not None]
    for line, text, is_record in quoted_lines(path, header, lines, options):
        if match is None:
            yield line, excerpts(text, ",", (), width)
        else:
            delimiter = match.header.delimiter
            cells = _bad_cells(by_line[line], match)
            if not is_record:
                # Of a record that runs on below, only the cells of its first line can be marked.
                cells &= set(range(sum(1 for _ in cell_spans(text, delimiter))))
            yield line, excerpts(text, delimiter, cells, width)


def _bad_cells(found: Sequence[LocatedError], match: HeaderMatch) -> set[int]:
    """The indexes of the cells that the findings of one line are about."""
    labels = match.header.labels
    cells: set[int] = set()
    for finding in found:
        if finding.column is not None:
            cells.update(
                index
                for index, label in enumerate(labels)
                if normal_label(label) == normal_label(finding.column)
            )
        elif finding.code == "blank-label":
            cells.update(index for index, label in enumerate(labels) if not label.strip())
        elif finding.code == "missing-cell":
            cells.add(len(labels) - 1)
        elif finding.code == "extra-cell":
            cells.add(len(labels))
    return cells


def _head(finding: LocatedError, schema: EventSchema) -> Text:
    warning = is_warning(finding.code, schema)
    place = "the file" if finding.line is None else f"line {finding.line}"
    head = Text(f"{place}  ", style="bold")
    head.append(finding.code, style="yellow" if warning else "red")
    head.append(" (warning)  " if warning else "  ", style="not bold")
    if finding.column is not None:
        head.append(f"{printable(finding.column)}: ")
    head.append(printable(finding.message), style="not bold")
    return head


def _print_excerpt(console: Console, excerpt: Excerpt) -> None:
    text = Text(_INDENT)
    for piece in excerpt.pieces:
        text.append(piece.text, style="reverse red" if piece.marked else "")
    console.print(text, soft_wrap=True)
    if excerpt.marks:
        console.print(Text(_INDENT + excerpt.marks, style="red"), soft_wrap=True)
