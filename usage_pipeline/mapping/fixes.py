"""Files of corrected bad lines: the columns that were added to them, and how they are known again.

The upload they correct is named in a header, not in the rows: whoever works on them in a
spreadsheet sorts, copies and deletes rows, and leaves the header alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from usage_pipeline.formulas import unguard, unguard_column
from usage_pipeline.reading import Header

_LINE = "_line in "
_CODE, _MESSAGE = "_code", "_message"
_LINE_LABEL = re.compile(r"\s*_line\s+in\s+(\S+-[0-9a-f]{12})\s*")


def added_labels(upload: str) -> tuple[str, str, str]:
    """The headers of the columns that are put before the bad lines of an upload."""
    return f"{_LINE}{upload}", _CODE, _MESSAGE


def origin_of(labels: Iterable[str]) -> str | None:
    """The upload whose bad lines a file with this header row corrects; None for other files."""
    for label in labels:
        if found := _LINE_LABEL.fullmatch(label):
            return found[1]
    return None


def added_columns(labels: Sequence[str]) -> set[int]:
    """The places of the columns that are not the file's own; none in a file that is no fix."""
    if origin_of(labels) is None:
        return set()
    # The first of each: a file may have a column `_code` of its own.
    stripped = [label.strip() for label in labels]
    words = {stripped.index(name) for name in (_CODE, _MESSAGE) if name in stripped}
    return words | {
        index for index, label in enumerate(labels) if _LINE_LABEL.fullmatch(label) is not None
    }


def own_labels(header: Header) -> tuple[str, ...]:
    """The header row without the added columns: that of the file the bad lines came from."""
    added = added_columns(header.labels)
    return tuple(label for index, label in enumerate(labels_of(header)) if index not in added)


def labels_of(header: Header) -> tuple[str, ...]:
    """The labels as they were before `formulas.guard`, where the file is a fix."""
    if origin_of(header.labels) is None:
        return tuple(header.labels)
    return tuple(map(unguard, header.labels))


def unguarded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Records whose cells are again what they were before `formulas.guard`."""
    for batch in batches:
        columns = [
            unguard_column(column) if name not in ("line", "fault") else column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)
