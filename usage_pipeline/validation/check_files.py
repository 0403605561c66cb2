"""The validation stage: mapped files get their verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from usage_pipeline.mapping.map_files import MappedFile, SourceFile
from usage_pipeline.reading import Advance, LocatedError, Progress, nobody
from usage_pipeline.register import Verdict
from usage_pipeline.schema import EventSchema, schema_version
from usage_pipeline.validation.codes import CODES, is_warning
from usage_pipeline.validation.findings import broken_rules, repeated_events, write_error_file
from usage_pipeline.validation.near_customers import with_near
from usage_pipeline.validation.profile import Profile, totals_of
from usage_pipeline.validation.suite import RuleResult, SuiteRunner
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import parquet

#: So many rows are held apart in memory.
_FEW = 100_000


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A mapped file and what the checks said of it.

    findings: errors and warnings by line, the first ones when there are more than were kept.
    results: of each rule of the schema, with exact counts; empty when there is no frame.
    profile: what its valid rows would bring; None when there is no frame.
    """

    mapped: MappedFile
    schema: EventSchema
    verdict: Verdict
    findings: tuple[LocatedError, ...]
    results: tuple[RuleResult, ...] = ()
    profile: Profile | None = None

    @property
    def errors(self) -> list[LocatedError]:
        return [one for one in self.findings if not is_warning(one.code, self.schema)]


def check_files(
    files: Iterable[MappedFile],
    schema: EventSchema,
    suite: SuiteRunner,
    target: Callable[[SourceFile], Path],
    connection: Connection,
    max_errors: int,
    progress: Progress = nobody,
) -> Iterator[CheckedFile]:
    """Check each file by the schema's suite and write its error file.

    Args:
        target: where the error file of a file goes.
        connection: a scratch engine that may read the frames.
        max_errors: how many errors are kept with their messages, and as many warnings; counts and
            bad lines are always complete.
        progress: is told when the checks of a file begin.
    """
    for mapped in files:
        if mapped.frame is not None:
            size, rows = mapped.size, mapped.lines or 0
            progress(Advance(mapped.source.file_name, "checking", size, size, rows))
        checked = _check(mapped, schema, suite, connection, max_errors)
        write_error_file(checked.findings, schema, target(mapped.source))
        yield checked


def _check(
    mapped: MappedFile,
    schema: EventSchema,
    suite: SuiteRunner,
    connection: Connection,
    max_errors: int,
) -> CheckedFile:
    if mapped.lines == 0:
        empty = LocatedError("empty-file", CODES["empty-file"].advice)
        mapped = replace(mapped, frame=None, errors=(*mapped.errors, empty))
    of_file = [*mapped.errors, *mapped.warnings]
    if mapped.frame is None:
        return CheckedFile(mapped, schema, _refused(mapped, schema), tuple(of_file))

    rows = f"SELECT * FROM {parquet(mapped.frame)}"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW frame AS {rows}")
    [(lines, valid, found)] = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE valid), count(written) FROM frame"
    ).fetchall()
    if lines != mapped.lines:
        raise RuntimeError(
            f"{mapped.source.file_name}: {mapped.lines} records were read and {lines} mapped"
        )
    if found:
        _gather_broken(connection, found)
    results = _results(connection, suite, lines, found)
    codes = _counts(connection, mapped, results)
    repeats, repeat_findings = repeated_events(connection, "frame", schema, max_errors)
    codes |= repeats
    conflicts = any(not is_warning(code, schema) for code in repeats)
    fields = list(schema.fields)
    broken = [
        finding
        for warning in (False, True)
        for finding in broken_rules(
            connection,
            "broken",
            [one.rule for one in results if one.unexpected and one.rule.warning is warning],
            fields,
            mapped.mapping,
            max_errors,
        )
    ]
    verdict = Verdict(
        schema_version=schema_version(schema, mapped.source.chosen),
        passed=not conflicts
        and (valid == lines or (schema.on_invalid == "quarantine_rows" and valid > 0)),
        lines=lines,
        valid=valid,
        invalid=lines - valid,
        error_count=sum(n for code, n in codes.items() if not is_warning(code, schema)),
        warning_count=sum(n for code, n in codes.items() if is_warning(code, schema)),
        duplicates=sum(repeats.values()),
        mapping=mapped.mapping,
        codes=codes,
    )
    findings = first_of_each([*of_file, *broken, *repeat_findings], schema, max_errors)
    if "unknown-customer" in codes:
        findings = with_near(connection, findings)
    profile = Profile(totals_of(connection, "(SELECT * FROM frame WHERE valid)", schema))
    return CheckedFile(mapped, schema, verdict, tuple(findings), tuple(results), profile)


def with_conflicts(verdict: Verdict, count: int) -> Verdict:
    """A verdict on a file of which so many rows say otherwise than what counts already."""
    before = verdict.codes.get("conflict-with-ledger", 0)
    others = {code: n for code, n in verdict.codes.items() if code != "conflict-with-ledger"}
    return replace(
        verdict,
        passed=verdict.passed and not count,
        error_count=verdict.error_count - before + count,
        codes=others | ({"conflict-with-ledger": count} if count else {}),
    )


def first_of_each(
    findings: Iterable[LocatedError], schema: EventSchema, most: int
) -> list[LocatedError]:
    """By line, at most `most` errors and as many warnings: neither may crowd out the other."""
    ordered = sorted(findings, key=lambda one: one.line or 0)
    errors = [one for one in ordered if not is_warning(one.code, schema)][:most]
    warnings = [one for one in ordered if is_warning(one.code, schema)][:most]
    return sorted([*errors, *warnings], key=lambda one: one.line or 0)


def _gather_broken(connection: Connection, found: int) -> None:
    """Make `broken`, the rows of `frame` that break a rule: `written` marks them.

    Several look at them, and few are set apart for that: each look would read the whole frame.
    """
    rows = "SELECT * FROM frame WHERE written IS NOT NULL"
    if found <= _FEW:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE few_broken AS {rows}")
        rows = "SELECT * FROM few_broken"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW broken AS {rows}")


def _results(
    connection: Connection, suite: SuiteRunner, lines: int, found: int
) -> list[RuleResult]:
    """What the suite says of a frame, of which it is shown `broken` alone.

    The same conditions marked these rows, and of the others nothing is to be counted. A file
    without any does not wait seconds for Great Expectations to be imported.
    """
    if not found:
        return [RuleResult(rule, lines, 0) for rule in suite.rules]
    return [replace(one, checked=lines) for one in suite.run(connection, "broken")]


def _counts(
    connection: Connection, mapped: MappedFile, results: Iterable[RuleResult]
) -> dict[str, int]:
    """{code: how often}, exact however many messages were kept."""
    codes = Counter(warning.code for warning in mapped.warnings)
    faults = "SELECT fault, count(*) FROM broken WHERE fault IS NOT NULL GROUP BY fault"
    codes.update(dict(connection.execute(faults).fetchall()) if mapped.faulty else {})
    for result in results:
        codes[result.rule.code] += result.unexpected
    return {code: count for code, count in codes.items() if count}


def _refused(mapped: MappedFile, schema: EventSchema) -> Verdict:
    """The verdict on a file that has no rows to judge."""
    return Verdict(
        schema_version=schema_version(schema, mapped.source.chosen),
        passed=False,
        lines=mapped.lines,
        valid=mapped.lines,
        invalid=mapped.lines,
        error_count=len(mapped.errors),
        warning_count=len(mapped.warnings),
        duplicates=None,
        mapping=mapped.mapping,
        codes=dict(Counter(one.code for one in (*mapped.errors, *mapped.warnings))),
    )
