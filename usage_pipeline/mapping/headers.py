"""Which header of the file feeds which field of the schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from usage_pipeline.mapping.fixes import added_columns, labels_of, origin_of
from usage_pipeline.mapping.likeness import likeliest
from usage_pipeline.reading import (
    DELIMITERS,
    SIGNS,
    Header,
    LocatedError,
    UnreadableFile,
    beginning_of,
    candidate_headers,
    clip,
    first_rows,
)
from usage_pipeline.schema import EventSchema, FieldSpec

#: What a title or a remark in the place of the header may look like to the reader.
_OF_FIRST_LINE = ("stray-quote", "unclosed-quote", "record-too-long")
_LONGEST_LINE = 64 << 10
_LIKELIEST = "Likeliest:"
_LOOKS_LIKE_DATA = re.compile(r"[+-]?[\d.,]*\d([eE][+-]?\d+)?|\d{4}-\d{2}-\d{2}([T ].*)?")

#: By a label that the schema lists, by the field's name, by one of them but for case and space, or
#: because a person says so.
Matched = Literal["label", "name", "spelling", "person"]


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A header row held against a schema.

    columns: {field: index of the file's column}, for every field that the file feeds.
    complete: every required field is fed.
    matched: {field: how its header was recognised}.
    """

    header: Header
    columns: dict[str, int]
    complete: bool
    errors: tuple[LocatedError, ...]
    warnings: tuple[LocatedError, ...]
    matched: dict[str, Matched]

    @property
    def fix_of(self) -> str | None:
        """The upload whose bad lines the file corrects, None for any other file."""
        return origin_of(self.header.labels)

    @property
    def mapping(self) -> dict[str, str]:
        """{field: header as written}."""
        return {field: self.header.labels[index] for field, index in self.columns.items()}


def headers_of(path: Path, schema: EventSchema) -> list[Header]:
    """The header row as each delimiter of the schema would split it; none if unreadable."""
    try:
        return candidate_headers(path, _asked(schema), schema.csv)
    except UnreadableFile:
        return []


def match_file(
    path: Path, schema: EventSchema, chosen: Mapping[str, str] | None = None
) -> HeaderMatch:
    """Find the header of the file and match it, with the schema's delimiter or the one that fits.

    Where none feeds all required fields, the errors say why: a header further down, another
    delimiter, no header at all, or just the labels that are missing.

    Args:
        chosen: {field: header} as a person says; see `match_header`.

    Raises:
        UnreadableFile: no header could be read at all.
    """
    try:
        headers = candidate_headers(path, _asked(schema), schema.csv)
    except UnreadableFile as refusal:
        if refusal.error.code not in _OF_FIRST_LINE:
            raise
        line = refusal.error.line or 1
        reason = _title_row(path, schema, line) or _unsplit_line(path, schema, line)
        raise UnreadableFile(reason or refusal.error) from None
    best = _best([match_header(header, schema, chosen) for header in headers])
    if best.complete:
        return best
    reason = (
        _title_row(path, schema, best.header.line)
        or _other_delimiter(path, schema, best)
        or _one_column(schema, best.header.labels, best.header.line)
    )
    return replace(best, errors=(reason,), warnings=()) if reason else best


