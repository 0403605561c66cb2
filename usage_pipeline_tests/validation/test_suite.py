"""The suite against real Great Expectations and real DuckDB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from usage_pipeline.schema.rules import Rule
from usage_pipeline.validation.suite import SuiteRunner
from usage_pipeline_tests.workplace import Workplace

ROWS = """
    SELECT i::BIGINT AS line, true AS valid,
        NULL::STRUCT(field VARCHAR, code VARCHAR, value VARCHAR)[] AS problems,
        CASE WHEN i % 7 = 0 THEN NULL ELSE 'acct-' || i END AS customer_id,
        (i % 100)::DECIMAL(38,18) / 10 AS storage_gb,
        CASE WHEN i % 3 > 0 THEN i % 3 = 1 END AS active,
        NULL::VARCHAR AS note,
        ['plain', '50%', 'a:b', 'it''s', '"q"', 'why?', '{x}', '%(param_1)s', '$1']
            [i % 9 + 1] AS label
    FROM range(1000) AS r(i)
"""

RULES = [
    Rule("required-value", "customer_id", "customer_id IS NOT NULL", "customer_id is given"),
    Rule("required-value", "note", "note IS NOT NULL", "note is given"),
    Rule("constraint-error", "active", "active IS NOT FALSE", "active is not false"),
    Rule(
        "constraint-error",
        "storage_gb",
        "storage_gb <= 9.800000000000000001",
        "storage_gb is at most 9.800000000000000001",
    ),
    Rule("constraint-error", "label", "label <> '50%'", "label is not 50%", warning=True),
    Rule("constraint-error", "label", "label NOT LIKE 'a:_%'", "label is not a:b"),
    Rule("constraint-error", "label", "label <> 'it''s'", "label is not it's"),
    Rule("constraint-error", "label", '"label" <> \'"q"\'', 'label is not "q"'),
    Rule("constraint-error", "label", "label <> 'why?'", "label is not why?"),
    Rule("constraint-error", "label", "label <> '{x}'", "label is not {x}"),
    Rule("constraint-error", "label", "label <> '%(param_1)s'", "label is not %(param_1)s"),
    Rule("constraint-error", "label", "label <> '$1' AND line % 2 >= 0", "label is not $1"),
    Rule("constraint-error", "line", "line < 1 OR line > 1", "an OR is kept together"),
]


@pytest.fixture(scope="module")
def runner() -> SuiteRunner:
    return SuiteRunner("api_usage", RULES)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(f"CREATE TEMP TABLE mapped AS {ROWS}")
        yield opened


def _counts(runner: SuiteRunner, connection: duckdb.DuckDBPyConnection, table: str) -> list[int]:
    return [result.unexpected for result in runner.run(connection, table)]


def _selected(connection: duckdb.DuckDBPyConnection, table: str) -> list[int]:
    counts = ", ".join(f"count(*) FILTER (WHERE NOT ({rule.holds}))" for rule in RULES)
    return list(connection.execute(f"SELECT {counts} FROM {table}").fetchall()[0])


def test_counts_are_exact_for_every_kind_of_value_and_text(
    runner: SuiteRunner, connection: duckdb.DuckDBPyConnection
) -> None:
    results = runner.run(connection, "mapped")

    assert [result.rule for result in results] == RULES
    assert {result.checked for result in results} == {1000}
    labels = [111] * 8
    assert [result.unexpected for result in results] == [143, 1000, 333, 10, *labels, 1]
    assert [result.unexpected for result in results] == _selected(connection, "mapped")


def test_a_rule_that_is_null_counts_as_broken(connection: duckdb.DuckDBPyConnection) -> None:
    rule = Rule("constraint-error", "note", "note = 'x'", "note is x")

    assert _counts(SuiteRunner("nulls", [rule]), connection, "mapped") == [1000]


def test_no_rows_break_no_rule(runner: SuiteRunner, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TEMP VIEW nothing AS SELECT * FROM mapped WHERE false")

    results = runner.run(connection, "nothing")

    assert {(result.checked, result.unexpected) for result in results} == {(0, 0)}


def test_the_same_rule_twice_and_no_rule(connection: duckdb.DuckDBPyConnection) -> None:
    assert _counts(SuiteRunner("twice", [RULES[0], RULES[1], RULES[0]]), connection, "mapped") == [
        143,
        1000,
        143,
    ]
    assert SuiteRunner("none", []).run(connection, "mapped") == []


@pytest.mark.parametrize(
    "holds", ["no_such_column > 0", "customer_id IS NOT", "label::INTEGER > 0"]
)
def test_a_rule_that_cannot_be_evaluated_raises(
    connection: duckdb.DuckDBPyConnection, holds: str
) -> None:
    broken = SuiteRunner("broken", [RULES[0], Rule("constraint-error", "label", holds, "broken")])

    with pytest.raises(RuntimeError, match=r"constraint-error of label: .*(Error|error)"):
        broken.run(connection, "mapped")

    assert connection.execute("SELECT count(*) FROM mapped").fetchall() == [(1000,)]


def test_a_failed_run_leaves_nothing_behind(
    runner: SuiteRunner, connection: duckdb.DuckDBPyConnection
) -> None:
    before = _counts(runner, connection, "mapped")

    with pytest.raises(RuntimeError, match="no_such_table"):
        runner.run(connection, "no_such_table")

    assert _counts(runner, connection, "mapped") == before


def test_tables_views_and_parquet_one_after_the_other(
    runner: SuiteRunner, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = tmp_path / "mapped.parquet"
    connection.execute(f"COPY (FROM mapped LIMIT 500) TO '{file}'")
    connection.execute(f"CREATE TEMP VIEW parquet AS FROM read_parquet('{file}')")
    name = 'a "b" :c %(d)s \'e'
    quoted_name = '"' + name.replace('"', '""') + '"'
    connection.execute(f"CREATE TABLE {quoted_name} AS FROM mapped LIMIT 10")
    connection.execute('CREATE TABLE "qualify" AS FROM mapped LIMIT 5')

    for table, in_sql, rows in [
        ("mapped", "mapped", 1000),
        ("parquet", "parquet", 500),
        (name, quoted_name, 10),
        ("qualify", '"qualify"', 5),
    ]:
        results = runner.run(connection, table)
        assert {result.checked for result in results} == {rows}
        assert [result.unexpected for result in results] == _selected(connection, in_sql)


def test_a_name_that_comes_to_mean_other_rows(
    runner: SuiteRunner, connection: duckdb.DuckDBPyConnection
) -> None:
    for rows in (10, 20):
        connection.execute(f"CREATE OR REPLACE TEMP VIEW frame AS FROM mapped LIMIT {rows}")
        assert {result.checked for result in runner.run(connection, "frame")} == {rows}


def test_two_runners_and_two_connections_do_not_mix(
    runner: SuiteRunner, connection: duckdb.DuckDBPyConnection
) -> None:
    other = SuiteRunner("api_usage", RULES[:2])
    with duckdb.connect() as second:
        second.execute(f"CREATE TEMP TABLE mapped AS SELECT * FROM ({ROWS}) LIMIT 70")

        assert _counts(other, second, "mapped") == [10, 70]
        assert _counts(runner, connection, "mapped")[:2] == [143, 1000]
        assert _counts(other, connection, "mapped") == [143, 1000]
        assert _counts(runner, second, "mapped")[:2] == [10, 70]


def test_the_connection_stays_open_and_in_its_transaction(
    runner: SuiteRunner, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE kept (i INTEGER)")
    runner.run(connection, "mapped")
    connection.execute("ROLLBACK")

    assert connection.execute("FROM duckdb_tables() WHERE table_name = 'kept'").fetchall() == []

    connection.execute("BEGIN")
    connection.execute("CREATE TABLE kept (i INTEGER)")
    runner.run(connection, "mapped")
    connection.execute("COMMIT")

    assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(0,)]


def test_a_runner_does_not_hold_on_to_the_connection(runner: SuiteRunner) -> None:
    opened = duckdb.connect()
    opened.execute(f"CREATE TABLE mapped AS {ROWS}")
    runner.run(opened, "mapped")

    gone = weakref.ref(opened)
    del opened

    assert gone() is None


def test_all_rules_are_answered_by_two_queries(
    runner: SuiteRunner, connection: duckdb.DuckDBPyConnection
) -> None:
    runner.run(connection, "mapped")
    connection.execute("CALL enable_logging('QueryLog')")
    runner.run(connection, "mapped")
    connection.execute("CALL disable_logging()")

    sent = connection.execute(
        "SELECT message FROM duckdb_logs WHERE type = 'QueryLog' AND message LIKE '%mapped%'"
    ).fetchall()

    assert len(sent) == 2, sent


def test_suite_json_lists_the_rules(runner: SuiteRunner) -> None:
    suite = json.loads(json.dumps(runner.suite_json()))

    assert suite["name"] == "api_usage"
    assert [
        (
            one["kwargs"]["code"],
            one["kwargs"]["column"],
            one["kwargs"]["holds"],
            one["description"],
            one["severity"] == "warning",
        )
        for one in suite["expectations"]
    ] == [(it.code, it.field, it.holds, it.description, it.warning) for it in RULES]


def test_an_expectation_reads_as_its_rule() -> None:
    from usage_pipeline.validation.gx_duckdb import ExpectFieldToObeyRule

    expectation = ExpectFieldToObeyRule(
        column="fee", code="constraint-error", holds="fee > 1", description="fee is more than 1"
    )
    expectation.render()

    assert expectation.rendered_content is not None
    assert expectation.rendered_content[0].value.template == "fee is more than 1"


OWN_PROCESS = """
import os, sys
touched = []
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        touched.append((event, args))
    if event == "os.mkdir":
        touched.append((event, args))
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        if not str(args[0]).startswith("/dev/") and "__pycache__" not in str(args[0]):
            touched.append((event, args))
