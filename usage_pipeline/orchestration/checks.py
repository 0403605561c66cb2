"""The verdicts of `mapped_events` as Dagster asset checks, one evaluation per upload partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from usage_pipeline.flow import Flow
from usage_pipeline.mapping.headers import HeaderMatch, match_file
from usage_pipeline.orchestration.partitioned_checks import (
    latest_materialization,
    partitioned_check,
)
from usage_pipeline.orchestration.review_metadata import next_step_here
from usage_pipeline.printable import printable
from usage_pipeline.reading import LocatedError, UnreadableFile
from usage_pipeline.register import Upload
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.rules import Rule
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.codes import CHECKS, CODES, Check, check_of, is_warning
from usage_pipeline.validation.findings import read_error_file
from usage_pipeline.validation.marked_records import Quoted, marked, quote

SAMPLES = 20
#: Characters of a record that are shown around its bad cell.
RECORD_WIDTH = 160
#: Around the bad cell; no sign that the font of the UI would draw as one with a neighbour.
MARKS = ("►", "◄")

_WORDS: dict[Check, str] = {
    "structure": "The file is read exactly: every record has as many cells as the header",
    "mapping": "Every field finds its column",
    "values": "The Great Expectations suite of the schema: required values, types, constraints",
    "timestamps": "Every time is exact, unambiguous and within its limits",
    "duplicates": "No event stands in the file twice",
}


def check_specs(asset: dg.AssetKey, partitions: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """The checks of a schema's `mapped_events`."""
    return [partitioned_check(name, asset, _WORDS[name], partitions) for name in CHECKS]


def evaluations(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    schema: EventSchema,
    asset: dg.AssetKey,
    partition: str,
    checked: CheckedFile,
    error_file: Path,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Each check's result for one upload, about the materialization just made."""
    target = latest_materialization(context.instance, asset, partition)
    samples = _Samples.of(
        checked.findings, checked.mapped.source.path, checked.mapped.match, schema
    )
    for name in CHECKS:
        yield dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=name,
            partition=partition,
            target_materialization_data=target,
            **_result(name, schema, checked, error_file, samples),
        )


def unreadable_observation(
    schema: EventSchema, asset: dg.AssetKey, upload: Upload, checked: CheckedFile
) -> dg.AssetObservation:
    """What is wrong with a file that no frame could be made of, for its partition of `asset`."""
    source, match = checked.mapped.source, checked.mapped.match
    samples = _Samples.of(checked.findings, source.path, match, schema)
    shown: dict[str, Any] = {
        "state": dg.MetadataValue.text(upload.state),
        "next_step": dg.MetadataValue.text(next_step_here(upload)),
        "what_is_wrong": dg.MetadataValue.text(_summary(Counter(checked.verdict.codes))),
        **_table("samples", samples.rows(checked.findings)),
    }
    return dg.AssetObservation(asset, partition=upload.upload, metadata=shown)


def conflict_evaluation(flow: Flow, upload: Upload) -> dg.AssetCheckEvaluation:
    """The check `duplicates` once more: the ledger has refused what the file alone did not show."""
    verdict = flow.register.verdict(upload)
    version = upload.schema_version or ""
    error_file = flow.archive.errors(upload.schema, upload.upload, version)
    found = [one for one in read_error_file(error_file) if check_of(one.code) == "duplicates"]
    codes = verdict.codes if verdict else {}
    counts = Counter({code: n for code, n in codes.items() if check_of(code) == "duplicates"})
    original = flow.archive.original(upload.schema, upload.upload)
    samples = _Samples.of(
        found, original, _match(original, flow.schema, upload.chosen), flow.schema
    )
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey([upload.schema, "mapped_events"]),
        check_name="duplicates",
        partition=upload.upload,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_summary(counts),
        metadata=_shown(found, counts, flow.schema, error_file, samples),
    )


def _match(
    original: Path, schema: EventSchema, chosen: Mapping[str, str] | None
) -> HeaderMatch | None:
    try:
        return match_file(original, schema, chosen)
    except (UnreadableFile, OSError):
        return None


def _shown(
    findings: list[LocatedError],
    counts: Counter[str],
    schema: EventSchema,
    error_file: Path,
    samples: _Samples,
) -> dict[str, Any]:
    return {
        "findings": sum(counts.values()),
        "samples_are": dg.MetadataValue.text(_extent(len(findings), counts, schema)),
        "error_file": dg.MetadataValue.path(error_file),
        **_table("by_code", _by_code(counts)),
        **_table("samples", samples.rows(findings)),
    }