def match_header(
    header: Header, schema: EventSchema, chosen: Mapping[str, str] | None = None
) -> HeaderMatch:
    """Match labels to fields; upper and lower case and the amount of space do not matter.

    Args:
        chosen: {field: header} as a person says: the field takes that column and no other, and no
            other field takes it by itself.
    """
    chosen = chosen or {}
    added = added_columns(header.labels)
    places = _places(header)
    errors = bad_labels(header)
    taken = {normal_label(label) for label in chosen.values()}

    columns: dict[str, int] = {}
    missing: list[str] = []
    for name, field in schema.fields.items():
        if not field.in_file:
            continue
        if name in chosen:
            accepted = [normal_label(chosen[name])]
        else:
            accepted = [one for one in accepted_labels(name, field) if one not in taken]
        present = [label for label in accepted if label in places]
        if len(present) > 1:
            errors.append(_ambiguous(header, name, [places[label][0] for label in present]))
        if present:
            columns[name] = places[present[0]][0]
        elif name in chosen:
            errors.append(_chosen_is_missing(header, name, chosen[name]))
        elif field.required:
            missing.append(name)
    free = [
        label
        for index, label in enumerate(header.labels)
        if index not in added and index not in columns.values() and label.strip()
    ]
    errors += [_missing(header, name, schema.fields[name], free) for name in missing]
    if not columns:
        nothing = _no_label_matched(header, schema)
        guesses = [one for one in errors if one.field in missing and _LIKELIEST in one.message]
        errors = [nothing, *(guesses if nothing.code == "missing-label" else [])]
    unmapped = set(range(len(header.labels))) - set(columns.values()) - added
    warnings = [
        LocatedError(
            "unmapped-label",
            f"No field of the schema takes the column '{header.labels[index]}'; it is not read.",
            line=header.line,
            column=header.labels[index],
        )
        for index in sorted(unmapped)
        if columns and header.labels[index].strip()
    ]
    complete = all(name in columns for name in _needed(schema))
    matched = {
        name: "person"
        if name in chosen
        else _how_matched(header.labels[index], name, schema.fields[name])
        for name, index in columns.items()
    }
    return HeaderMatch(header, columns, complete, tuple(errors), tuple(warnings), matched)


def accepted_labels(name: str, field: FieldSpec) -> list[str]:
    """The labels a field takes, normalised: those listed, in order, and its own name."""
    return list(dict.fromkeys(normal_label(label) for label in [*field.from_, name]))


def _how_matched(written: str, name: str, field: FieldSpec) -> Matched:
    if written in field.from_:
        return "label"
    return "name" if written == name else "spelling"


def normal_label(label: str) -> str:
    """What two headers share that differ in case and space only."""
    return " ".join(label.split()).casefold()


def _best(matches: Sequence[HeaderMatch]) -> HeaderMatch:
    # The whole file must still fit the delimiter chosen here: the reader checks every record.
    return max(
        matches,
        key=lambda match: (match.complete, len(match.columns), len(match.header.labels)),
    )


def _title_row(path: Path, schema: EventSchema, line: int) -> LocatedError | None:
    """Whether the file's header stands further down than on `line`, where it must be."""
    for row in first_rows(path, schema.csv):
        if row.line > line and match_header(row, schema).complete:
            above = f"Line {line} stands" if row.line == line + 1 else "Lines stand"
            message = (
                f"{above} above the header, which is on line {row.line}. Take out what is above "
                "it: nothing may stand before the header."
            )
            return LocatedError("title-row", message, line=line)
    return None


def _other_delimiter(path: Path, schema: EventSchema, match: HeaderMatch) -> LocatedError | None:
    """Whether the header makes sense with another delimiter than the schema names."""
    if schema.csv.delimiter == "auto":
        return None
    try:
        others = candidate_headers(path, DELIMITERS, schema.csv)
    except UnreadableFile:
        return None
    better = _best([match_header(header, schema) for header in others])
    if not better.complete:
        return None
    return LocatedError(
        "wrong-delimiter",
        f"The schema says that {SIGNS[match.header.delimiter]} separates cells, but the header "
        f"only makes sense with {SIGNS[better.header.delimiter]}.",
        line=match.header.line,
    )


def _unsplit_line(path: Path, schema: EventSchema, line: int) -> LocatedError | None:
    """Whether the header, malformed as it is, holds no delimiter that was tried."""
    content = beginning_of(path, schema.csv, _LONGEST_LINE).content.decode(errors="replace")
    [text] = re.split(r"\r\n|\r|\n", content)[line - 1 : line] or [None]
    if text is None or any(sign in text for sign in _asked(schema)):
        return None
    return _one_column(schema, [text], line)


def _one_column(schema: EventSchema, labels: Sequence[str], line: int) -> LocatedError | None:
    """Whether no delimiter that was tried splits the header, though the schema needs it split."""
    if len(labels) > 1 or not labels[0].strip() or len(_needed(schema)) < 2:
        return None
    tried = " or ".join(SIGNS[sign] for sign in _asked(schema))
    return LocatedError(
        "wrong-delimiter",
        f"The header is one single column ('{clip(labels[0], 80)}'), whether {tried} separates "
        f"cells; the schema needs {len(_needed(schema))} columns.",
        line=line,
    )