sys.addaudithook(watch)
import duckdb
from usage_pipeline.validation.suite import SuiteRunner
from usage_pipeline.schema.rules import Rule
assert "great_expectations" not in sys.modules
connection = duckdb.connect()
connection.execute("CREATE TABLE mapped AS SELECT 1::DECIMAL(38,18) AS fee")
connection.execute("COPY mapped TO 'gone.parquet'")
connection.execute("CREATE VIEW gone AS FROM 'gone.parquet'")
os.remove("gone.parquet")
for holds, table in ("fee > 1", "mapped"), ("no_such_column", "mapped"), ("fee > 1", "gone"):
    runner = SuiteRunner("quiet", [Rule("constraint-error", "fee", holds, "fee")])
    try:
        print(runner.run(connection, table)[0].unexpected)
    except RuntimeError:
        print("raised")
print(touched)
"""


def test_nothing_is_imported_early_printed_written_or_sent(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", OWN_PROCESS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["1", "raised", "raised", "[]"]
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


ONE_CHECK = """
import sys
from usage_pipeline.cli import main
try:
    main()
except SystemExit:
    pass
print("great_expectations" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(("calls", "asked"), [("1", False), ("-1", True)])
def test_great_expectations_is_asked_where_a_row_breaks_a_rule_and_not_waited_for_elsewhere(
    work: Workplace, calls: str, asked: bool
) -> None:
    file = work.api_file("a.csv", f"e1,acme,2024-10-01T10:00:00Z,{calls},1,us-east")
    done = subprocess.run(
        [sys.executable, "-c", ONE_CHECK, "check", str(file), "--schema", "api_usage"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == str(asked)
