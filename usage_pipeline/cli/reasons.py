"""What is wrong with each bad line of an upload, also where more went wrong than was kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from usage_pipeline.flow import Flow
from usage_pipeline.reading import LocatedError
from usage_pipeline.register import Upload, Verdict
from usage_pipeline.schema.rules import row_rules
from usage_pipeline.validation.codes import CODES
from usage_pipeline.validation.findings import broken_rules
from usage_pipeline.warehouse import scratch_connection
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import parquet

#: Bad lines whose findings are held at a time.
_AT_A_TIME = 5_000


def reasons(
    flow: Flow,
    upload: Upload,
    verdict: Verdict,
    kept: Sequence[LocatedError],
    bad: pa.Int64Array,
) -> Iterator[list[LocatedError]]:
    """The findings on each of the lines `bad`, in their order.

    The error file holds the first ones only (`csv.max_errors`). The others follow from the frame,
    by the rules that judged it; where the schema has changed since, nothing is known of them.

    Args:
        kept: what the error file holds.
    """
    of_line = _by_line(kept)
    known_to = _known_to(kept, verdict)
    same_rules = verdict.schema_version == flow.version_of(upload)
    with scratch_connection(flow.folder) as connection:
        for start in range(0, len(bad), _AT_A_TIME):
            lines = bad[start : start + _AT_A_TIME].to_pylist()
            found = of_line
            if known_to is not None and lines[-1] >= known_to and same_rules:
                again = _by_line(_again(flow, upload, verdict, connection, lines))
                found = again | {line: one for line, one in of_line.items() if line < known_to}
            for line in lines:
                yield found.get(line, [])


def _known_to(kept: Sequence[LocatedError], verdict: Verdict) -> int | None:
    """Up to which line everything that was found is kept; None for all lines."""
    if len(kept) >= verdict.error_count + verdict.warning_count:
        return None
    errors = [one.line or 0 for one in kept if not CODES[one.code].warning]
    return max(errors, default=0)


def _again(
    flow: Flow, upload: Upload, verdict: Verdict, connection: Connection, lines: Sequence[int]
) -> Iterator[LocatedError]:
    version = verdict.schema_version
    source = parquet(flow.archive.mapped(upload.schema, upload.upload, version))
    span = f"line BETWEEN {lines[0]} AND {lines[-1]}"
    frame = f"(SELECT * FROM {source} WHERE {span} AND NOT valid)"
    faults = connection.execute(f"SELECT line, fault FROM {frame} WHERE fault IS NOT NULL")
    for line, code in faults.fetchall():
        yield LocatedError(code, f"{CODES[code].title}. {CODES[code].advice}", line=line)
    rules, fields = row_rules(flow.schema), list(flow.schema.fields)
    yield from broken_rules(connection, frame, rules, fields, verdict.mapping, limit=None)


def _by_line(findings: Iterable[LocatedError]) -> dict[int, list[LocatedError]]:
    by_line: dict[int, list[LocatedError]] = {}
    for finding in findings:
        if finding.line is not None:
            by_line.setdefault(finding.line, []).append(finding)
    return by_line
