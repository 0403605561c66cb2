"""Drafts of a test's files, and what the pipeline says of a file by its own draft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from usage_pipeline.flow import Flow
from usage_pipeline.schema import EventSchema, FieldSpec, load_schema
from usage_pipeline.suggest import Suggestion, suggest
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.codes import is_warning
from usage_pipeline_tests.workplace import Workplace

HEADER = ("Event ID", "Account", "When", "API Calls", "region")


def rows_of(count: int, **cells: Any) -> list[list[str]]:
    """Rows below `HEADER`; a keyword gives a column's cells, or makes them of the row's number."""
    usual: dict[str, Any] = {
        "id": lambda n: f"e-{n:05}",
        "account": lambda n: ("acme", "globex", "initech")[n % 3],
        "when": lambda n: f"2024-10-{1 + n % 28:02}T08:{n % 60:02}:00Z",
        "calls": lambda n: str(n % 7),
        "region": lambda n: ("us-east", "eu-west")[n % 2],
    }
    made = usual | cells
    return [[one(n) if callable(one) else one for one in made.values()] for n in range(count)]


def csv_text(header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """A file in which every cell is quoted, so that it may hold anything."""
    lines = [
        delimiter.join('"' + cell.replace('"', '""') + '"' for cell in record)
        for record in [header, *rows]
    ]
    return "\n".join(lines) + "\n"


def usage_text(count: int = 40, header: Sequence[str] = HEADER, **cells: Any) -> str:
    return csv_text(header, rows_of(count, **cells))


def draft_of(work: Workplace, text: str | bytes, name: str = "usage.csv", **how: Any) -> Suggestion:
    return suggest(work.file(name, text), work.folder, {}, **how)


def field_of(suggestion: Suggestion, header: str) -> FieldSpec | None:
    """The field that a header feeds; None where it is left out."""
    [column] = [one for one in suggestion.columns if one["header"] == header]
    return suggestion.schema.fields[column["field"]] if column["field"] else None


def asked(suggestion: Suggestion) -> list[str]:
    """What the open questions are about."""
    return [one.about for one in suggestion.questions]


def question(suggestion: Suggestion, about: str) -> str:
    """What is asked about a field or key; nothing where nothing is."""
    return " ".join(one.text for one in suggestion.questions if one.about == about)


def loaded(work: Workplace, yaml: str) -> EventSchema:
    """The schema of a `defs.yaml` with this text."""
    file = work.files / "defs.yaml"
    file.write_text(yaml, encoding="utf-8")
    schema = load_schema(file)
    assert schema is not None
    return schema


def checked(work: Workplace, file: Path, schema: EventSchema) -> CheckedFile:
    [found] = Flow(schema, work.folder).dry_run([file], 1000)
    return found


def error_codes(found: CheckedFile, schema: EventSchema) -> set[str]:
    return {code for code in found.verdict.codes if not is_warning(code, schema)}


def commented(yaml: str, line: str) -> str:
    """The comments above a line of a draft, joined."""
    lines = yaml.splitlines()
    at = next(i for i, one in enumerate(lines) if one.strip().startswith(line))
    above: list[str] = []
    while at and lines[at - 1].strip().startswith("#"):
        at -= 1
        above.insert(0, lines[at].strip().removeprefix("# "))
    return " ".join(above)
