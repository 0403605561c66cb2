"""The engine's own parser: the syntax tree of a SELECT that somebody wrote, before it is run.

Who checks and who executes read a text the same way then. Nothing is executed, and the parser
refuses all statements but SELECT.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from usage_pipeline.printable import printable
from usage_pipeline.warehouse.connection import Connection, empty_connection

#: A node as `json_serialize_sql` gives it; `type` and `class` say what it is.
Node: TypeAlias = dict[str, Any]

MOST_CHARACTERS = 10_000
_MOST_SHOWN = 60

# The parser goes down one level for each bracket, sign and NOT, until its stack ends and the
# process with it; of WITH inside WITH it tries every reading there might be. So both are counted
# before it sees the text, and what it gives is no deeper than every caller can walk.
_MOST_BRACKETS = 50
_MOST_WITHS = 4
_MANY_SIGNS = re.compile(r"(?:(?:[^\w\s()\[\]{},;.'\"]|\bnot\b)\s*){20}", re.IGNORECASE)
_WITH = re.compile(r"\bwith\b(?!\s+time\b)", re.IGNORECASE)
_MOST_DEPTH = 100
_MOST_LEVELS = 300

#: What is not SQL by itself. Other ways to quote are refused, as a quote could be hidden in them.
_QUOTED_OR_COMMENT = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<comment>--[^\r\n]*|/\*.*?\*/)""", re.DOTALL
)
_OTHER_QUOTES = re.compile(r"(?<!\w)e'|\$\w*\$", re.IGNORECASE)

_TOO_DEEP = "it is nested too deeply; write it with fewer levels"
_PLACES = ("query_location", "query_location_length")


class WrongSql(ValueError):
    """A text that is no single SELECT; the message says why, for the person who wrote it."""


class NotOneSelect(WrongSql):
    """SQL, but another statement than a SELECT, or several."""


@dataclass(frozen=True, slots=True)
class SyntaxTree:
    """The tree of one SELECT, and the text that places in it point into."""

    sql: str
    node: Node

    def piece(self, node: Node) -> str:
        """What was written for a node, on one line, shortened, fit to be shown."""
        spans = list(_spans(node))
        if not spans:
            return ""
        begin, end = min(first for first, _ in spans), max(last for _, last in spans)
        return _shown(self.sql.encode()[begin:end].decode(errors="replace"))

    def told(self, node: Node, what: str) -> str:
        """`what`, with the piece of the text that it is about before it."""
        piece = self.piece(node)
        return printable(f"in `{piece}`: {what}" if piece else what)


def syntax_tree(sql: str, *, begin: str = "", end: str = "") -> SyntaxTree:
    """Parse `begin`, `sql` and `end`, put together, as one SELECT.

    Raises:
        WrongSql: it is longer, or nested deeper, than anything sensible; no SQL; or no SELECT; or
            more than one statement. The message speaks of `sql` only.
    """
    _check_text(sql)
    text = begin + sql + end
    try:
        answer = json.loads(_serialised(text))
        if _levels(answer) > _MOST_LEVELS:
            raise WrongSql(_TOO_DEEP)
        statements = answer.get("statements")
        if statements is None:
            raise _problem(answer, sql, len(begin.encode()))
        if not statements:
            raise WrongSql("there is no SELECT in it")
        if len(statements) > 1:
            raise NotOneSelect(f"one SELECT is allowed, not {len(statements)} statements")
        return SyntaxTree(text, statements[0]["node"])
    except RecursionError:
        raise WrongSql(_TOO_DEEP) from None


def without_places(node: Any) -> Any:
    """A tree by which two texts can be compared: without the places in the text."""
    if isinstance(node, dict):
        return {key: without_places(one) for key, one in node.items() if key not in _PLACES}
    if isinstance(node, list):
        return [without_places(one) for one in node]
    return node


@lru_cache(maxsize=1)
def _parser() -> Connection:
    return empty_connection()


def _serialised(text: str) -> str:
    # A cursor each: a connection is not for two threads at a time.
    with _parser().cursor() as cursor:
        cursor.execute(f"SET max_expression_depth = {_MOST_DEPTH}")
        row = cursor.execute("SELECT json_serialize_sql(?)", [text]).fetchone()
    assert row is not None
    return str(row[0])


def _check_text(sql: str) -> None:
    if not sql.strip():
        raise WrongSql("it is empty")
    if len(sql) > MOST_CHARACTERS:
        raise WrongSql(f"it has {len(sql):,} characters; at most {MOST_CHARACTERS:,} are read")
    if "\0" in sql:
        raise WrongSql("there is a NUL character in it")
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise WrongSql("there is half of a surrogate pair in it, which is no character") from None
    seen = _QUOTED_OR_COMMENT.sub(lambda found: " " if found["comment"] else "'_'", sql)
    if found := _OTHER_QUOTES.search(seen):
        raise WrongSql(f"`{found[0]}` is not allowed; write a text in single quotes alone")
    depth = deepest = 0
    for character in seen:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > _MOST_BRACKETS:
        raise WrongSql(f"brackets are nested {deepest:,} deep; at most {_MOST_BRACKETS} are read")
    if _MANY_SIGNS.search(seen):
        raise WrongSql(_TOO_DEEP)
    if len(_WITH.findall(seen)) > _MOST_WITHS:
        raise WrongSql(f"at most {_MOST_WITHS} WITH are read; one names several queries, by commas")


def has_comment(sql: str) -> bool:
    """Whether some of it is said to people and not to the engine."""
    return any(found["comment"] for found in _QUOTED_OR_COMMENT.finditer(sql))


def _levels(tree: Any) -> int:
    levels, below = 0, [tree]
    while below:
        levels += 1
        below = [
            child
            for one in below
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
    return levels


def _problem(answer: Node, sql: str, skipped: int) -> WrongSql:
    message = str(answer.get("error_message", "")).split("\n")[0]
    if "expression depth" in message:
        return WrongSql(_TOO_DEEP)
    if answer.get("error_type") == "not implemented":
        return NotOneSelect("one SELECT is allowed, and no other statement")
    if "position" not in answer:
        return WrongSql(printable(message))
    written = sql.encode()
    offset = max(0, int(answer["position"]) - skipped)
    lines_before = written[:offset].count(b"\n")
    line = f" in line {lines_before + 1} of it" if "\n" in sql.strip() else ""
    near = _shown(written[offset:].decode(errors="replace"))
    if "unterminated" in message:
        return WrongSql(f"{message.split(' at or near ')[0]}{line}, from `{near}` on")
    if not near:
        return WrongSql("it ends too early: a part is missing, or a bracket is not closed")
    return WrongSql(f"not SQL{line}, from `{near}` on")


def _spans(node: Any) -> Iterator[tuple[int, int]]:
    if isinstance(node, dict):
        begin, length = (node.get(key) for key in _PLACES)
        if begin is not None and length:
            yield begin, begin + length
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _spans(one)


def _shown(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _MOST_SHOWN else line[: _MOST_SHOWN - 1] + "…"