def _result(
    name: Check, schema: EventSchema, checked: CheckedFile, error_file: Path, samples: _Samples
) -> dict[str, Any]:
    mine = [one for one in checked.findings if _belongs(one, schema) == name]
    counts = _exact_counts(name, schema, checked)
    not_looked_at = checked.mapped.frame is None and not mine and name != "structure"
    if not_looked_at and not (name == "mapping" and checked.mapped.match is not None):
        return {
            "passed": False,
            "severity": dg.AssetCheckSeverity.WARN,
            "description": "Not looked at: the file could not be read.",
            "metadata": {},
        }
    fails = any(not is_warning(code, schema) for code in counts) and not checked.verdict.passed
    return {
        "passed": not counts,
        "severity": dg.AssetCheckSeverity.ERROR if fails else dg.AssetCheckSeverity.WARN,
        "description": _summary(counts),
        "metadata": {
            **_shown(mine, counts, schema, error_file, samples),
            **_table("suite", _expectations(name, schema, checked)),
        },
    }


def _belongs(finding: LocatedError, schema: EventSchema) -> Check:
    field = schema.fields.get(finding.field or "")
    return check_of(finding.code, field.type if field else None)


def _exact_counts(name: Check, schema: EventSchema, checked: CheckedFile) -> Counter[str]:
    """{code: count} of one check; from the rules' results, as kept findings are bounded."""
    of_rules: Counter[str] = Counter()
    mine: Counter[str] = Counter()
    for result in checked.results:
        of_rules[result.rule.code] += result.unexpected
        if _check_of_rule(result.rule, schema) == name:
            mine[result.rule.code] += result.unexpected
    for code, count in checked.verdict.codes.items():
        if check_of(code) == name:
            mine[code] += count - of_rules[code]
    return +mine


def _summary(counts: Counter[str]) -> str:
    if not counts:
        return "Nothing found."
    return "; ".join(f"{CODES[code].title}: {count}" for code, count in counts.most_common())


def _extent(kept: int, counts: Counter[str], schema: EventSchema) -> str:
    """How much of what was found is shown here, and where the rest is."""
    total = sum(counts.values())
    if total <= SAMPLES:
        return "all that was found"
    where = f"the error file has {'all' if kept == total else f'the first {kept}'}"
    return (
        f"the first {min(SAMPLES, kept)} of {total}; {where} (csv.max_errors: "
        f"{schema.csv.max_errors}), and the frame every bad line (valid = false)"
    )


def _table(name: str, rows: list[dict[str, Any]]) -> dict[str, dg.TableMetadataValue]:
    # Dagster takes no table without rows.
    return {name: dg.MetadataValue.table([dg.TableRecord(row) for row in rows])} if rows else {}


def _by_code(counts: Counter[str]) -> list[dict[str, Any]]:
    return [
        {
            "code": code,
            "count": count,
            "what": CODES[code].title,
            "what to do": CODES[code].advice,
        }
        for code, count in counts.most_common()
    ]


@dataclass(frozen=True, slots=True)
class _Samples:
    """The first findings of each check, with what stands on their lines."""

    quoted: dict[int, Quoted]
    match: HeaderMatch | None

    @classmethod
    def of(
        cls,
        findings: Sequence[LocatedError],
        original: Path,
        match: HeaderMatch | None,
        schema: EventSchema,
    ) -> _Samples:
        """Read the lines, in one pass over the file, and only where there is anything to show."""
        first: dict[Check, list[LocatedError]] = {}
        for one in findings:
            of_check = first.setdefault(_belongs(one, schema), [])
            if len(of_check) < SAMPLES:
                of_check.append(one)
        wanted = [one for of_check in first.values() for one in of_check]
        return cls(dict(quote(wanted, original, match, schema.csv)) if wanted else {}, match)

    def rows(self, findings: Sequence[LocatedError]) -> list[dict[str, Any]]:
        """Of one check: where, the record with the bad cell between `MARKS`, and why."""
        return [
            {
                "line": one.line,
                "column": _shown_text(one.column),
                "value": _shown_text(one.value),
                "record": self._record(one),
                "code": one.code,
                "message": printable(one.message),
                "what to do": CODES[one.code].advice,
            }
            for one in findings[:SAMPLES]
        ]

    def _record(self, finding: LocatedError) -> str | None:
        quoted = self.quoted.get(finding.line or 0)
        if quoted is None:
            return None
        return " ".join(
            "".join(
                f"{MARKS[0]}{piece.text}{MARKS[1]}" if piece.marked else piece.text
                for piece in one.pieces
            )
            for one in marked(quoted, [finding], self.match, RECORD_WIDTH)
        )


def _shown_text(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _expectations(name: Check, schema: EventSchema, checked: CheckedFile) -> list[dict[str, Any]]:
    return [
        {
            "expectation": result.rule.description,
            "rows": result.checked,
            "unexpected": result.unexpected,
        }
        for result in checked.results
        if _check_of_rule(result.rule, schema) == name
    ]


def _check_of_rule(rule: Rule, schema: EventSchema) -> Check:
    return check_of(rule.code, schema.fields[rule.field].type)
