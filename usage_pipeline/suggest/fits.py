"""How well the schemas there are fit the header of a file: what they take, and what comes near."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from usage_pipeline.mapping.headers import Matched, match_header
from usage_pipeline.mapping.likeness import LIKELY, Likeness, likeliest
from usage_pipeline.reading import Header
from usage_pipeline.schema import EventSchema

#: By its label, its name or but for case and space, as a file is mapped; else by likeness: `likely`
#: from the threshold on, below it a question (`ask`), or nothing comes near (`none`).
How = Literal[Matched, "likely", "ask", "none"]


@dataclass(frozen=True, slots=True)
class FieldFit:
    """How one field of a schema finds its column.

    header: the column it takes, or the likely one; None where a person must say.
    score: 100 for a column that the mapping takes, else of the best candidate, 0 for none.
    """

    field: str
    required: bool
    how: How
    header: str | None
    score: int
    candidates: tuple[Likeness, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaFit:
    """A schema held against a header.

    takes: the schema takes such a file as it is, headers considered.
    fit: 0 to 100, the mean over required fields of 100 for a column taken, the score for a likely
    one, and 0 for any other.
    """

    schema: str
    takes: bool
    fit: int
    fields: tuple[FieldFit, ...]


def fits(header: Header, schemas: Iterable[EventSchema]) -> list[SchemaFit]:
    """Each schema held against the header, the one that fits best first."""
    found = [_fit(header, schema) for schema in schemas]
    return sorted(found, key=lambda one: (not one.takes, -one.fit, one.schema))


def _fit(header: Header, schema: EventSchema) -> SchemaFit:
    match = match_header(header, schema)
    free = [
        label for index, label in enumerate(header.labels) if index not in match.columns.values()
    ]
    parts = []
    for name, field in schema.fields.items():
        if not field.in_file:
            continue
        if name in match.columns:
            label = header.labels[match.columns[name]]
            parts.append(FieldFit(name, field.required, match.matched[name], label, 100))
            continue
        near = likeliest([*field.from_, name], free)
        parts.append(_by_likeness(name, field.required, near))
    needed = [one for one in parts if one.required]
    points = sum(one.score for one in needed if one.header is not None)
    fit = points // len(needed) if needed else 0
    return SchemaFit(schema.name, match.complete and not match.errors, fit, tuple(parts))


def _by_likeness(name: str, required: bool, near: list[Likeness]) -> FieldFit:
    if not near:
        return FieldFit(name, required, "none", None, 0)
    best = near[0]
    # Two that come equally near are a question, however near they come.
    alone = len(near) == 1 or near[1].score < best.score
    if best.score >= LIKELY and alone:
        return FieldFit(name, required, "likely", best.label, best.score, tuple(near))
    return FieldFit(name, required, "ask", None, best.score, tuple(near))
