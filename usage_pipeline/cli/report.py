"""The report on one checked file, as a person wants to read it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from usage_pipeline.cli.located import print_located, print_words
from usage_pipeline.cli.output import page
from usage_pipeline.cli.prospects import prospect_lines
from usage_pipeline.printable import printable
from usage_pipeline.register import Upload
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.codes import CODES, is_warning


def print_report(
    checked: CheckedFile, schema: EventSchema, max_errors: int, listed: int, known: Upload | None
) -> None:
    """Verdict and counts, odd headers, a summary by code with advice, what ingestion would do, and
    the located errors.

    Args:
        listed: how many errors the listing for programs has.
        known: the upload that has these bytes already.
    """
    console, mapped = page(), checked.mapped
    for words in (
        _title(checked),
        *_odd_headers(checked),
        *_codes(checked, schema),
        *prospect_lines(checked, known),
    ):
        print_words(console, words)
    errors = checked.errors[:max_errors]
    if errors:
        console.print()
        print_located(console, errors, mapped.source.path, mapped.match, schema)
    if len(errors) < checked.verdict.error_count:
        print_words(console, _bound(len(errors), checked.verdict.error_count, listed))
    console.print()


def _title(checked: CheckedFile) -> Text:
    verdict = checked.verdict
    passed = verdict.passed
    title = Text(printable(checked.mapped.source.file_name), style="bold")
    title.append(
        f"  {'passed' if passed else 'failed'}", style="bold green" if passed else "bold red"
    )
    counts = [
        _count(verdict.error_count, "error"),
        _count(verdict.warning_count, "warning"),
    ]
    if verdict.lines is not None:
        lines = f"{_count(verdict.lines, 'line')}: {verdict.valid:,} valid"
        counts.insert(0, f"{lines}, {verdict.invalid:,} invalid")
    return title.append(f"  {'; '.join(counts)}", style="not bold")


def _odd_headers(checked: CheckedFile) -> Iterator[Text]:
    """Each header that was recognised although it is not spelled as the schema spells it."""
    match = checked.mapped.match
    for field, header in (match.mapping if match else {}).items():
        if match and match.matched[field] == "spelling":
            words = f"is taken for {field}: only case or space differ from the schema"
            yield Text(f"  '{printable(header)}' {words}.")


def _codes(checked: CheckedFile, schema: EventSchema) -> Iterator[Text]:
    """How often each code was found and what to do about it, errors first."""
    codes = checked.verdict.codes
    for code in sorted(codes, key=lambda code: is_warning(code, schema)):
        known, warning = CODES[code], is_warning(code, schema)
        words = Text(f"  {codes[code]:,} × ")
        words.append(code, style="yellow" if warning else "red")
        words.append(f"{' (warning)' if warning else ''}: {known.title}. {known.advice}")
        yield words


def _bound(shown: int, total: int, listed: int) -> Text:
    more = f", --format json the first {listed:,}" if shown < listed else ""
    words = f"The first {shown:,} of {total:,} errors; --max-errors lists more{more}."
    return Text(words, style="bold")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
