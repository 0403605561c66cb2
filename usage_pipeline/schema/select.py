"""A metric's own SELECT over `events`: checked when the schema is read, run later as it is.

It reads nothing but the events of one window, and gives the same exact values whenever it is
computed: what depends on the clock, on chance, on the order of rows or on DOUBLE is refused.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NoReturn

import duckdb

from usage_pipeline.printable import printable
from usage_pipeline.schema.event_schema import FieldSpec
from usage_pipeline.schema.metric_spec import QUOTIENT_DIGITS
from usage_pipeline.schema.select_rules import (
    CAST_TYPES,
    FUNCTIONS,
    INEXACT_TYPES,
    JOINS,
    NODES,
    ORDERED_WINDOW_FUNCTIONS,
    REFUSED_FUNCTIONS,
    REFUSED_NODES,
    WHOLE_TYPES,
    WINDOW_FUNCTIONS,
)
from usage_pipeline.schema.sql_types import sql_type
from usage_pipeline.warehouse.connection import Connection, empty_connection
from usage_pipeline.warehouse.sql import literal, quoted
from usage_pipeline.warehouse.syntax import (
    Node,
    SyntaxTree,
    WrongSql,
    syntax_tree,
    without_places,
)

#: What a SELECT reads, and the columns of it beside the schema's fields.
EVENTS = "events"
WINDOW_COLUMNS = ("window_start", "window_end")

_BEGIN, _END = "SELECT * FROM (\n", "\n)"


class WrongSelect(ValueError):
    """A text that is no SELECT a metric can have; the message says what, where and why."""


def check_select(
    sql: str,
    fields: Mapping[str, FieldSpec],
    group_by: Sequence[str],
    event_key: Sequence[str] = (),
) -> None:
    """Refuse a SELECT that a metric with these fields cannot have.

    Args:
        group_by: fields that split the value; columns of the result.
        event_key: fields that no two events of `events` have in common, where there are such.

    Raises:
        WrongSelect: it is not one SELECT; reads something else; does not give the same exact values
            each time; or its columns are not customer_id, those of `group_by`, and value.
    """
    try:
        tree = _embeddable(sql)
        _Rules(tree, tuple(event_key)).node(tree.node, frozenset())
        _check_bound(_trimmed(sql), fields, group_by)
    except WrongSql as error:
        raise WrongSelect(str(error)) from None
    except RecursionError:
        raise WrongSelect("it is nested too deeply; write it with fewer levels") from None


def normalised_select(sql: str) -> str:
    """A checked SELECT as text that can stand in parentheses, after a line break and before one.

    Raises:
        WrongSelect: it would mean something else there, or nothing.
    """
    try:
        _embeddable(sql)
    except WrongSql as error:
        raise WrongSelect(str(error)) from None
    return f"\n{_trimmed(sql)}\n"


def _trimmed(sql: str) -> str:
    return sql.rstrip("; \t\r\n")


def _embeddable(sql: str) -> SyntaxTree:
    """The tree of `sql`, which is the same when `sql` stands in parentheses."""
    tree = syntax_tree(sql)
    outer = syntax_tree(_trimmed(sql), begin=_BEGIN, end=_END).node
    inner = outer["from_table"].get("subquery") if outer["type"] == "SELECT_NODE" else None
    frame = syntax_tree("SELECT 1", begin=_BEGIN, end=_END).node
    frame["from_table"]["subquery"] = inner
    same = inner is not None and without_places(inner["node"]) == without_places(tree.node)
    if not same or without_places(outer) != without_places(frame):
        raise WrongSql("one SELECT is allowed, with nothing after it but a semicolon")
    return tree


@dataclass(frozen=True, slots=True)
class _Rules:
    """Walks one syntax tree; what it does not know, it refuses."""

    tree: SyntaxTree
    event_key: tuple[str, ...]

    def node(self, node: Node, ctes: frozenset[str], events: str | None = None) -> None:
        """Check a node with all below it.

        `ctes` are the names that WITH has given, in lower case. `events` is what the SELECT around
        calls the events, where each of its rows is one event and each event one row.
        """
        kind = node.get("type")
        if "cte_map" in node:
            ctes = self._with(node["cte_map"]["map"], ctes)
            events = _events_alone(node)
        if isinstance(kind, str):
            self._check(kind, node, ctes, events)
        if node.get("sample") is not None:
            self._wrong(node, "a sample is chance; all events count")
        for key, value in node.items():
            if key != "cte_map":
                for child in _nodes(value):
                    self.node(child, ctes, events)

    def _with(self, entries: list[Node], ctes: frozenset[str]) -> frozenset[str]:
        for entry in entries:
            name = entry["key"].lower()
            if name == EVENTS:
                raise WrongSelect(f"`{EVENTS}` is the table of the events; give WITH another name")
            # One cannot read itself: the engine would take a table of that name.
            self.node(entry["value"], ctes)
            ctes |= {name}
        return ctes

    def _check(self, kind: str, node: Node, ctes: frozenset[str], events: str | None) -> None:
        if kind == "BASE_TABLE":
            self._table(node, ctes)
        elif kind == "FUNCTION":
            self._function(node, FUNCTIONS)
        elif kind.startswith("WINDOW_"):
            self._window(node, events)
        elif kind == "DISTINCT_MODIFIER":
            if node["distinct_on_targets"]:
                raise WrongSelect(
                    "DISTINCT ON is not allowed: of several rows, chance picks one. Use GROUP BY "
                    "with min or max"
                )
        elif kind == "LIMIT_MODIFIER":
            raise WrongSelect(
                "LIMIT and OFFSET are not allowed: of equal rows, chance picks one. Use min, max, "
                "or QUALIFY rank() OVER (ORDER BY …) <= n"
            )
        elif kind not in NODES:
            self._wrong(node, REFUSED_NODES.get(kind, "this is not allowed in a metric's SELECT"))
        if kind == "JOIN" and node["ref_type"] not in JOINS:
            what = node["ref_type"].capitalize()
            self._wrong(node, f"{what} joins depend on the order of rows; join with ON or USING")
        if kind == "OPERATOR_CAST":
            self._cast(node)

    def _table(self, node: Node, ctes: frozenset[str]) -> None:
        path = node["qualified_name"]["path"]
        if len(path) != 1 or path[0].lower() not in ctes | {EVENTS}:
            self._wrong(node, f"it may read `{EVENTS}`, and no other table or file")
        if node["at_clause"] is not None:
            self._wrong(node, f"`{EVENTS}` is read as it is; AT is not allowed")

    def _function(self, node: Node, allowed: frozenset[str]) -> None:
        name = node["function_name"].lower()
        path = node["qualified_name"]["path"]
        if len(path) != 1:
            self._wrong(node, f"write the name of the function alone: {path[-1]}")
        if node.get("export_state"):
            self._wrong(node, "EXPORT_STATE is not allowed")
        if name in allowed:
            return
        if name in REFUSED_FUNCTIONS:
            self._wrong(node, f"`{name}` {REFUSED_FUNCTIONS[name]}")
        if name in ORDERED_WINDOW_FUNCTIONS | WINDOW_FUNCTIONS:
            self._wrong(node, f"`{name}` needs OVER (…)")
        words = sorted(one for one in FUNCTIONS if one[0].isalpha())
        near = difflib.get_close_matches(name, words, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        listed = ", ".join(words)
        self._wrong(node, f"`{name}` is none of the functions allowed.{hint} Allowed: {listed}")

    def _window(self, node: Node, events: str | None) -> None:
        self._function(node, FUNCTIONS | WINDOW_FUNCTIONS | ORDERED_WINDOW_FUNCTIONS)
        by_rows = any(str(node[side]).endswith("_ROWS") for side in ("start", "end"))
        if node["function_name"].lower() not in ORDERED_WINDOW_FUNCTIONS and not by_rows:
            return
        columns = [*node["partitions"], *(order["expression"] for order in node["orders"])]
        paths = [
            [name.lower() for name in one["column_names"]]
            for one in columns
            if one["type"] == "COLUMN_REF"
        ]
        # A qualified name may be that of another row: of a query further out.
        named = {path[-1] for path in paths if path[:-1] in ([], [events])}
        if events is not None and self.event_key and named.issuperset(self.event_key):
            return
        what = "ROWS" if by_rows else f"`{node['function_name']}`"
        advice = (
            f"select FROM {EVENTS} itself, and name the whole event key ("
            f"{', '.join(self.event_key)}) in PARTITION BY and ORDER BY"
            if self.event_key
            else "use rank, or RANGE; no fields tell events of this schema apart"
        )
        self._wrong(node, f"{what} depends on the order of rows that are equal: {advice}")

    def _cast(self, node: Node) -> None:
        target = node["type_expr"]
        name = target.get("type_name", "").lower()
        if len(target.get("qualified_name", {}).get("path", ())) == 1 and name in CAST_TYPES:
            return
        if name in ("double", "float", "real", "float4", "float8"):
            self._wrong(node, f"{name.upper()} is not exact; cast to DECIMAL(38,18)")
        self._wrong(node, f"a cast is to one of {', '.join(sorted(CAST_TYPES))}")

    def _wrong(self, node: Node, what: str) -> NoReturn:
        raise WrongSelect(self.tree.told(node, what))


def _events_alone(select: Node) -> str | None:
    """What a SELECT calls the events where it reads just them and does not group them."""
    source = select["from_table"] if select["type"] == "SELECT_NODE" else {"type": None}
    grouped = select.get("group_expressions") or (
        select.get("aggregate_handling") != "STANDARD_HANDLING"
    )
    if source["type"] != "BASE_TABLE" or grouped or source["column_name_alias"]:
        return None
    table = str(source["table_name"])
    return (str(source["alias"]) or table).lower() if table.lower() == EVENTS else None


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _nodes(one)


def _check_bound(sql: str, fields: Mapping[str, FieldSpec], group_by: Sequence[str]) -> None:
    """Have the engine bind `sql` to no events with the fields' types, and look at the types."""
    for name in WINDOW_COLUMNS:
        if name in fields:
            raise WrongSelect(
                f"`{EVENTS}` has a column {name} of its own, and the schema a field of that name: "
                "rename the field"
            )
    embedded = f"{_BEGIN}{sql}{_END}"
    with closing(empty_connection()) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        types = {name: sql_type(field) for name, field in fields.items()}
        types |= dict.fromkeys(WINDOW_COLUMNS, "TIMESTAMPTZ")
        columns = ", ".join(
            f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items()
        )
        try:
            # A view, as where it runs: a table would have a rowid.
            connection.execute(f"CREATE VIEW {EVENTS} AS SELECT {columns} WHERE false")
        except duckdb.Error:
            raise WrongSelect("it cannot be checked before the fields' types are right") from None
        try:
            described = connection.execute(f"DESCRIBE {embedded}").fetchall()
        except duckdb.Error as error:
            raise WrongSelect(_in_words(str(error))) from None
        _check_plan(connection, embedded)
        _check_columns([(row[0], row[1]) for row in described], fields, group_by)


