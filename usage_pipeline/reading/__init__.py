"""Bytes -> records, strictly: read exactly as RFC 4180, or refused with line and reason."""

from usage_pipeline.reading.dialect import (
    DELIMITERS,
    SIGNS,
    Header,
    candidate_headers,
    cells_in,
    first_rows,
    fitting_delimiters,
    read_header,
    split_record,
)
from usage_pipeline.reading.excerpt import Excerpt, Piece, cell_spans, excerpts
from usage_pipeline.reading.located_error import FileChanged, LocatedError, UnreadableFile, clip
from usage_pipeline.reading.progress import (
    Advance,
    Phase,
    Progress,
    both,
    nobody,
    watched_by,
    watcher,
)
from usage_pipeline.reading.quoted_lines import quoted_lines
from usage_pipeline.reading.reader import Records, raw_records
from usage_pipeline.reading.text import Beginning, beginning_of

__all__ = [
    "DELIMITERS",
    "SIGNS",
    "Advance",
    "Beginning",
    "Excerpt",
    "FileChanged",
    "Header",
    "LocatedError",
    "Phase",
    "Piece",
    "Progress",
    "Records",
    "UnreadableFile",
    "beginning_of",
    "both",
    "candidate_headers",
    "cell_spans",
    "cells_in",
    "clip",
    "excerpts",
    "first_rows",
    "fitting_delimiters",
    "nobody",
    "quoted_lines",
    "raw_records",
    "read_header",
    "split_record",
    "watched_by",
    "watcher",
]
