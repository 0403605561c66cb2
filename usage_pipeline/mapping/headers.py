"""Which header of the file feeds which field of the schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.reading import (
    Header,
    LocatedError,
    UnreadableFile,
    candidate_headers,
    read_header,
)
from usage_pipeline.schema import EventSchema, FieldSpec

DELIMITERS = (",", ";", "\t", "|")
_SIGNS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}

_LOOKS_LIKE_DATA = re.compile(r"[+-]?[\d.,]*\d([eE][+-]?\d+)?|\d{4}-\d{2}-\d{2}([T ].*)?")


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A header row held against a schema.

    columns: {field: index of the file's column}, for every field that the file feeds.
    """

    header: Header
    columns: dict[str, int]
    errors: tuple[LocatedError, ...]
    warnings: tuple[LocatedError, ...]

    @property
    def mapping(self) -> dict[str, str]:
        """{field: header as written}."""
        return {field: self.header.labels[index] for field, index in self.columns.items()}


def match_file(path: Path, schema: EventSchema) -> HeaderMatch:
    """Find the header of the file and match it, with the schema's delimiter or the one that fits.

    Raises:
        UnreadableFile: no header could be read at all.
    """
    named = schema.csv.delimiter
    if named == "auto":
        matches = [match_header(header, schema) for header in candidate_headers(path, DELIMITERS)]
        return _best(matches)
    match = match_header(read_header(path, named), schema)
    if not match.columns:
        others = _others(path, named)
        better = _best([match_header(header, schema) for header in others]) if others else match
        if not better.errors:
            return HeaderMatch(match.header, {}, (_wrong_delimiter(match.header, better),), ())
    return match


def match_header(header: Header, schema: EventSchema) -> HeaderMatch:
    """Match labels to fields; upper and lower case and the amount of space do not matter."""
    places: dict[str, list[int]] = {}
    for index, label in enumerate(header.labels):
        places.setdefault(_normal(label), []).append(index)

    columns: dict[str, int] = {}
    errors = list(_bad_labels(header, places))
    for name, field in schema.fields.items():
        if not field.in_file:
            continue
        present = [label for label in accepted_labels(name, field) if label in places]
        if len(present) > 1:
            errors.append(_ambiguous(header, name, [places[label][0] for label in present]))
        if present:
            columns[name] = places[present[0]][0]
        elif field.required:
            errors.append(_missing(header, name, field))
    if not columns:
        errors = [_no_label_matched(header, schema)]
    unmapped = set(range(len(header.labels))) - set(columns.values())
    warnings = [
        LocatedError(
            "unmapped-label",
            f"No field of the schema takes the column '{header.labels[index]}'; it is not read.",
            line=header.line,
            column=header.labels[index],
        )
        for index in sorted(unmapped)
        if header.labels[index].strip()
    ]
    return HeaderMatch(header, columns, tuple(errors), tuple(warnings))


def accepted_labels(name: str, field: FieldSpec) -> list[str]:
    """The labels a field takes, normalised: those listed, in order, and its own name."""
    return list(dict.fromkeys(_normal(label) for label in [*field.from_, name]))


def _normal(label: str) -> str:
    return " ".join(label.split()).casefold()


def _best(matches: Sequence[HeaderMatch]) -> HeaderMatch:
    # The whole file must still fit the delimiter chosen here: the reader checks every record.
    return max(matches, key=lambda match: (len(match.columns), len(match.header.labels)))


def _others(path: Path, named: str) -> list[Header]:
    try:
        return candidate_headers(path, [sign for sign in DELIMITERS if sign != named])
    except UnreadableFile:
        return []


def _bad_labels(header: Header, places: dict[str, list[int]]) -> list[LocatedError]:
    errors = []
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


def _missing(header: Header, name: str, field: FieldSpec) -> LocatedError:
    accepted = ", ".join(f"'{label}'" for label in dict.fromkeys([*field.from_, name]))
    by_normal = {_normal(label): label for label in header.labels}
    near = [
        by_normal[match]
        for label in accepted_labels(name, field)
        for match in difflib.get_close_matches(label, by_normal, n=1, cutoff=0.7)
    ]
    hint = f" Is it '{near[0]}'? Then rename it, or add it to the schema." if near else ""
    return LocatedError(
        "missing-label",
        f"No column for the field {name}; accepted headers: {accepted}.{hint}",
        line=header.line,
        field=name,
    )


def _no_label_matched(header: Header, schema: EventSchema) -> LocatedError:
    shown = ", ".join(f"'{label[:40]}'" for label in header.labels[:8])
    needed = [name for name, field in schema.fields.items() if field.required and field.in_file]
    wanted = ", ".join(needed)
    if any(_LOOKS_LIKE_DATA.fullmatch(label.strip()) for label in header.labels):
        return LocatedError(
            "no-header",
            f"The first row looks like data ({shown}); a row that names the columns must come "
            f"first. The schema needs: {wanted}.",
            line=header.line,
        )
    if not any(label.strip() for label in header.labels):
        message = "The header row is blank; the first row must name the columns."
        return LocatedError("blank-header", message, line=header.line)
    return LocatedError(
        "missing-label",
        f"No column of this file ({shown}) feeds a field of {schema.name}. "
        f"The schema needs: {wanted}.",
        line=header.line,
    )


def _wrong_delimiter(header: Header, better: HeaderMatch) -> LocatedError:
    return LocatedError(
        "wrong-delimiter",
        f"The schema says that {_SIGNS[header.delimiter]} separates cells, but the header only "
        f"makes sense with {_SIGNS[better.header.delimiter]}.",
        line=header.line,
    )
