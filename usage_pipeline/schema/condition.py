"""A condition on the fields of a schema, as a `where` says it: from text to a typed tree.

The engine's own parser reads the text. What runs later is written anew from the tree (see
`metering/condition_sql.py`), so no text from a YAML file ever becomes a part of a statement.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NoReturn, TypeAlias, cast

from usage_pipeline.schema.digits import digits_around_point, shortest
from usage_pipeline.schema.event_schema import FieldSpec
from usage_pipeline.schema.sql_types import sql_type
from usage_pipeline.warehouse.syntax import (
    Node,
    NotOneSelect,
    SyntaxTree,
    WrongSql,
    has_comment,
    syntax_tree,
    without_places,
)

Operator = Literal["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]

#: An exact value: of a string, of a number, of a boolean, or a moment in UTC.
Value: TypeAlias = str | Decimal | bool | datetime


class WrongCondition(ValueError):
    """A text that is no condition on the fields; the message says what, where and why."""


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of the schema, and the engine's type of its values."""

    name: str
    sql_type: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field beside a value or another field, both taken as `sql_type`, which holds both."""

    left: FieldRef
    operator: Operator
    right: FieldRef | Value
    sql_type: str


@dataclass(frozen=True, slots=True)
class Among:
    """Whether a field's value is in a list."""

    field: FieldRef
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """Whether a text looks like a pattern: `%` is any text and `_` any one character."""

    field: FieldRef
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a field has no value; never unknown itself."""

    field: FieldRef


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Always:
    """`true` or `false`, whatever the event."""

    value: bool


Condition: TypeAlias = Comparison | Among | Like | IsNull | Not | AllOf | AnyOf | Always

ALLOWED = (
    "Allowed: fields compared with fields, 'texts', numbers, true and false by = <> < <= > >=, "
    "IS [NOT] DISTINCT FROM, [NOT] IN (…), [NOT] BETWEEN, [NOT] LIKE, IS [NOT] NULL; "
    "AND, OR, NOT and parentheses"
)

_OPERATORS: dict[str, Operator] = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}
_SIDES_CHANGED: dict[Operator, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}

_KINDS = {
    "string": "text",
    "integer": "number",
    "decimal": "number",
    "boolean": "true or false",
    "timestamp": "moment",
}
_LITERAL_KINDS = {"STRING": "text", "INTEGER": "number", "NUMERIC": "number", "BOOLEAN": "boolean"}

#: What is said of nodes that are none of a condition; others are just not allowed.
_REFUSED = {
    "FUNCTION": "functions and arithmetic are not allowed; compare the field itself",
    "SUBQUERY": "a query inside a condition is not allowed",
    "CAST": "a cast is not allowed: write a moment as a text alone, '2024-01-31T00:00:00Z', "
    "and `field`, `NOT field` or `field IS DISTINCT FROM true` for IS [NOT] TRUE",
    "PARAMETER": "a parameter is not allowed; write the value itself",
    "STAR": "`*` is no field; name one",
    "COLLATE": "COLLATE is not allowed; texts are compared character by character",
    "CASE": "CASE is not allowed; use AND, OR and NOT",
}

#: Around the text: nothing but one condition can stand there without being seen in the tree.
_BEGIN, _END = "SELECT 1 FROM events WHERE CASE WHEN (\n", "\n) THEN true END"
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)", re.ASCII
)
_WHOLE_DIGITS_OF_INTEGER, _MOST_DIGITS = 19, 38


def parse_condition(text: str, fields: Mapping[str, FieldSpec]) -> Condition:
    """Read a condition on `fields`; every comparison in it is exact and between equal kinds.

    Raises:
        WrongCondition: it is no condition, or not one on these fields.
    """
    try:
        tree = syntax_tree(text, begin=_BEGIN, end=_END)
        node = _taken_out(tree.node)
        if node is None or without_places(tree.node) != _frame():
            raise NotOneSelect("")
        if has_comment(text):
            raise WrongCondition(
                "a comment is not allowed in a condition; the metric has a description for it"
            )
        return _Reader(tree, fields).condition(node)
    except NotOneSelect:
        raise WrongCondition(f"there is more in it than one condition. {ALLOWED}") from None
    except WrongSql as error:
        raise WrongCondition(f"{error}. {ALLOWED}") from None
    except RecursionError:
        raise WrongCondition("it is nested too deeply; write it with fewer levels") from None


def _taken_out(select: Node) -> Node | None:
    """What stands where the text was put; it leaves a hole in the tree."""
    where = select.get("where_clause") or {}
    for check in where.get("case_checks", ())[:1]:
        return cast(Node, check.pop("when_expr"))
    return None


@lru_cache(maxsize=1)
def _frame() -> Node:
    node = syntax_tree("true", begin=_BEGIN, end=_END).node
    _taken_out(node)
    return cast(Node, without_places(node))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the nodes of one tree."""

    tree: SyntaxTree
    fields: Mapping[str, FieldSpec]

    def condition(self, node: Node) -> Condition:
        kind = node["type"]
        if kind in _OPERATORS:
            return self._comparison(node, node["left"], _OPERATORS[kind], node["right"])
        if kind == "COMPARE_BETWEEN":
            value = node["input"]
            return AllOf(
                (
                    self._comparison(node, value, ">=", node["lower"]),
                    self._comparison(node, value, "<=", node["upper"]),
                )
            )
        if kind in ("CONJUNCTION_AND", "CONJUNCTION_OR"):
            parts = tuple(self.condition(child) for child in node["children"])
            return AllOf(parts) if kind == "CONJUNCTION_AND" else AnyOf(parts)
        if kind == "OPERATOR_NOT":
            return Not(self.condition(node["children"][0]))
        if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
            test = IsNull(self._field(node, node["children"][0], "IS NULL asks about a field"))
            return test if kind == "OPERATOR_IS_NULL" else Not(test)
        if kind == "COMPARE_IN":
            return self._among(node)
        if kind == "FUNCTION" and node["is_operator"] and node["function_name"] in ("~~", "!~~"):
            return self._like(node)
        if kind == "COLUMN_REF":
            field = self._field(node, node)
            if self._spec(field).type != "boolean":
                self._wrong(node, f"{self._is(field)}, so it is no condition by itself")
            return Comparison(field, "=", True, field.sql_type)
        if kind == "VALUE_CONSTANT":
            if node["literal"]["kind"] == "BOOLEAN":
                return Always(node["literal"]["text"] == "true")
            self._wrong(node, "a value by itself is no condition; compare a field with it")
        return self._refuse(node)

    def _comparison(self, node: Node, left: Node, operator: Operator, right: Node) -> Comparison:
        if left["type"] == "VALUE_CONSTANT":
            left, right = right, left
            operator = _SIDES_CHANGED.get(operator, operator)
        if left["type"] == "VALUE_CONSTANT":
            self._wrong(node, "a comparison needs a field on one side at least")
        field = self._field(node, left, "fields and values are compared, not conditions")
        if right["type"] == "VALUE_CONSTANT":
            return Comparison(field, operator, self._value(node, field, right), field.sql_type)
        other = self._field(node, right, "fields and values are compared, not conditions")
        kinds = [_KINDS[self._spec(one).type] for one in (field, other)]
        if kinds[0] != kinds[1]:
            self._wrong(node, f"{self._is(field)}, and {self._is(other)}: they never compare")
        return Comparison(field, operator, other, self._common_type(node, field, other))

    def _common_type(self, node: Node, *refs: FieldRef) -> str:
        """The type that holds every value of both fields, so that neither is rounded."""
        if refs[0].sql_type == refs[1].sql_type:
            return refs[0].sql_type
        digits = [
            (_WHOLE_DIGITS_OF_INTEGER, 0)
            if spec.type == "integer"
            else (spec.precision - spec.scale, spec.scale)
            for spec in map(self._spec, refs)
        ]
        whole, scale = max(one[0] for one in digits), max(one[1] for one in digits)
        if whole + scale > _MOST_DIGITS:
            self._wrong(
                node,
                f"no type of {_MOST_DIGITS} digits holds both {self._is(refs[0])} and "
                f"{self._is(refs[1])}; give both the same precision and scale",
            )
        return f"DECIMAL({whole + scale},{scale})"

    def _among(self, node: Node) -> Among:
        first, *listed = node["children"]
        field = self._field(node, first, "IN asks about a field")
        for one in listed:
            if one["type"] != "VALUE_CONSTANT":
                self._wrong(node, f"IN lists values; `{self.tree.piece(one)}` is none")
        return Among(field, tuple(self._value(node, field, one) for one in listed))

    def _like(self, node: Node) -> Condition:
        first, pattern = (argument["expression"] for argument in node["arguments"])
        field = self._field(node, first, "LIKE asks about a field")
        if self._spec(field).type != "string":
            self._wrong(node, f"{self._is(field)}; LIKE is for texts")
        if pattern["type"] != "VALUE_CONSTANT":
            self._wrong(node, "the pattern of LIKE is a text in single quotes")
        like = Like(field, cast(str, self._value(node, field, pattern)))
        return like if node["function_name"] == "~~" else Not(like)

    def _field(self, within: Node, node: Node, otherwise: str = "") -> FieldRef:
        if node["type"] != "COLUMN_REF":
            if node["class"] in _REFUSED:
                self._wrong(within, f"{_REFUSED[node['class']]}. {ALLOWED}")
            self._wrong(within, otherwise)
        *qualifiers, name = node["column_names"]
        if qualifiers:
            self._wrong(node, f"write the name of the field alone: {name}")
        if name not in self.fields:
            near = difflib.get_close_matches(name.lower(), self.fields, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            if not near and self.tree.piece(node).startswith('"'):
                hint = " A text stands in single quotes."
            self._wrong(within, f"'{name}' is no field.{hint} Fields: {', '.join(self.fields)}")
        return FieldRef(name, sql_type(self.fields[name]))

    def _value(self, within: Node, field: FieldRef, node: Node) -> Value:
        spec, kind, text = self._spec(field), node["literal"]["kind"], node["literal"].get("text")
        if kind == "NULL_LITERAL":
            self._wrong(within, f"nothing equals NULL; write {field.name} IS NULL, or IS NOT NULL")
        if kind not in _LITERAL_KINDS:
            self._wrong(within, "this way of writing a value is not allowed")
        if spec.type == "string":
            if kind != "STRING":
                advice = "write the text in single quotes"
                self._wrong(within, f"{self._is(field)}; {advice}: '{self.tree.piece(node)}'")
            return str(text)
        if spec.type == "timestamp":
            if kind != "STRING":
                self._wrong(within, f"{self._is(field)}; write one as '2024-01-31T00:00:00Z'")
            return self._moment(within, text)
        if spec.type == "boolean":
            if kind != "BOOLEAN":
                self._wrong(within, f"{self._is(field)}; write true or false, without quotes")
            return bool(text == "true")
        if _LITERAL_KINDS[kind] != "number":
            self._wrong(within, f"{self._is(field)}; write a number, without quotes")
        return self._number(within, field, text)

    def _number(self, within: Node, field: FieldRef, text: str) -> Decimal:
        spec = self._spec(field)
        try:
            number = shortest(Decimal(text))
        except ArithmeticError:
            number = None
        if spec.type == "integer":
            held = "whole numbers of 64 bits"
            fits = (
                number is not None
                and digits_around_point(number)[0] <= _WHOLE_DIGITS_OF_INTEGER
                and digits_around_point(number)[1] == 0
                and -(2**63) <= number < 2**63
            )
        else:
            room = spec.precision - spec.scale
            held = f"numbers of at most {room} digits before the point and {spec.scale} behind it"
            fits = number is not None and all(
                has <= may
                for has, may in zip(digits_around_point(number), (room, spec.scale), strict=True)
            )
        if number is None or not fits:
            self._wrong(within, f"no value of {field.name} is ever this number: it holds {held}")
        return number

    def _moment(self, within: Node, text: str) -> datetime:
        example = "write one as '2024-01-31T00:00:00Z' or '2024-01-31T00:00:00+01:00'"
        try:
            if not _MOMENT.fullmatch(text):
                raise ValueError
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            self._wrong(within, f"'{text[:60]}' is no moment with its offset from UTC; {example}")

    def _spec(self, field: FieldRef) -> FieldSpec:
        return self.fields[field.name]

    def _is(self, field: FieldRef) -> str:
        return f"{field.name} is a {_KINDS[self._spec(field).type]}".replace("is a true", "is true")

    def _refuse(self, node: Node) -> NoReturn:
        self._wrong(node, f"{_REFUSED.get(node['class'], 'this is not allowed')}. {ALLOWED}")

    def _wrong(self, node: Node, what: str) -> NoReturn:
        raise WrongCondition(self.tree.told(node, what))
