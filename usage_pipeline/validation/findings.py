"""The located errors of one mapped file, from the same conditions that decide its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from usage_pipeline.intake.archive import write_then_rename
from usage_pipeline.reading import LocatedError, clip
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.rules import Rule
from usage_pipeline.schema.winners import differs, may_repeat, repeated, same_event
from usage_pipeline.validation.codes import CODES, is_warning
from usage_pipeline.warehouse.connection import Connection

ERROR_FILE = pa.schema(
    [
        ("line", pa.int64()),
        ("column", pa.string()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("warning", pa.bool_()),
    ]
)


def broken_rules(
    connection: Connection,
    frame: str,
    rules: Sequence[Rule],
    fields: Sequence[str],
    headers: Mapping[str, str],
    limit: int | None,
) -> Iterator[LocatedError]:
    """The first `limit` cells of a frame that break a rule, or all, by line, then by rule.

    Args:
        fields: of the schema, in order: what `written` holds.
        headers: {field: header as written}.
    """
    if not rules:
        return
    broken = ", ".join(
        f"CASE WHEN ({rule.holds}) IS NOT TRUE THEN {index} END" for index, rule in enumerate(rules)
    )
    most = "" if limit is None else f"LIMIT {limit}"
    rows = connection.execute(
        f"""SELECT line, rule, written
            FROM (SELECT line, written, unnest([{broken}]) AS rule
                  FROM {frame} WHERE written IS NOT NULL)
            WHERE rule IS NOT NULL ORDER BY line, rule {most}"""
    ).fetchall()
    place = {field: index for index, field in enumerate(fields)}
    for line, index, written in rows:
        rule = rules[index]
        text = written[place[rule.field]]
        value = None if text is None else clip(text)
        yield LocatedError(
            rule.code,
            f"{rule.description}." if value is None else f"{rule.description}, not '{value}'.",
            line=line,
            column=headers.get(rule.field),
            field=rule.field,
            value=value,
        )


def repeated_events(
    connection: Connection, frame: str, schema: EventSchema, limit: int
) -> tuple[dict[str, int], list[LocatedError]]:
    """Valid rows that lose to another line of the file: {code: count}, and samples.

    A repeat with the same content is a `duplicate-in-file`, with other content a
    `conflict-in-file`.
    """
    if schema.every_line_counts:
        return {}, []
    valid = f"(SELECT * FROM {frame} WHERE valid)"
    if connection.execute(may_repeat(schema, valid)).fetchall() == [(False,)]:
        return {}, []
    # Grouping finds the few keys that repeat; only they are joined back to their lines.
    repeats = f"""
        WITH best AS ({repeated(schema, valid)})
        SELECT again.line AS line, best.line AS best_line,
               CASE WHEN {differs(schema, "again", "winner")}
                    THEN 'conflict-in-file' ELSE 'duplicate-in-file' END AS code
        FROM best
        JOIN {frame} AS again ON again.valid AND again.line <> best.line
                             AND {same_event(schema, "again", "best")}
        JOIN {frame} AS winner ON winner.line = best.line"""
    total = connection.execute(f"SELECT code, count(*) FROM ({repeats}) GROUP BY code").fetchall()
    if not total:
        return {}, []
    rows = connection.execute(f"{repeats} ORDER BY again.line LIMIT {limit}").fetchall()
    return dict(total), [
        LocatedError(code, f"{CODES[code].title}: line {best}. {CODES[code].advice}", line=line)
        for line, best, code in rows
    ]


def write_error_file(findings: Sequence[LocatedError], schema: EventSchema, path: Path) -> None:
    """Write findings as Parquet, columns as in `ERROR_FILE`; the file is there whole or not."""
    table = pa.table(
        {
            name: [getattr(finding, name) for finding in findings]
            for name in ERROR_FILE.names
            if name != "warning"
        }
        | {"warning": [is_warning(finding.code, schema) for finding in findings]},
        schema=ERROR_FILE,
    )
    write_then_rename(path, partial(pq.write_table, table))


def read_error_file(path: Path) -> list[LocatedError]:
    """The findings in an error file, in their order."""
    rows = pq.read_table(path).drop_columns("warning").to_pylist()
    return [LocatedError(**row) for row in rows]
