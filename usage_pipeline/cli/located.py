"""Findings as a person reads them: where, what, and the record as it stands, bad cells marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from usage_pipeline.mapping.headers import HeaderMatch
from usage_pipeline.printable import printable
from usage_pipeline.reading import Excerpt, LocatedError
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.codes import is_warning
from usage_pipeline.validation.marked_records import marked, quote

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
    quoted = {
        line: marked(text, by_line[line], match, width)
        for line, text in quote(findings, path, match, schema.csv)
    }
    for line, found in by_line.items():
        for finding in found:
            print_words(console, _head(finding, schema))
        for excerpt in [] if line is None else quoted.get(line, []):
            _print_excerpt(console, excerpt)


def print_words(console: Console, words: Text) -> None:
    """Print one line of words: wrapped on a terminal, whole in a pipe."""
    console.print(words, soft_wrap=not console.is_terminal)


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
