"""How single values of a schema file are read, and what all its parts have in common."""

from __future__ import annotations

import codecs
import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr


def _exact_number(value: Any) -> Any:
    """Read a YAML number as the decimal typed: 0.1 is one tenth, not its nearest double."""
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    if isinstance(value, int | float | str | Decimal):
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            raise ValueError(f"{value!r} is not a number") from None
        if not number.is_finite():
            raise ValueError(f"{value!r} is not a finite number")
        return number
    return value


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: Any) -> Any:
    """Read `5m`, `24h` or `35d` as a length of time."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d{1,6})([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a length of time is a number and a unit: 30s, 5m, 24h or 35d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


_BYTES = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _size(value: Any) -> Any:
    """Read `64MB` or `100 GB` as a number of bytes; units are powers of 1,000."""
    if isinstance(value, bool):
        raise ValueError("a size is a number of bytes, or one with a unit: 64MB, 100GB")
    match = re.fullmatch(r"(\d{1,15}) ?(|KB|MB|GB|TB)", str(value))
    if match is None or int(match[1]) == 0:
        raise ValueError("a size is a number of bytes, or one with a unit: 64MB, 100GB")
    return int(match[1]) * _BYTES[match[2]]


#: Text encodings of Python's that transform instead of encode, that read bytes leniently, or in
#: which the meaning of a byte depends on all that came before.
_NO_FILE_ENCODING = re.compile(
    r"idna|punycode|raw[-_]unicode[-_]escape|unicode[-_]escape|undefined|utf-7|hz|iso2022.*"
)


def _encoding(value: Any) -> Any:
    """Let through `auto` and the name of an encoding that can be read strictly."""
    if value == "auto" or not isinstance(value, str):
        return value
    try:
        codec = codecs.lookup(value)
        "".encode(value)
    except (LookupError, ValueError):
        raise ValueError(
            "no encoding of that name; write auto, utf-8, cp1252, latin-1, …"
        ) from None
    if codec.incrementaldecoder is None or _NO_FILE_ENCODING.fullmatch(codec.name):
        raise ValueError("files cannot be read in it; write auto, utf-8, cp1252, latin-1, …")
    return value


ExactNumber = Annotated[Decimal, BeforeValidator(_exact_number, json_schema_input_type=float | str)]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=int | str)]
Encoding = Annotated[StrictStr, BeforeValidator(_encoding)]
Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=str)]
#: A letter, then letters and digits, in parts joined by single underscores: two such names joined
#: by two underscores can be told apart again, which names in Dagster rely on.
NAME_PATTERN = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"

Name = Annotated[StrictStr, Field(pattern=f"^{NAME_PATTERN}$", max_length=63)]


KeyPath = tuple[str | int, ...]

#: What is wrong with a schema: the path of keys where, and a message.
Problem = tuple[KeyPath, str]


class SchemaPart(BaseModel):
    """Base of everything in the YAML: unknown keys are refused, values never change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
