"""SQL that reads points in time: strictly ISO 8601, epoch numbers or a strptime pattern.

Text written as a strptime pattern is first rewritten as ISO 8601, so that both meet the same
checks. Values are NULL where the text cannot be read, or names no instant of the years 1 to 9999;
no expression raises, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from usage_pipeline.mapping.numbers import (
    BLANKS,
    blanks_around,
    decimal_value,
    extract,
    literal,
    matches,
    trimmed,
)
from usage_pipeline.mapping.zones import LocalSpan, offset_microseconds

#: Decimal digits of the unit that are kept: both formats end at microseconds.
EPOCH_FORMATS = {"epoch_seconds": 6, "epoch_milliseconds": 3}

_FIRST_MICROSECOND = -62_135_596_800_000_000
_LAST_MICROSECOND = 253_402_300_799_999_999

_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_MONTH = "(?:0[1-9]|1[0-2])"
_DAY = "(?:0[1-9]|[12][0-9]|3[01])"
_HOUR = "(?:[01][0-9]|2[0-3])"
_SIXTY = "[0-5][0-9]"
#: At most 18 hours, as in Java and XML Schema; the largest offset ever in use is 15:13:42.
_OFFSET = f"[+-](?:(?:0[0-9]|1[0-7])(?::?{_SIXTY})?|18(?::?00)?)"
_STRPTIME_OFFSET = f"[+-](?:(?:0[0-9]|1[0-7]):?{_SIXTY}|18:?00)"

_DATE = f"{_YEAR}-{_MONTH}-{_DAY}"
_TIME = f"{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:[.,][0-9]{{1,6}}0*)?)?"
_LOCAL = f"{_DATE}(?:[Tt ]{_TIME})?"
_WITH_OFFSET = f"{_DATE}[Tt ]{_TIME}(?:[Zz]|{_OFFSET})"
#: Also with digits beyond microseconds.
_LONG = f"{_DATE}[Tt ]{_HOUR}:{_SIXTY}:{_SIXTY}[.,][0-9]+(?:[Zz]|{_OFFSET})?"
# These two hold what is common and what DuckDB's own cast reads as meant: hour 24 would be read
# as the next day, and beyond these years an offset may lead out of the calendar.
_PLAIN_TIME = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_PLAIN_LOCAL = rf"[12][0-9]{{3}}-[01][0-9]-[0-3][0-9](?:{_PLAIN_TIME})?"
_PLAIN_OFFSET = (
    rf"[12][0-9]{{3}}-[01][0-9]-[0-3][0-9]{_PLAIN_TIME}(?:Z|[+-](?:0[0-9]|1[0-7]):[0-5][0-9])"
)


def iso_wall(cell: str) -> str:
    """The local TIMESTAMP in `cell`; NULL also where the text carries an offset."""
    # The offset that most texts have; matched against patterns in vain, they take twice the time.
    return (
        f"CASE WHEN ends_with({cell}, 'Z') THEN NULL"
        f" WHEN {matches(cell, _PLAIN_LOCAL)} THEN TRY_CAST({cell} AS TIMESTAMP)"
        f" WHEN {matches(cell, blanks_around(_LOCAL))}"
        f" THEN TRY_CAST({_canonical(cell)} AS TIMESTAMP) END"
    )


def iso_value(cell: str) -> str:
    """The TIMESTAMP WITH TIME ZONE in `cell`; NULL also where the text carries no offset."""
    general = f"TRY_CAST({_canonical(cell)} AS TIMESTAMPTZ)"
    return (
        f"CASE WHEN {matches(cell, _PLAIN_OFFSET)} THEN TRY_CAST({cell} AS TIMESTAMPTZ)"
        f" WHEN {matches(cell, blanks_around(_WITH_OFFSET))} AND {general} BETWEEN"
        f" make_timestamptz({_FIRST_MICROSECOND}) AND make_timestamptz({_LAST_MICROSECOND})"
        f" THEN {general} END"
    )


def iso_value_or_local(cell: str, wall: str, spans: Sequence[LocalSpan]) -> str:
    """The instant in `cell`, by its own offset or else by the zone of `spans`.

    `wall` is the name of a column that holds `iso_wall` of the cell.
    """
    local = f"make_timestamptz(epoch_us({wall}) - {offset_microseconds(wall, spans)})"
    return (
        f"CASE WHEN {_in_calendar(wall, spans)} THEN {local}"
        f" WHEN {wall} IS NULL THEN {iso_value(cell)} END"
    )


def iso_problem(cell: str, wall: str, spans: Sequence[LocalSpan]) -> str:
    """The error code of text that names no instant; `spans` is empty for a field without zone."""
    day = f"TRY_CAST(left({trimmed(cell)}, 10) AS DATE)"
    unplaced = "timestamp-ambiguous" if spans else "timestamp-no-zone"
    placed = f" AND {_in_calendar(wall, spans)}" if spans else ""
    return (
        f"CASE WHEN {matches(cell, blanks_around(_LOCAL))} AND {day} IS NOT NULL{placed}"
        f" THEN {literal(unplaced)}"
        f" WHEN {matches(cell, blanks_around(_LONG))} AND {day} IS NOT NULL"
        f" AND NOT {matches(cell, blanks_around(_WITH_OFFSET))}"
        f" AND NOT {matches(cell, blanks_around(_LOCAL))} THEN 'precision-loss'"
        " ELSE 'timestamp-format' END"
    )


def epoch_value(cell: str, digits: int) -> str:
    """The instant that a count since 1970 names; `digits` of it may stand behind its point."""
    per_unit = 10**digits
    # One digit less than the largest count, so that the instant cannot leave the calendar.
    plain = f"[0-9]{{1,{len(str(_LAST_MICROSECOND // per_unit)) - 1}}}"
    # Wide enough that scaling to microseconds cannot overflow.
    scaled = f"CAST({decimal_value(cell, 18, digits)} AS DECIMAL(38,{digits})) * {per_unit}"
    return (
        f"CASE WHEN {matches(cell, plain)}"
        f" THEN make_timestamptz(TRY_CAST({cell} AS BIGINT) * {per_unit})"
        f" WHEN {matches(cell, blanks_around(_epoch(digits)))}"
        f" AND {scaled} BETWEEN {_FIRST_MICROSECOND} AND {_LAST_MICROSECOND}"
        f" THEN make_timestamptz(CAST({scaled} AS BIGINT)) END"
    )


def epoch_problem(cell: str, digits: int) -> str:
    """The error code of text that is no count since 1970, or one beyond the years 1 to 9999."""
    shape = matches(cell, blanks_around(_EPOCH))
    exact = matches(cell, blanks_around(_epoch(digits)))
    return f"CASE WHEN {shape} AND NOT {exact} THEN 'precision-loss' ELSE 'timestamp-format' END"


_EPOCH = r"-?[0-9]+(?:\.[0-9]+)?"


def _epoch(digits: int) -> str:
    return rf"-?[0-9]+(?:\.[0-9]{{1,{digits}}}0*)?"


@dataclass(frozen=True, slots=True)
class _Directive:
    """One directive of a strptime pattern: what it matches, and what it must be when a digit
    stands next to it, so that there is one way to cut `20240111` and none to cut `2024111`.
    """

    group: str
    loose: str
    fixed: str


_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


def _any_case(words: Sequence[str]) -> str:
    # Not (?i): RE2 folds the long s and the Kelvin sign to ASCII letters.
    return "|".join("".join(f"[{c.upper()}{c}]" for c in word) for word in words)


_DIRECTIVES = {
    "Y": _Directive("year", _YEAR, _YEAR),
    "m": _Directive("month", f"{_MONTH}|[1-9]", _MONTH),
    "b": _Directive("month_name", *2 * (_any_case([name[:3] for name in _MONTH_NAMES]),)),
    "B": _Directive("month_name", *2 * (_any_case(_MONTH_NAMES),)),
    "d": _Directive("day", f"{_DAY}|[1-9]", _DAY),
    "H": _Directive("hour", f"{_HOUR}|[0-9]", _HOUR),
    "I": _Directive("hour", "0[1-9]|1[0-2]|[1-9]", "0[1-9]|1[0-2]"),
    "p": _Directive("half", *2 * (_any_case(["am", "pm"]),)),
    "M": _Directive("minute", f"{_SIXTY}|[0-9]", _SIXTY),
    "S": _Directive("second", f"{_SIXTY}|[0-9]", _SIXTY),
    "f": _Directive("fraction", "[0-9]{1,6}", "[0-9]{6}"),
    "z": _Directive("zone", *2 * (f"Z|{_STRPTIME_OFFSET}",)),
}
_DIGITS = frozenset("YmdHIMSf")
_ALLOWED = "Allowed: %Y, %m or %b or %B, %d, %H or %I with %p, %M, %S, %f, %z and %%"


def strptime_problem(pattern: str) -> str | None:
    """Why timestamps cannot be read by this strptime `pattern`, in words; None if they can."""
    tokens = _tokens(pattern)
    for token in tokens:
        if token.startswith("%") and token[1:] not in {*_DIRECTIVES, "%"}:
            return f"'{token}' is not supported. {_ALLOWED}"
    used = [token[1] for token in tokens if _is_directive(token)]
    for letter in used:
        if used.count(letter) > 1:
            return f"'%{letter}' is there twice. {_ALLOWED}, each at most once"
    if wrong := _wrong_combination(set(used)):
        return f"{wrong}. {_ALLOWED}"
    if pattern != pattern.strip(BLANKS):
        return "it begins or ends with a space or tab, but cells are trimmed. Leave it out"
    return _zone_problem(tokens)


def strptime_found(cell: str, pattern: str) -> str:
    """A struct of what the directives of `pattern` match; all are '' for text of other shape.

    Raises:
        ValueError: when `strptime_problem` has one with the pattern.
    """
    if problem := strptime_problem(pattern):
        raise ValueError(f"{pattern!r}: {problem}")
    tokens = _tokens(pattern)
    return extract(trimmed(cell), _strptime_regex(tokens), _groups(tokens))


def strptime_as_iso(found: str, pattern: str) -> str:
    """`found`, the name of a column with `strptime_found`, as ISO 8601 text or as no such."""
    groups = _groups(_tokens(pattern))
    text = [f"{found}.year", "'-'", _month(found, groups), "'-'", _two(f"{found}.day")]
    if "hour" in groups or "zone" in groups:
        minute = _two(f"{found}.minute") if "minute" in groups else "'00'"
        text += ["' '", _hour(found, groups), "':'", minute]
    if "second" in groups:
        text += ["':'", _two(f"{found}.second")]
    if "fraction" in groups:
        text += ["'.'", f"{found}.fraction"]
    if "zone" in groups:
        text += [f"{found}.zone"]
    return " || ".join(text)


def _groups(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(_DIRECTIVES[token[1]].group for token in tokens if _is_directive(token))


def _tokens(pattern: str) -> list[str]:
    """Directives, with their percent sign, and single literal characters, in order."""
    return re.findall(r"%.?|[^%]", pattern, flags=re.DOTALL)


def _is_directive(token: str) -> bool:
    return token[0] == "%" and token != "%%"


def _wrong_combination(used: set[str]) -> str | None:
    if "Y" not in used or "d" not in used or not used & set("mbB"):
        return "A pattern needs %Y, a month and %d"
    if len(used & set("mbB")) > 1:
        return "The month is there twice"
    if len(used & set("HI")) > 1:
        return "The hour is there twice"
    if ("I" in used) != ("p" in used):
        return "%I needs %p, and %p needs %I"
    for finer, coarser in (("M", "HI"), ("S", "M"), ("f", "S")):
        if finer in used and not used & set(coarser):
            return f"%{finer} needs {' or '.join('%' + letter for letter in coarser)}"
    return None


def _zone_problem(tokens: Sequence[str]) -> str | None:
    # Python also reads seconds into an offset: these would swallow digits that come next.
    for token, following in pairwise(tokens):
        if token == "%z" and (_has_digits(following) or following in ":."):
            return "'%z' must not be followed by digits, ':' or '.'. Put it last"
    return None


def _has_digits(token: str) -> bool:
    return token[1] in _DIGITS if _is_directive(token) else token.isdigit()


def _strptime_regex(tokens: Sequence[str]) -> str:
    parts = []
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if not _is_directive(token):
            parts.append(_verbatim("%" if token == "%%" else token))
            continue
        directive = _DIRECTIVES[token[1]]
        beside_digits = any(_has_digits(near) for near in (before, after) if near)
        parts.append(f"({directive.fixed if beside_digits else directive.loose})")
    return f"^{''.join(parts)}$"


def _verbatim(character: str) -> str:
    return character if character.isalnum() else rf"\x{{{ord(character):x}}}"


def _two(digits: str) -> str:
    return f"lpad({digits}, 2, '0')"


def _month(found: str, groups: Sequence[str]) -> str:
    if "month" in groups:
        return _two(f"{found}.month")
    shorts = ", ".join(literal(name[:3]) for name in _MONTH_NAMES)
    position = f"list_position([{shorts}], lower(left({found}.month_name, 3)))"
    return _two(f"CAST({position} AS VARCHAR)")


def _hour(found: str, groups: Sequence[str]) -> str:
    if "hour" not in groups:
        return literal("00")
    if "half" not in groups:
        return _two(f"{found}.hour")
    afternoon = f"CASE lower({found}.half) WHEN 'pm' THEN 12 ELSE 0 END"
    hour = f"TRY_CAST({found}.hour AS INTEGER) % 12 + {afternoon}"
    return _two(f"CAST({hour} AS VARCHAR)")


def _canonical(cell: str) -> str:
    """ISO 8601 text of any accepted spelling in the one that DuckDB's cast reads as meant."""
    return f"upper(replace({trimmed(cell)}, ',', '.'))"


def _in_calendar(wall: str, spans: Sequence[LocalSpan]) -> str:
    """Whether the instant is within the years 1 to 9999, where local time `wall` is."""
    first, last = spans[0].offset or timedelta(), spans[-1].offset or timedelta()
    begin, end = datetime.min + max(first, timedelta()), datetime.max + min(last, timedelta())
    return f"{wall} BETWEEN TIMESTAMP '{_text(begin)}' AND TIMESTAMP '{_text(end)}'"


def _text(moment: datetime) -> str:
    return moment.isoformat(" ")