def _in_words(error: str) -> str:
    """What the engine says, on one line, without the name of its error and the text once more."""
    words = " ".join(error.split("\n\nLINE ")[0].split())
    words = re.sub(
        r"Either add it .* ANY_VALUE.*", "Add it to GROUP BY, or take min or max.", words
    )
    kind, _, rest = words.partition(" Error: ")
    return printable(rest if rest and len(kind) < 20 else words)


def _check_columns(
    columns: list[tuple[str, str]], fields: Mapping[str, FieldSpec], group_by: Sequence[str]
) -> None:
    wanted = {"customer_id": "VARCHAR"} | {name: sql_type(fields[name]) for name in group_by}
    given = {name.lower(): kind for name, kind in columns}
    names = [*wanted, "value"]
    listed = ", ".join(names)
    for name in names:
        if name not in given:
            raise WrongSelect(f"its result has no column {name}. Columns of it: {listed}")
    for name, _ in columns:
        if name.lower() not in names:
            raise WrongSelect(f"its result has a column '{name}' too many. Columns of it: {listed}")
    for name, kind in wanted.items():
        if given[name] != kind:
            raise WrongSelect(f"column {name} is {given[name]}; it must be {kind}, like the field")
    value = given["value"]
    scale = re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", value)
    if value not in WHOLE_TYPES and scale is None:
        raise WrongSelect(f"value is {value}; it must be a whole number or a DECIMAL")
    if scale is not None and int(scale[1]) > QUOTIENT_DIGITS:
        raise WrongSelect(
            f"value has {scale[1]} digits behind the point, more than the {QUOTIENT_DIGITS} that a "
            f"metric keeps; say how it is rounded: round(…, {QUOTIENT_DIGITS})"
        )


