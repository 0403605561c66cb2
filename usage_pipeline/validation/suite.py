"""The rules of an event schema as a Great Expectations suite, run on rows held in DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from usage_pipeline.schema.rules import Rule

if TYPE_CHECKING:
    import duckdb

    from usage_pipeline.validation.gx_duckdb import GxSuite


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How many rows a rule was asked about, and how many did not obey it; both exact."""

    rule: Rule
    checked: int
    unexpected: int


class SuiteRunner:
    """The suite of one event schema, built at its first use, run on any number of uploads.

    Importing this module is cheap; Great Expectations itself, which takes seconds, is imported at
    the first use. One runner serves one thread.
    """

    def __init__(self, name: str, rules: Sequence[Rule]) -> None:
        self._name = name
        self.rules = tuple(rules)
        self._suite: GxSuite | None = None

    def run(self, connection: duckdb.DuckDBPyConnection, table: str) -> list[RuleResult]:
        """Check every row of a table or view; results in the order of the rules.

        Args:
            connection: stays open, and in its transaction if it is in one.
            table: one name, unquoted, as `connection` sees it.

        Raises:
            RuntimeError: a rule could not be evaluated; with the text of Great Expectations.
        """
        counts = self._gx().count(connection, table)
        return [RuleResult(rule, *counts[rule.code, rule.field, rule.holds]) for rule in self.rules]

    def suite_json(self) -> dict[str, Any]:
        """The suite as Great Expectations serialises it."""
        return self._gx().to_json()

    def _gx(self) -> GxSuite:
        if self._suite is None:
            from usage_pipeline.validation.gx_duckdb import GxSuite

            self._suite = GxSuite(self._name, self.rules)
        return self._suite
