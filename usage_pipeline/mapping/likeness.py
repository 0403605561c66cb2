"""Which labels come near a wanted one, for questions to a person: nothing is mapped by likeness.

Scores go from 0 to 100. The same words in whatever order come out at 100, and two letters swapped
in a word of six just at `LIKELY`. A word or two in common only, however exactly, stays below it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

#: From here on a label is worth proposing; below, a person is asked.
LIKELY = 82
#: Below, a label is not worth showing.
PLAUSIBLE = 60

_SHARED_WORDS_AT_MOST = 80
#: A header may be of any length; likeness of more than this says nothing to anybody.
_COMPARED = 200
# The end of a run of capitals, too: `ISOCurrency`, `HTTPCode`.
_WORDS = re.compile(r"[^\W_\d]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Likeness:
    """A label, as written, and how near it comes to what was wanted: 0 to 100."""

    label: str
    score: int


def words_of(label: str) -> list[str]:
    """The words of a label in lower case: `lineItem/UsageAccountId` has five."""
    spaced = _CAMEL.sub(" ", label[:_COMPARED])
    return [word.casefold() for word in _WORDS.findall(spaced)]


def likeness(wanted: str, label: str) -> int:
    """How near two labels come to each other: 0 to 100."""
    one, other = words_of(wanted), words_of(label)
    if not one or not other:
        return 0
    spaced = " ".join(one), " ".join(other)
    # The first also sees `account id` in `accountid`.
    near = max(
        fuzz.ratio("".join(one), "".join(other)),
        fuzz.token_sort_ratio(*spaced),
        min(fuzz.token_set_ratio(*spaced), _SHARED_WORDS_AT_MOST) if set(one) & set(other) else 0,
    )
    return int(near)


def likeliest(wanted: Sequence[str], labels: Sequence[str], most: int = 3) -> list[Likeness]:
    """The labels that come nearest to any of `wanted`, best first, then in the order given.

    Args:
        wanted: what a field accepts: its labels and its own name.
        labels: the labels of a file, as written.
        most: how many are returned at most; those below `PLAUSIBLE` never are.
    """
    scored = [
        Likeness(label, max((likeness(one, label) for one in wanted), default=0))
        for label in dict.fromkeys(labels)
    ]
    near = [one for one in scored if one.score >= PLAUSIBLE]
    return sorted(near, key=lambda one: -one.score)[:most]