def _asked(schema: EventSchema) -> Sequence[str]:
    return DELIMITERS if schema.csv.delimiter == "auto" else [schema.csv.delimiter]


def _needed(schema: EventSchema) -> list[str]:
    return [name for name, field in schema.fields.items() if field.required and field.in_file]


def _places(header: Header) -> dict[str, list[int]]:
    """{label, normalised: where it stands}, of the file's own columns."""
    added = added_columns(header.labels)
    places: dict[str, list[int]] = {}
    for index, label in enumerate(labels_of(header)):
        if index not in added:
            places.setdefault(normal_label(label), []).append(index)
    return places


def bad_labels(header: Header) -> list[LocatedError]:
    """Labels that no schema can use: blank ones, and those that are there twice."""
    errors, places = [], _places(header)
    for index in places.get("", []):
        message = f"Column {index + 1} has no header; name it, or remove the column."
        errors.append(LocatedError("blank-label", message, line=header.line))
    for label, indexes in places.items():
        if label and len(indexes) > 1:
            numbers = " and ".join(str(index + 1) for index in indexes)
            written = header.labels[indexes[0]]
            message = f"Columns {numbers} have the same header '{written}'; rename or remove one."
            errors.append(
                LocatedError("duplicate-label", message, line=header.line, column=written)
            )
    return errors


def _ambiguous(header: Header, field: str, indexes: Sequence[int]) -> LocatedError:
    names = " and ".join(f"'{header.labels[index]}'" for index in indexes)
    return LocatedError(
        "ambiguous-label",
        f"{names} could each feed the field {field}; remove or rename all but one.",
        line=header.line,
        column=header.labels[indexes[1]],
        field=field,
    )


def _missing(header: Header, name: str, field: FieldSpec, free: Collection[str]) -> LocatedError:
    wanted = list(dict.fromkeys([*field.from_, name]))
    accepted = ", ".join(f"'{label}'" for label in wanted)
    return LocatedError(
        "missing-label",
        f"No column for the field {name}; accepted headers: {accepted}.{_likely(wanted, free)}",
        line=header.line,
        field=name,
    )


def _likely(wanted: Sequence[str], free: Collection[str]) -> str:
    """Which of the columns that nothing takes may be meant; a person has to say so."""
    near = likeliest(wanted, list(free))
    if not near:
        return ""
    shown = " or ".join(f"'{clip(one.label, 80)}' ({one.score} %)" for one in near)
    return f" {_LIKELIEST} {shown}."


def _chosen_is_missing(header: Header, name: str, label: str) -> LocatedError:
    return LocatedError(
        "missing-label",
        f"A person mapped the field {name} to the header '{clip(label, 80)}', which this file does "
        "not have.",
        line=header.line,
        field=name,
    )


def no_labels(header: Header) -> LocatedError | None:
    """Why the row names no columns: it is blank, or data; None where it may name them."""
    if any(_LOOKS_LIKE_DATA.fullmatch(label.strip()) for label in header.labels):
        shown = ", ".join(f"'{label[:40]}'" for label in header.labels[:8])
        message = (
            f"The first row looks like data ({shown}); a row that names the columns must come "
            "first."
        )
        return LocatedError("no-header", message, line=header.line)
    if not any(label.strip() for label in header.labels):
        message = "The header row is blank; the first row must name the columns."
        return LocatedError("blank-header", message, line=header.line)
    return None


def _no_label_matched(header: Header, schema: EventSchema) -> LocatedError:
    shown = ", ".join(f"'{label[:40]}'" for label in header.labels[:8])
    wanted = ", ".join(_needed(schema))
    if problem := no_labels(header):
        needs = f" The schema needs: {wanted}." if problem.code == "no-header" else ""
        return replace(problem, message=problem.message + needs)
    return LocatedError(
        "missing-label",
        f"No column of this file ({shown}) feeds a field of {schema.name}. "
        f"The schema needs: {wanted}.",
        line=header.line,
    )
