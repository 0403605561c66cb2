"""The fields of a draft: their keys, and what is said and asked beside each."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from usage_pipeline.schema.cross_checks import EARLIEST_START
from usage_pipeline.suggest import roles
from usage_pipeline.suggest.column import Column
from usage_pipeline.suggest.phrases import lines_have, list_of, moment, quote
from usage_pipeline.suggest.words import free_name, hints

#: When the values of a column are taken for all there may be.
_OFTEN_ENOUGH, _SHARE_OF_ROWS, _LONGEST_WORD = 5, 20, 40


@dataclass(frozen=True, slots=True)
class Question:
    """What the file does not say.

    about: the field, or the key of the schema, that the answer goes to.
    codes: what `check` says of the file until it is answered; none where the draft works as it is.
    """

    about: str
    text: str
    codes: tuple[str, ...] = ()


@dataclass
class DraftField:
    """One field of the draft: its keys, and what is said beside it."""

    name: str
    keys: dict[str, Any]
    role: str
    column: Column | None = None
    remarks: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def ask(self, text: str, *codes: str) -> None:
        self.questions.append(Question(self.name, text, codes))


def customer_field(column: Column | None, others: Sequence[str], file_name: str) -> DraftField:
    """The field `customer_id`; `others` are the runners-up."""
    if column is None:
        part = DraftField("customer_id", {"type": "string"}, "customer")
        part.ask(
            "No column says whose usage a row is. If the whole file belongs to one customer, add "
            "constant: NAME; if the name of the file says whose it is, add "
            f"from_file_name: '{_in_file_name(file_name)}', or the expression that finds it. "
            "Or name the column: from: [HEADER]. Until then every file is refused.",
            "missing-label",
        )
        return part
    part = DraftField(
        "customer_id", {"type": "string", **_from(column, "customer_id")}, "customer", column
    )
    if others:
        part.remarks.append(f"could also be {list_of(others)}")
    if column.missing:
        part.ask(
            f"{lines_have(column.missing)} no customer in {quote(column.label)}. Whose are they? "
            "Until the file says so they are errors; on_invalid: quarantine_rows keeps just them "
            "out.",
            "required-value",
        )
    return part


def time_field(
    column: Column | None, others: Sequence[str], now: datetime, named: Sequence[str]
) -> DraftField:
    """The field `timestamp`; `others` are the runners-up, `named` texts named like times."""
    if column is None:
        part = DraftField("timestamp", {"type": "timestamp"}, "timestamp")
        near = f" Nor does {list_of(named)}, by all its values." if named else ""
        part.ask(
            f"No column holds times that can be read.{near} When did a row happen? "
            "Name the column, and how it is written: from: [HEADER], format: PATTERN "
            "(docs/schema.md, timestamps). Until then every file is refused.",
            "missing-label",
        )
        return part
    part = DraftField(
        "timestamp", {"type": "timestamp", **_from(column, "timestamp")}, "timestamp", column
    )
    if others:
        part.remarks.append(f"could also be {list_of(others)}")
    if column.type != "timestamp":
        part.ask(
            f"The texts in {quote(column.label)} are no times that are read as they are"
            f"{_example(column)}. How are they written? Add format: PATTERN, or name another "
            "column: from: [HEADER]. Until then every line is an error.",
            "timestamp-format",
            "timestamp-no-zone",
            "precision-loss",
            "required-value",
        )
        return part
    _about_times(part, column)
    if column.missing:
        part.ask(
            f"{lines_have(column.missing)} no time in {quote(column.label)}; they are errors. Is "
            "another column always filled in?",
            "required-value",
        )
    if column.lowest is not None and column.highest is not None:
        if moment(column.highest) > now:
            part.ask(
                f"There are times to come, up to {moment(column.highest):%Y-%m-%d %H:%M}; more "
                "than 5 minutes ahead is an error. If they are meant, add future_limit: 24h, or "
                "as much as it takes.",
                "future-timestamp",
            )
        if moment(column.lowest).date() <= EARLIEST_START:
            part.ask(
                f"There are times from {moment(column.lowest):%Y-%m-%d} on, but no schema starts "
                f"before {EARLIEST_START}: earlier ones are errors.",
                "past-timestamp",
            )
    return part


def column_field(
    column: Column, name: str, in_key: bool, units: Sequence[Column], rows: int
) -> DraftField:
    """A field that is neither customer, time of the event nor usage."""
    role = "event key" if in_key else "unit" if column in units else "dimension"
    if column.numeric:
        role = "number"
    elif column.type == "timestamp" and not in_key:
        role = "time"
    part = DraftField(name, {"type": column.type, **_from(column, name)}, role, column)
    if column.missing:
        part.keys["required"] = False
    if column.type == "timestamp":
        _about_times(part, column)
    else:
        _size(part, column)
        _about_misfits(part, column)
    if allowed := _allowed(column, rows, unit=column in units):
        part.keys["allowed"] = allowed
        part.remarks.append("allowed: what all lines of this file have; add what else may come")
    return part


def usage_field(column: Column, name: str, unit: Column | None) -> DraftField:
    """A field that is metered; `unit` is the column that says what one of it is."""
    part = DraftField(name, {"type": column.type, **_from(column, name)}, "usage", column)
    part.keys["usage"] = True
    if column.missing:
        part.keys["required"] = False
    word = roles.unit_word(column.label)
    if word is not None and unit is None:
        part.keys["unit"] = word
    _size(part, column)
    if column.negative:
        part.remarks.append(f"{column.negative:,} of {column.values:,} values are negative")
    else:
        part.keys["minimum"] = 0
    _about_misfits(part, column)
    return part


def no_usage_field(names: Collection[str]) -> DraftField:
    """The field that stands for the usage that nobody found."""
    name = free_name("quantity", set(names))
    part = DraftField(name, {"type": "decimal", "usage": True}, "usage")
    part.ask(
        "No column looks like usage. Name the one that is metered: from: [HEADER]; or count rows: "
        'constant: "1". Until then every file is refused.',
        "missing-label",
    )
    return part


def _about_times(part: DraftField, column: Column) -> None:
    """Format and zone of a column of times."""
    if column.orders:
        part.ask(
            f"Day and month cannot be told apart: all {column.values:,} values can be read as "
            f"{' and as '.join(column.orders)}, and mean other days then. Add the right one: "
            f'format: "{column.orders[0]}". Until then they are errors.',
            "timestamp-format",
            "timestamp-no-zone",
            "precision-loss",
        )
    elif column.format != "iso8601":
        part.keys["format"] = column.format
        for pattern, count in column.rivals.items():
            deciding = column.values - count
            part.remarks.append(
                f"{deciding:,} of {column.values:,} values decide against {pattern}"
            )
    if column.local and not (column.format.startswith("epoch") or "time_zone" in part.keys):
        part.ask(
            f"In which time zone are the times in {quote(column.label)}? {column.local:,} of "
            f"{column.values:,} have no offset such as Z or +02:00. Add "
            "time_zone: UTC, or the zone, such as Europe/Berlin. Until then they are errors.",
            "timestamp-no-zone",
        )
    _about_misfits(part, column)


def _about_misfits(part: DraftField, column: Column) -> None:
    if column.misfit is None:
        return
    what = {"timestamp": "times", "integer": "whole numbers", "decimal": "numbers"}[column.type]
    count = column.misfit.count
    part.ask(
        f"{count:,} of {column.values:,} values in {quote(column.label)} "
        f"{'is' if count == 1 else 'are'} unlike the others, which are {what}: the first is "
        f"{quote(column.misfit.value)} on line {column.misfit.line:,}. Correct the file, add the "
        "text to csv.null_values if it means no value, or make the field a string.",
        "type-error",
        "precision-loss",
        "timestamp-format",
    )


def _size(part: DraftField, column: Column) -> None:
    if column.type == "decimal" and column.scale != 18:
        part.keys |= {"precision": column.precision, "scale": column.scale}
        part.remarks.append("needs other digits than the 20 before and 18 behind the point")


def _allowed(column: Column, rows: int, *, unit: bool) -> list[str] | None:
    if column.type != "string" or column.few is None:
        return None
    if not unit and (column.id_like or len(column.few) == 1):
        return None
    if hints(column.label) & {"name", "description"}:
        return None
    often = all(count >= _OFTEN_ENOUGH for count in column.few.values())
    words = all(_is_word(value) for value in column.few)
    if often and words and rows >= _SHARE_OF_ROWS * len(column.few):
        return sorted(column.few)
    return None


def _is_word(value: str) -> bool:
    """Whether a value names a kind of something, and is neither a number nor a sentence."""
    short = len(value) <= _LONGEST_WORD and len(value.split()) <= 4
    return short and value.strip() == value and not re.fullmatch(r"[\d.,-]+", value)


def _from(column: Column, name: str) -> dict[str, list[str]]:
    return {} if column.label == name else {"from": [column.label]}


def _in_file_name(file_name: str) -> str:
    """An expression that finds what may tell one file from another: its last word with a digit."""
    stem, dot, ending = file_name.partition(".")
    begin, _, last = stem.rpartition("_")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", stem) or not re.fullmatch(r"[A-Za-z0-9.]*", ending):
        return "^([^.]+)"
    head = f"{begin}_" if begin else ""
    return f"^{re.escape(head)}([^._]+){re.escape(dot + ending)}$" if last else "^([^.]+)"


def _example(column: Column) -> str:
    value = next(iter(column.few), None) if column.few else None
    return f", such as {quote(value)}" if value else ""
