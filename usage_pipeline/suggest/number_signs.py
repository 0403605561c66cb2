"""How the numbers of a file are written, found from all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from usage_pipeline.mapping.numbers import PLAIN_SIGNS, NumberSigns

#: Besides plain ones. The first that reads everything is proposed, so the simplest come first.
SIGNS = (
    NumberSigns(","),
    NumberSigns(".", ","),
    NumberSigns(",", "."),
    NumberSigns(",", " "),
    NumberSigns(".", " "),
    NumberSigns(".", "'"),
    NumberSigns(".", "’"),
    NumberSigns(",", "\u00a0"),
    NumberSigns(",", "\u202f"),
    NumberSigns(".", "\u202f"),
)


@dataclass(frozen=True, slots=True)
class Written:
    """The signs numbers are written with; several where the same cells read as other numbers."""

    signs: NumberSigns
    ambiguous: tuple[NumberSigns, ...] = ()


def signs_of(
    columns: Iterable[Mapping[NumberSigns, object]], plain_too: Iterable[NumberSigns]
) -> Written:
    """The one way of writing that reads every number.

    Args:
        columns: for each column that is no number in plain signs but in others, what it adds up to
            by each of the signs that read all of it.
        plain_too: the signs that read every column of plain numbers as well.
    """
    sums = list(columns)
    reading_all = [
        signs
        for signs in SIGNS
        if signs in set(plain_too) and all(signs in column for column in sums)
    ]
    if not sums or not reading_all:
        return Written(PLAIN_SIGNS)
    meanings = {tuple(column[signs] for column in sums) for signs in reading_all}
    if len(meanings) > 1:
        return Written(PLAIN_SIGNS, tuple(reading_all))
    return Written(reading_all[0])
