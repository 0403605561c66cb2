"""The records that findings are about, as they stand in the file, with the bad cells marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.mapping.headers import HeaderMatch, normal_label
from usage_pipeline.reading import Excerpt, LocatedError, cell_spans, excerpts, quoted_lines
from usage_pipeline.schema import CsvOptions


@dataclass(frozen=True, slots=True)
class Quoted:
    """The text on a line of a file, and whether it is a whole record."""

    text: str
    is_record: bool


def quote(
    findings: Iterable[LocatedError],
    path: Path,
    match: HeaderMatch | None,
    options: CsvOptions,
) -> Iterator[tuple[int, Quoted]]:
    """What stands on the lines of `findings`, by line; lines that cannot be had are left out.

    Of a file that cannot be read as records, the physical lines.
    """
    lines = {one.line for one in findings if one.line is not None}
    header = match.header if match else None
    for line, text, is_record in quoted_lines(path, header, lines, options):
        yield line, Quoted(text, is_record)


def marked(
    quoted: Quoted, findings: Sequence[LocatedError], match: HeaderMatch | None, width: int
) -> list[Excerpt]:
    """A line in excerpts of at most `width` columns, with the cells of its findings marked."""
    if match is None:
        return excerpts(quoted.text, ",", (), width)
    delimiter = match.header.delimiter
    cells = _bad_cells(findings, match)
    if not quoted.is_record:
        # Of a record that runs on below, only the cells of its first line can be marked.
        cells &= set(range(sum(1 for _ in cell_spans(quoted.text, delimiter))))
    return excerpts(quoted.text, delimiter, cells, width)


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
