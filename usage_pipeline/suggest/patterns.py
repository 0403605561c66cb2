"""The ways that times may be written; which one it is, all values decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from usage_pipeline.mapping.casts import strptime_problem
from usage_pipeline.mapping.numbers import BLANKS

_DATES = (
    *("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y/%d/%m"),
    *("%d.%m.%Y", "%m.%d.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%Y-%m-%d"),
    *("%d-%b-%Y", "%d/%b/%Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%d. %B %Y", "%Y-%b-%d", "%Y%m%d"),
)
_TIMES = (
    *("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%H%M%S", "%H%M"),
    *("%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p"),
)
_TAILS = (
    "",
    *(
        f"{between}{time}{zone}"
        for between in (" ", "T", ", ", ":", " at ", "")
        for time in _TIMES
        for zone in ("", " %z", "%z", " UTC", " GMT")
    ),
)
#: What each directive may stand for, at least: the cast itself looks closer.
_LOOSE = {
    "%Y": r"\d{4}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{3,9}",
    "%f": r"\d{1,6}",
    "%p": "[AaPp][Mm]",
    "%z": r"(?:Z|[+-]\d\d:?\d\d)",
}
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:.*)?")
#: Of the values tried, so many must have the shape of a pattern for all values to be asked.
_SHARE = 0.9


def promising(values: Sequence[str]) -> list[str]:
    """The formats whose shape nearly all of some values have; `iso8601` comes first, if it does.

    What is left out does not read values that the file has, so nothing is claimed from a part.
    """
    texts = [value.strip(BLANKS) for value in values]
    needed = _SHARE * len(texts)
    iso = sum(_ISO.fullmatch(text) is not None for text in texts) >= needed
    # One of the first values that a pattern reads must be there for it to read nearly all.
    first = {pattern for text in texts[:3] for pattern in _of_shape(text)}
    patterns = [
        pattern
        for pattern in sorted(first, key=_rank)
        if sum(_shape(pattern).fullmatch(text) is not None for text in texts) >= needed
    ]
    return [*(["iso8601"] if iso else []), *patterns]


def _of_shape(text: str) -> set[str]:
    found: set[str] = set()
    for date in _DATES:
        if begin := _shape(date).match(text):
            rest = text[begin.end() :]
            found.update(date + tail for tail in _TAILS if _shape(tail).fullmatch(rest))
    return {one for one in found if strptime_problem(one) is None}


def _rank(pattern: str) -> tuple[int, str]:
    date = next(index for index, one in enumerate(_DATES) if pattern.startswith(one))
    return date, pattern


@cache
def _shape(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"%.|[^%]+", pattern)
    return re.compile(
        "".join(
            _LOOSE.get(part, r"\d{1,2}") if part.startswith("%") else re.escape(part)
            for part in parts
        )
    )