def _check_plan(connection: Connection, embedded: str) -> None:
    """Refuse what the text does not show: DOUBLE on the way, and keywords that are functions."""
    query = f"SELECT json_serialize_plan({literal(embedded)}, optimize := false)"
    row = connection.execute(query).fetchone()
    plan = json.loads(row[0]) if row else {"error": True}
    if plan["error"]:
        raise WrongSelect(_in_words(str(plan.get("error_message", "it cannot be checked"))))
    tree = SyntaxTree(embedded, {})
    unstable = {
        name
        for (name,) in connection.execute(
            "SELECT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
        ).fetchall()
    }
    for node in _deepest_first(plan["plans"]):
        path = (node.get("qname") or {}).get("path") or [""]
        if path[-1] in unstable or path[-1].startswith("current_"):
            raise WrongSelect(tree.told(node, f"`{path[-1]}` changes from run to run"))
        types = (node.get("return_type"), node.get("type"))
        if any(isinstance(one, dict) and one.get("id") in INEXACT_TYPES for one in types):
            what = (
                "it becomes a DOUBLE, which is not exact. Write 1000 for 1e3, and "
                "CAST(… AS DECIMAL(38,18)) where numbers of different types meet"
            )
            raise WrongSelect(tree.told(node, what))


def _deepest_first(value: Any) -> Iterator[Node]:
    for node in _nodes(value):
        for below in node.values():
            yield from _deepest_first(below)
        yield node
