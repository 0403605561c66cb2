"""The report on one checked file, as a person wants to read it."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from usage_pipeline.cli.output import page
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.codes import CODES


def print_report(checked: CheckedFile, max_errors: int) -> None:
    """Verdict, counts, a summary by code with advice, and the located errors."""
    console, verdict = page(), checked.verdict
    state = "passed" if verdict.passed else "failed"
    title = Text(checked.mapped.source.file_name, style="bold")
    title.append(f"  {state}", style="bold green" if verdict.passed else "bold red")
    if verdict.lines is not None:
        title.append(f"  {verdict.lines} lines: {verdict.valid} valid, {verdict.invalid} invalid")
    console.print(title)
    for code, count in verdict.codes.items():
        known = CODES[code]
        kind = "warning" if known.warning else "error"
        console.print(f"  {count} × {code} ({kind}): {known.title}. {known.advice}", markup=False)
    errors = checked.errors[:max_errors]
    if errors:
        table = Table(box=None, header_style="bold", padding=(0, 2))
        for column in ("line", "column", "code", "message"):
            table.add_column(column, justify="right" if column == "line" else "left")
        for error in errors:
            where = str(error.line) if error.line else ""
            table.add_row(where, *map(Text, (error.column or "", error.code, error.message)))
        console.print(table)
    if 0 < len(errors) < verdict.error_count:
        console.print(f"  The first {len(errors)} of {verdict.error_count} errors.")
