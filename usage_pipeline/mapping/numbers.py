"""SQL that reads whole numbers, decimals and truth values: exactly, or not at all.

Every function returns a DuckDB expression over a text expression. Values are NULL where the text
cannot be read; no expression raises, whatever the text is.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What is trimmed from numbers, timestamps and booleans: spaces and tabs, nothing else.
BLANKS = " \t"

_WHOLE = "[+-]?[0-9]+"
_EXPONENT = "(?:[eE][+-]?[0-9]+)?"
_NUMBER = rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+){_EXPONENT}"
#: Also matches a text without any digit.
_NUMBER_PARTS = r"^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?$"

# Quoted, with a colon: in a lambda, a column of the same name would win over the parameter.
_PARTS, _SHIFTED = '"cast:parts"', '"cast:number"'


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """What numbers are written with: before a fraction, and, if ever, between three digits."""

    decimal: str = "."
    thousands: str | None = None


#: How every number is read in the end, and how the schema itself writes them.
PLAIN_SIGNS = NumberSigns()


def plain_integer(cell: str, signs: NumberSigns) -> str:
    """The whole number in `cell`, written with `signs`, as text in digits; NULL for other text."""
    if signs.thousands is None:
        return cell
    return _rewritten(cell, f"[+-]?{_whole_part(signs)}", signs)


def plain_decimal(cell: str, signs: NumberSigns) -> str:
    """The number in `cell`, written with `signs`, as text in `PLAIN_SIGNS`; NULL for other text."""
    if signs == PLAIN_SIGNS:
        return cell
    point = f"[{signs.decimal}]"
    digits = f"(?:{_whole_part(signs)}(?:{point}[0-9]*)?|{point}[0-9]+)"
    return _rewritten(cell, f"[+-]?{digits}{_EXPONENT}", signs)


def _whole_part(signs: NumberSigns) -> str:
    if signs.thousands is None:
        return "[0-9]+"
    return f"(?:[0-9]+|[0-9]{{1,3}}(?:[{signs.thousands}][0-9]{{3}})+)"


def _rewritten(cell: str, shape: str, signs: NumberSigns) -> str:
    # In this order: the thousands sign may be the very point that is put in.
    text = cell
    if signs.thousands is not None:
        text = f"replace({text}, {literal(signs.thousands)}, '')"
    if signs.decimal != ".":
        text = f"replace({text}, {literal(signs.decimal)}, '.')"
    return f"CASE WHEN {matches(cell, blanks_around(shape))} THEN {text} END"


def integer_value(cell: str) -> str:
    """The BIGINT in `cell`."""
    return f"CASE WHEN {matches(cell, blanks_around(_WHOLE))} THEN TRY_CAST({cell} AS BIGINT) END"


def integer_problem(cell: str) -> str:
    """Why `cell` is no BIGINT: `precision-loss` beyond 64 bits, else `type-error`."""
    return _problem(cell, _WHOLE)


def decimal_value(cell: str, precision: int, scale: int) -> str:
    """The DECIMAL(precision, scale) in `cell`, never rounded."""
    plain = blanks_around(_plain_decimal(precision, scale))
    return (
        f"CASE WHEN {matches(cell, plain)} THEN TRY_CAST({cell} AS DECIMAL({precision},{scale}))"
        f" ELSE {_shifted_decimal(cell, precision, scale)} END"
    )


def decimal_problem(cell: str) -> str:
    """Why `cell` is no decimal: `precision-loss` for a number that does not fit, else
    `type-error`.
    """
    return _problem(cell, _NUMBER)


def boolean_value(cell: str) -> str:
    """The BOOLEAN in `cell`: `true` or `false` in any case."""
    return f"CASE lower({trimmed(cell)}) WHEN 'true' THEN true WHEN 'false' THEN false END"


def _problem(cell: str, shape: str) -> str:
    is_number = matches(cell, blanks_around(shape))
    return f"CASE WHEN {is_number} THEN 'precision-loss' ELSE 'type-error' END"


def _plain_decimal(precision: int, scale: int) -> str:
    # Few enough digits that the cast has nothing to round; DuckDB rounds without a word.
    whole = f"[0-9]{{1,{max(1, precision - scale)}}}"
    return rf"[+-]?{whole}(?:\.[0-9]{{1,{scale}}})?" if scale else f"[+-]?{whole}"


def _shifted_decimal(cell: str, precision: int, scale: int) -> str:
    """Any number, also with an exponent or padding zeros, brought to plain digits first."""
    parts = extract(trimmed(cell), _NUMBER_PARTS, ("sign", "whole", "fraction", "exponent"))
    number = (
        f"{{'sign': {_PARTS}.sign,"
        f" 'all_digits': {_PARTS}.whole || {_PARTS}.fraction,"
        f" 'significant': trim({_PARTS}.whole || {_PARTS}.fraction, '0'),"
        f" 'lowest': {_power_of_last_digit(_PARTS)}}}"
    )
    return _let(_PARTS, parts, _let(_SHIFTED, number, _from_digits(precision, scale)))


def _power_of_last_digit(parts: str) -> str:
    """The power of ten of the last digit that is not a padding zero; NULL when absurdly large."""
    digits = f"ltrim({parts}.whole || {parts}.fraction, '0')"
    padding = f"length({digits}) - length(rtrim({digits}, '0'))"
    given = f"TRY_CAST({parts}.exponent AS INTEGER)"
    exponent = f"CASE {parts}.exponent WHEN '' THEN 0 ELSE {given} END"
    return f"CAST({exponent} AS BIGINT) - length({parts}.fraction) + {padding}"


def _from_digits(precision: int, scale: int) -> str:
    decimal = f"DECIMAL({precision},{scale})"
    # The bounds keep a huge exponent from building a huge text, in whatever order SQL is run.
    zeros = f"repeat('0', greatest(0, least({_SHIFTED}.lowest + {scale}, {precision})))"
    digits = f"repeat('0', {scale + 1}) || {_SHIFTED}.significant || {zeros}"
    text = f"{_SHIFTED}.sign || {_with_point(digits, scale)}"
    fits = (
        f"{_SHIFTED}.lowest >= -{scale}"
        f" AND length({_SHIFTED}.significant) + {_SHIFTED}.lowest <= {precision - scale}"
    )
    return (
        f"CASE WHEN {_SHIFTED}.all_digits = '' THEN NULL"
        f" WHEN {_SHIFTED}.significant = '' THEN CAST(0 AS {decimal})"
        f" WHEN {fits} THEN TRY_CAST({text} AS {decimal}) END"
    )


def _with_point(digits: str, scale: int) -> str:
    return f"left({digits}, -{scale}) || '.' || right({digits}, {scale})" if scale else digits


def _let(name: str, expression: str, body: str) -> str:
    # A lambda over a list of one is the only way to name a value inside an expression.
    return f"list_transform([{expression}], lambda {name}: {body})[1]"


def literal(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def trimmed(cell: str) -> str:
    return f"trim({cell}, {literal(BLANKS)})"


def matches(cell: str, pattern: str) -> str:
    """Whether the whole of `cell` matches the RE2 `pattern`."""
    return f"regexp_full_match({cell}, {literal(pattern)})"


def blanks_around(pattern: str) -> str:
    return f"[{BLANKS}]*(?:{pattern})[{BLANKS}]*"


def extract(text: str, pattern: str, names: tuple[str, ...]) -> str:
    """A struct of the groups of `pattern`; every member is '' where `text` does not match."""
    return f"regexp_extract({text}, {literal(pattern)}, [{', '.join(map(literal, names))}])"
