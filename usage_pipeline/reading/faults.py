"""Records that cannot be taken for what they say, though it is certain where they begin and end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from usage_pipeline.reading.dialect import DELIMITERS, SIGNS, Header, cells_in, split_record
from usage_pipeline.reading.located_error import LocatedError, clip
from usage_pipeline.reading.refusals import counted
from usage_pipeline.reading.structure import Structure

#: In the order in which they are looked for: of several the first counts.
FAULTS = ("missing-cell", "extra-cell", "control-character", "field-too-long")
SOUND = -1
_MISSING, EXTRA, _CONTROL, LONG = range(len(FAULTS))

#: Per record the index in `FAULTS`, or `SOUND`.
Faults: TypeAlias = NDArray[np.int8]
Mask: TypeAlias = NDArray[np.bool_]

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def faults_of(structure: Structure, width: int, columns: Sequence[int]) -> Faults | None:
    """What is wrong with each record, as far as its bytes tell; None where nothing is.

    Control characters count in `columns` only: what is not read can mislead nobody.
    """
    counts = np.isin(structure.control_cells, columns)
    controlled = structure.controls[counts]
    if structure.cells is None and not controlled.size:
        return None
    faults = np.full(len(structure.starts), SOUND, np.int8)
    faults[np.searchsorted(structure.starts, controlled, side="right") - 1] = _CONTROL
    if structure.cells is not None:
        faults[structure.cells < width] = _MISSING
        faults[structure.cells > width] = EXTRA
    return faults


def too_long(columns: Sequence[pa.ChunkedArray], limit: int) -> Mask | None:
    """Which rows hold a text of more than `limit` bytes; None where none does."""
    rows: Mask | None = None
    for column in columns:
        lengths = pc.binary_length(column)
        if (pc.max(lengths).as_py() or 0) > limit:
            long = np.asarray(pc.greater(lengths, limit))
            rows = long if rows is None else rows | long
    return rows


def describe(
    fault: str, record: bytes, line: int, header: Header, columns: Sequence[int]
) -> LocatedError:
    """The fault of one record, in words; `columns` are those that are read."""
    if fault in ("missing-cell", "extra-cell"):
        return LocatedError(fault, _cells_message(record, header), line)
    cells = split_record(record, header.delimiter)
    if fault == "control-character":
        column = next(column for column in columns if _CONTROLS.search(cells[column]))
        shown = clip(cells[column], 60)
        message = f"{_control_in(cells[column])}, which nobody sees: '{shown}'. Take it out."
    else:
        column = max(columns, key=lambda column: len(cells[column].encode()))
        size = len(cells[column].encode())
        message = f"The cell has {size:,} bytes, more than csv.max_field_length allows."
    label = header.labels[column]
    return LocatedError(fault, message, line, column=label, value=clip(cells[column]))


def _control_in(text: str) -> str:
    found = _CONTROLS.search(text)
    assert found is not None
    return f"The control character U+{ord(found[0]):04X} stands in it"


def _cells_message(record: bytes, header: Header) -> str:
    width, count = len(header.labels), cells_in(record, header.delimiter) or 0
    advice = (
        "Add the missing ones"
        if count < width
        else "Take the extra ones out, or quote a cell that holds the delimiter"
    )
    message = f"The record has {counted(count, 'cell')}, the header has {width}. {advice}."
    if count == 1:
        message += " It may be the rest of the line before, which a line end outside quotes broke."
    for other in DELIMITERS if width > 1 else ():
        if other != header.delimiter and cells_in(record, other) == width:
            message += f" With {SIGNS[other]} between cells it would have just as many."
    text = record.decode("utf-8")
    return f"{message} {_control_in(text)}." if _CONTROLS.search(text) else message
