"""What was made of a damaged file, and whether any of it is wrong without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from usage_pipeline.flow import Flow
from usage_pipeline.mapping.headers import match_file
from usage_pipeline.reading import LocatedError, Records, UnreadableFile
from usage_pipeline.schema import EventSchema
from usage_pipeline_tests.damage.clean_files import Cells, CleanFile
from usage_pipeline_tests.damage.damage import Damage

#: The whole file at once, and in blocks that end anywhere.
_BLOCK_SIZES = (1 << 16, 64, 17)


@dataclass
class Account:
    """What one file gave: the rows that count, and what was said of the others.

    refusal: why no row counts, where the whole file is refused.
    """

    rows: dict[int, Cells] = field(default_factory=dict)
    errors: list[LocatedError] = field(default_factory=list)
    warnings: list[LocatedError] = field(default_factory=list)
    refusal: list[LocatedError] = field(default_factory=list)


def read_records(
    path: Path, schema: EventSchema, fields: Sequence[str], block_size: int
) -> Account:
    """The file as the reader gives it, before any value is judged."""
    account = Account()
    try:
        match = match_file(path, schema)
        if match.errors:
            return Account(refusal=list(match.errors))
        fed = [name for name in fields if name in match.columns]
        columns = [match.columns[name] for name in fed]
        records = Records(path, match.header, columns, schema.csv, block_size=block_size)
        for batch in records.batches():
            for row in batch.to_pylist():
                line, fault, *cells = row.values()
                if fault is None:
                    found = dict(zip(fed, cells, strict=True))
                    account.rows[line] = tuple(found.get(name, "") for name in fields)
    except UnreadableFile as refused:
        return Account(refusal=[refused.error])
    if not records.lines:
        return Account(refusal=[LocatedError("empty-file", "no rows", match.header.line)])
    account.errors, account.warnings = records.errors, records.warnings
    return account


def check_by_flow(
    flow: Flow, paths: Sequence[Path], fields: Sequence[str], frames: Path
) -> Iterator[Account]:
    """The files as they are judged for good: values typed, rules checked, bad rows set aside."""
    for checked in flow.dry_run(paths, 1000, frames):
        warnings = [one for one in checked.findings if one not in checked.errors]
        account = Account(errors=checked.errors, warnings=warnings)
        if checked.mapped.frame is None:
            account.refusal, account.errors = account.errors, []
        if checked.verdict.passed:
            frame = frames / f"{checked.mapped.source.file_name}.parquet"
            for row in pq.read_table(frame, columns=["line", *fields]).to_pylist():
                line, *values = row.values()
                account.rows[line] = tuple("" if one is None else str(one) for one in values)
        yield account


def silent_differences(damage: Damage, account: Account) -> list[str]:
    """What differs from the undamaged file without an error, or a warning, in the right place."""
    if account.refusal:
        lines = {error.line for error in account.refusal}
        nothing_left = account.refusal[0].code == "empty-file" and not damage.rows
        wrong = not lines & damage.lines and not nothing_left
        return [f"refused, but on {lines}: {account.refusal[0].message}"] if wrong else []
    differences = []
    reported = {error.line for error in account.errors}
    warned = {warning.line for warning in account.warnings if warning.code == damage.warning}
    for line, cells in account.rows.items():
        known = damage.rows.get(line) == cells or (line, cells) in damage.hit
        if not known and line not in warned & damage.lines:
            differences.append(f"line {line} became {cells}")
    for line in damage.rows.keys() - account.rows.keys():
        if not (damage.header and line in reported):
            differences.append(f"line {line} is lost")
    for line, cells in damage.hit:
        said = line in reported or warned & damage.lines
        # Where the header swallowed its first row, no other row fits it.
        swallowed = damage.header and not account.rows
        if cells not in account.rows.values() and not said and not swallowed:
            differences.append(f"{cells} is lost")
    elsewhere = reported - damage.lines
    if elsewhere and not damage.header:
        differences.append(f"errors on lines {sorted(filter(None, elsewhere))}")
    return differences


def misread_by_the_reader(clean: CleanFile, damages: Iterable[Damage], folder: Path) -> list[str]:
    """All silent differences that reading damaged files gives."""
    path = folder / "usage.csv"
    found = []
    for number, damage in enumerate(damages):
        path.write_bytes(damage.content)
        block_size = _BLOCK_SIZES[number % len(_BLOCK_SIZES)]
        account = read_records(path, clean.schema, clean.fields, block_size)
        for difference in silent_differences(damage, account):
            found.append(f"{damage.name}: {difference}; {damage.content!r}")
    return found


def misread_by_the_flow(clean: CleanFile, damages: Sequence[Damage], flow: Flow) -> list[str]:
    """All silent differences that the way up to the verdict gives, with values as they are typed.

    What the rows' values are is what the same way makes of the clean file.
    """
    folder = flow.folder.root
    contents = [clean.content, *(damage.content for damage in damages)]
    paths = [folder / f"{number}.csv" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    whole, *accounts = check_by_flow(flow, paths, clean.fields, folder)
    indexes = range(1, len(clean.table))
    assert list(whole.rows) == list(clean.lines[1:])
    written = {whole.rows[clean.lines[index]]: clean.read_cells(index) for index in indexes}
    found = []
    for damage, account in zip(damages, accounts, strict=True):
        account.rows = {line: written.get(row, row) for line, row in account.rows.items()}
        for difference in silent_differences(damage, account):
            found.append(f"{damage.name}: {difference}; {damage.content!r}")
    return found
