"""Great Expectations on a caller's DuckDB connection. Importing this module takes seconds."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool

from usage_pipeline.schema.rules import Rule
from usage_pipeline.warehouse.connection import empty_connection

# Releases that send usage statistics read this when they are imported.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
# What goes wrong is raised with its text; the log would repeat it, with tracebacks.
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)

with warnings.catch_warnings(action="ignore"):
    import great_expectations as gx
    from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )
    from great_expectations.expectations.expectation import ColumnMapExpectation
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.metrics.map_metric_provider import (
        column_map_metric_provider as map_metrics,
    )
    from great_expectations.expectations.metrics.metric_provider import metric_partial
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.validator import ValidationDependencies

_METRIC = "column_values.obey_rule"
_ROWS, _BROKEN = "table.row_count", f"{_METRIC}.unexpected_count"


class _Borrowed:
    """The caller's connection as SQLAlchemy sees it, connection and cursor in one.

    SQLAlchemy would begin, roll back and close at its own times what is not its own. And a
    `cursor()` of DuckDB is a second connection, which does not see temporary views.
    """

    lender: duckdb.DuckDBPyConnection
    rowcount = -1

    def cursor(self) -> _Borrowed:
        return self

    def execute(self, text: str, parameters: Mapping[str, Any]) -> None:
        # In pyformat SQLAlchemy has doubled each "%" that was in the text of a rule.
        text %= {name: f"${name}" for name in parameters}
        result = self.lender.execute(text, parameters)
        self.description = result.description
        # At once: Great Expectations fetches after it has handed the connection back.
        self._rows = result.fetchall()

    def fetchall(self) -> list[Any]:
        return self._rows

    def _leave(self) -> None: ...

    commit = rollback = close = _leave


class BorrowedDialect(DefaultDialect):
    """As much of DuckDB as the suite needs, for the generic SQL engine of Great Expectations.

    Not duckdb_engine's: it opens a database of its own to look up keywords, and its parameters
    are found by a search for "%(name)s" in the whole statement, the text of the rules included.
    """

    name, driver = "duckdb", "borrowed"
    supports_statement_cache = False

    @classmethod
    def import_dbapi(cls) -> Any:
        return duckdb

    def initialize(self, connection: sa.Connection) -> None:
        """Ask the database nothing."""


sa.dialects.registry.register("duckdb.borrowed", __name__, "BorrowedDialect")


class RowsObeyRule(map_metrics.ColumnMapMetricProvider):
    """Whether a row breaks a rule: the rule's own SQL and nothing beside it."""

    condition_metric_name = _METRIC
    condition_value_keys = ("holds",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.MAP_CONDITION_FN,
        domain_type="column",
    )
    def _sql(
        cls,  # noqa: N805
        metric_domain_kwargs: Mapping[str, Any],
        metric_value_kwargs: Mapping[str, Any],
        **_: Any,
    ) -> Any:
        # Not by column_condition_partial, which looks up the table's columns: 60 ms an upload.
        # Not text(), which takes ":name" for a parameter.
        breaks = sa.literal_column(f"(({metric_value_kwargs['holds']}) IS NOT TRUE)", sa.Boolean())
        domain = {key: value for key, value in metric_domain_kwargs.items() if key != "column"}
        return breaks, domain, {"column": metric_domain_kwargs["column"]}

    @classmethod
    def _get_evaluation_dependencies(cls, *args: Any, **kwargs: Any) -> Any:
        # Past the parent, for the same reason.
        return super(map_metrics.ColumnMapMetricProvider, cls)._get_evaluation_dependencies(
            *args, **kwargs
        )


class ExpectFieldToObeyRule(ColumnMapExpectation):
    """Expect every row to obey a rule of the event schema; `mostly` does not apply."""

    code: str
    holds: str

    map_metric: ClassVar[str] = _METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("code", "holds")

    def get_validation_dependencies(self, *_: Any, **__: Any) -> ValidationDependencies:
        """Two counts; the parent would fetch bad values too, by one query per rule."""
        batch = {"batch_id": self.batch_id}
        column = {**batch, "column": self.column}
        return ValidationDependencies(
            {
                _ROWS: MetricConfiguration(_ROWS, batch),
                _BROKEN: MetricConfiguration(_BROKEN, column, {"holds": self.holds}),
            },
            {"result_format": "BASIC"},
        )

    def _validate(self, metrics: Mapping[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        # The parent calls a column that is all null a success, whatever the rule says.
        rows = metrics[_ROWS]
        broken = metrics[_BROKEN] if rows else 0
        return {
            "success": broken == 0,
            "result": {"element_count": rows, "unexpected_count": broken},
        }


class GxSuite:
    """A suite in a context and on a data source of its own, all of it in memory."""

    def __init__(self, name: str, rules: Iterable[Rule]) -> None:
        self._borrowed = borrowed = _Borrowed()
        with warnings.catch_warnings(action="ignore"), self._on(empty_connection()):
            # The default one makes a folder for documents.
            config = DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(),
                progress_bars=ProgressBarsConfig(globally=False),
                analytics_enabled=False,
            )
            context = gx.get_context(config, mode="ephemeral")
            source = context.data_sources.add_sql(
                name,
                connection_string="duckdb+borrowed://",
                kwargs={  # type: ignore[call-arg]
                    "creator": lambda: borrowed,
                    "poolclass": StaticPool,
                    "paramstyle": "pyformat",
                },
            )
            # Any table that exists; each run names its own.
            self._asset = source.add_table_asset("rows", table_name="duckdb_tables")
            self._batches = self._asset.add_batch_definition_whole_table("rows")
            expectations = [
                ExpectFieldToObeyRule(
                    column=rule.field,
                    code=rule.code,
                    holds=rule.holds,
                    description=rule.description,
                    severity=FailureSeverity("warning" if rule.warning else "critical"),
                )
                for rule in rules
            ]
            self._suite = gx.ExpectationSuite(name, expectations=expectations)

    def count(
        self, connection: duckdb.DuckDBPyConnection, table: str
    ) -> dict[tuple[str, str, str], tuple[int, int]]:
        """(rows, rows that break the rule) by the rule's code, field and SQL."""
        # One asset for all uploads: a new one each would be kept for ever.
        self._asset.table_name = sa.sql.quoted_name(table, quote=True)
        with warnings.catch_warnings(action="ignore"), self._on(connection):
            results: list[Any] = self._batches.get_batch().validate(self._suite).results
        counts = {}
        for one in results:
            rule, result = one.expectation_config.kwargs, one.result
            if "unexpected_count" not in result:
                raise RuntimeError(
                    f"Great Expectations could not evaluate {rule['code']} of {rule['column']}: "
                    f"{_exception_text(one.exception_info)}"
                )
            key = (rule["code"], rule["column"], rule["holds"])
            counts[key] = (result["element_count"], result["unexpected_count"])
        return counts

    def to_json(self) -> dict[str, Any]:
        """The suite as Great Expectations serialises it."""
        return dict(self._suite.to_json_dict())

    @contextmanager
    def _on(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        self._borrowed.lender = connection
        try:
            yield
        finally:
            del self._borrowed.lender


def _exception_text(info: Mapping[str, Any]) -> str:
    # One exception, or one for each metric that failed.
    infos = [info] if "exception_message" in info else info.values()
    return "; ".join(dict.fromkeys(str(each["exception_message"]) for each in infos))
