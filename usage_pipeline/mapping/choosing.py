"""A person's mapping held against the file it is for, before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from usage_pipeline.mapping.fixes import own_labels
from usage_pipeline.mapping.headers import headers_of, match_header, normal_label
from usage_pipeline.reading import Header, clip
from usage_pipeline.schema import EventSchema


class WrongMapping(ValueError):
    """A mapping that cannot be meant: of no such field, or to no such header."""


@dataclass(frozen=True, slots=True)
class Choice:
    """{field: header as the file has it}, and the file's own header row."""

    chosen: dict[str, str]
    header_row: tuple[str, ...]


def choice_for(path: Path, schema: EventSchema, wanted: Mapping[str, str]) -> Choice:
    """Find the headers that a person names in the header row of a file.

    Args:
        wanted: {field: header}; upper and lower case and the amount of space do not matter.

    Raises:
        WrongMapping: there is no such field or no such header; the message lists those there are.
    """
    for name in wanted:
        _refuse_field(name, schema)
    headers = headers_of(path, schema)
    if not headers:
        raise WrongMapping(
            "No header row could be read in the file, so nothing can be mapped; correct the file."
        )
    fitting = [
        one for one in headers if _labels(one).keys() >= set(map(normal_label, wanted.values()))
    ]
    if not fitting:
        raise WrongMapping(_no_such_header(headers, wanted))
    best = max(fitting, key=lambda one: match_header(one, schema, wanted).complete)
    labels = _labels(best)
    chosen = {name: labels[normal_label(label)] for name, label in wanted.items()}
    return Choice(chosen, own_labels(best))


def _refuse_field(name: str, schema: EventSchema) -> None:
    field = schema.fields.get(name)
    if field is None:
        known = ", ".join(one for one, spec in schema.fields.items() if spec.in_file)
        raise WrongMapping(f"{schema.name} has no field '{name}'. Fields of its files: {known}.")
    if not field.in_file:
        raise WrongMapping(f"The field {name} is not read from a column of the file.")


def _labels(header: Header) -> dict[str, str]:
    return {normal_label(label): label for label in own_labels(header) if label.strip()}


def _no_such_header(headers: list[Header], wanted: Mapping[str, str]) -> str:
    fullest = max(headers, key=lambda one: len(one.labels))
    labels = _labels(fullest)
    absent = [label for label in wanted.values() if normal_label(label) not in labels]
    shown = ", ".join(f"'{clip(label, 80)}'" for label in labels.values())
    missing = " and ".join(f"'{label}'" for label in absent)
    return f"The file has no column {missing}. Its columns: {clip(shown, 2000)}."
