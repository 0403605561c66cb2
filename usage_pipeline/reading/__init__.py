"""Bytes -> records, strictly: read exactly as RFC 4180, or refused with line and reason."""

from usage_pipeline.reading.dialect import DELIMITERS, Header, candidate_headers, read_header
from usage_pipeline.reading.located_error import LocatedError, UnreadableFile, clip
from usage_pipeline.reading.reader import Records, raw_records

__all__ = [
    "DELIMITERS",
    "Header",
    "LocatedError",
    "Records",
    "UnreadableFile",
    "candidate_headers",
    "clip",
    "raw_records",
    "read_header",
]
