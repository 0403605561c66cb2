"""What is known of one column of a file, and of all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from usage_pipeline.mapping.numbers import NumberSigns
from usage_pipeline.schema import FieldSpec
from usage_pipeline.schema.event_schema import FieldType
from usage_pipeline.suggest.words import hints

_ID_WORDS = {"id", "ids", "uuid", "guid", "number", "no", "nr", "num", "key", "code", "sku", "ref"}
_ID_WORDS |= {"account", "customer", "zip", "phone", "version", "hash", "serial", "iban"}
_TIME_WORDS = {"time", "timestamp", "ts", "date", "day", "when", "at", "epoch", "datetime", "start"}
_TIME_WORDS |= {"end", "begin", "created", "occurred", "until", "from", "to", "started", "ended"}


@dataclass(frozen=True, slots=True)
class Misfit:
    """Values that are not of the type nearly all others are; the first of them."""

    count: int
    line: int
    value: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column, as all its rows show it.

    values: cells that hold a value; `nulls` counts the others by what they say.
    distinct: an estimate. longest: characters.
    numberish, plain: values that may be numbers by some signs, and by plain ones.
    few: each value and how often it is there, where there are at most `FEW`.
    local: times without an offset. lowest, highest: of numbers, or of times in microseconds.
    orders: patterns by which the times can all be read, with other results.
    rivals: {pattern: how many values it reads} of patterns that only the values speak against.
    """

    label: str
    cell: str
    values: int
    nulls: Mapping[str, int]
    distinct: int
    longest: int
    few: Mapping[str, int] | None
    numberish: int
    plain: int
    type: FieldType = "string"
    format: str = "iso8601"
    precision: int = 38
    scale: int = 18
    local: int = 0
    negative: int = 0
    lowest: Decimal | int | None = None
    highest: Decimal | int | None = None
    orders: tuple[str, ...] = ()
    rivals: Mapping[str, int] = field(default_factory=dict)
    misfit: Misfit | None = None
    unfit_signs: bool = False

    @property
    def empty(self) -> bool:
        return not self.values

    @property
    def missing(self) -> int:
        """Cells without a value."""
        return sum(self.nulls.values())

    @property
    def constant(self) -> bool:
        return self.few is not None and len(self.few) == 1 and not self.missing

    @property
    def numeric(self) -> bool:
        return self.type in ("integer", "decimal")

    @property
    def id_like(self) -> bool:
        """Whether its name says that it tells things apart, so that digits are no quantity."""
        return named_like_id(self.label)

    def spec(self, time_zone: str | None = "UTC") -> FieldSpec:
        """How the column is read; times without an offset in `time_zone`."""
        keys: dict[str, Any] = {"type": self.type}
        if self.type == "timestamp":
            keys |= {"format": self.format}
            if not self.format.startswith("epoch_"):
                keys |= {"time_zone": time_zone}
        if self.type == "decimal":
            keys |= {"precision": self.precision, "scale": self.scale}
        return FieldSpec(**keys)


@dataclass(frozen=True, slots=True)
class Profile:
    """All columns, in the file's order, and what they have in common.

    null_words: cell texts that mean no value, '' first.
    """

    columns: tuple[Column, ...]
    null_words: tuple[str, ...]
    signs: NumberSigns
    ambiguous_signs: tuple[NumberSigns, ...]


def named_like_id(label: str) -> bool:
    """Whether a header says that its column tells things apart."""
    found = hints(label)
    return bool(found & _ID_WORDS) or any(one.endswith(("uuid", "guid")) for one in found)


def named_like_time(label: str) -> bool:
    """Whether a header says that its column holds times."""
    return bool(hints(label) & _TIME_WORDS) or "timestamp" in "".join(hints(label))
