"""YAML written by hand, so that a comment can stand beside what it is about.

Text of the file only ever becomes a quoted scalar or, made printable, part of a comment.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

import yaml

from usage_pipeline.printable import printable

WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/]*(?:[.-][A-Za-z0-9_/]+)*")
#: Words that some reader of YAML, if not ours, takes for something else than text.
_SPECIAL = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

Value = str | int | bool | Sequence["Value"] | Mapping[str, "Value"]


def scalar(value: Value) -> str:
    """A value in flow style, on one line, that reads as itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {scalar(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(scalar(one) for one in value) + "]"


def comment(text: str, indent: int) -> Iterator[str]:
    """A comment in lines of fair width; whatever it quotes stays in it."""
    lead = " " * indent + "# "
    yield from textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=lead,
        subsequent_indent=lead,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL and yaml.safe_load(text) == text:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    # A byte order mark counts as printable to some; a YAML reader refuses what it cannot print.
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
