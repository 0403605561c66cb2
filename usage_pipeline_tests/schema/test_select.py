"""A metric's own SELECT reads its events alone and gives the same exact values every time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.schema import FieldSpec
from usage_pipeline.schema.select import WrongSelect, check_select, normalised_select
from usage_pipeline.schema.select_rules import (
    FUNCTIONS,
    ORDERED_WINDOW_FUNCTIONS,
    REFUSED_FUNCTIONS,
    WINDOW_FUNCTIONS,
)
from usage_pipeline.warehouse.connection import empty_connection
from usage_pipeline_tests.schema.usage_fields import FIELDS

KEY = ("customer_id", "timestamp")


def value_of(expression: str) -> str:
    return f"SELECT customer_id, {expression} AS value FROM events GROUP BY customer_id"


def refusal(sql: str, group_by: Sequence[str] = (), event_key: Sequence[str] = KEY) -> str:
    with pytest.raises(WrongSelect) as error:
        check_select(sql, FIELDS, group_by, event_key)
    told = str(error.value)
    assert told.isprintable()
    return told


@pytest.mark.parametrize(
    "sql",
    [
        value_of("count(*)"),
        value_of("sum(calls) FILTER (WHERE paid AND seen < window_end)"),
        value_of("sum(gb * 2) - min(price)"),
        value_of("count(DISTINCT region)"),
        value_of("max(calls) // 1000"),
        value_of("decimal_division(sum(gb), CAST(count(*) AS DECIMAL(18,0)), 18)"),
        value_of("decimal_average(gb)"),
        value_of("sum(date_diff('second', timestamp, window_end) * calls)"),
        value_of("sum(CASE WHEN region IN ('eu', 'us') THEN calls ELSE 0 END)"),
        value_of("sum(calls) - (SELECT min(calls) FROM events)"),
        value_of("sum(calls) FILTER (WHERE timestamp + INTERVAL '1 day' < window_end)"),
        value_of("count(*) FILTER (WHERE hour(timestamp) BETWEEN 8 AND 17)"),
        value_of("count(*) FILTER (WHERE paid IS TRUE AND lower(region) LIKE 'gpu%')"),
        "SELECT value, customer_id FROM (SELECT customer_id, sum(calls) AS value FROM events "
        "GROUP BY ALL HAVING count(*) > 1)",
        "WITH one AS (SELECT customer_id, calls AS value FROM events), two AS (SELECT * FROM one) "
        "SELECT customer_id, max(value) AS value FROM two GROUP BY ALL",
        "SELECT e.customer_id, sum(e.calls * p.price) AS value FROM events AS e JOIN "
        "(VALUES ('eu', 2), ('us', 3)) AS p(region, price) USING (region) GROUP BY ALL",
        "SELECT a.customer_id, count(*) AS value FROM events a LEFT JOIN events b "
        "ON a.region = b.note GROUP BY a.customer_id",
        "SELECT customer_id, calls AS value FROM events "
        "QUALIFY rank() OVER (PARTITION BY customer_id ORDER BY calls) = 1",
        "SELECT customer_id, 1 AS value FROM events UNION SELECT customer_id, 2 FROM events",
        "SELECT customer_id, sum(calls) OVER (PARTITION BY customer_id ORDER BY region) AS value "
        "FROM events",
        "FROM EVENTS SELECT customer_id, calls AS value",
        "SELECT customer_id, calls AS value FROM events ORDER BY value DESC",
        "SELECT DISTINCT customer_id, calls AS value FROM events",
        "-- ---------------------\n-- E'x' WITH WITH WITH WITH WITH WITH (((\n"
        "SELECT customer_id, calls AS value /* ---- */ FROM events WHERE note <> '((- - - with'",
        "SELECT customer_id, calls AS value FROM events WHERE seen < CAST('2024-01-01 00:00:00Z' "
        "AS TIMESTAMP WITH TIME ZONE)",
    ],
)
def test_a_select_of_exact_numbers_is_taken(sql: str) -> None:
    check_select(sql, FIELDS, (), KEY)


def test_groups_are_columns_of_the_result() -> None:
    check_select(
        "SELECT paid, sum(calls) AS value, region, customer_id FROM events GROUP BY ALL",
        FIELDS,
        ("region", "paid"),
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("sum(calls) AS value", "no column customer_id. Columns of it: customer_id, region, value"),
        ("max(customer_id) AS customer_id, max(region) AS region", "has no column value"),
        ("max(customer_id) AS customer_id, sum(calls) AS value", "has no column region"),
        ("max(customer_id) AS customer_id, max(region) AS region, 1 AS value, 2 AS x", "'x' too"),
        ("max(customer_id) AS customer_id, max(region) AS region, 1 AS value, 2 AS value", "too m"),
        ("1 AS customer_id, max(region) AS region, 1 AS value", "customer_id is INTEGER"),
        (
            "max(customer_id) AS customer_id, max(calls) AS region, 1 AS value",
            "column region is BIGINT; it must be VARCHAR, like the field",
        ),
        (
            "max(customer_id) AS customer_id, max(region) AS region, max(note) AS value",
            "value is VARCHAR; it must be a whole number or a DECIMAL",
        ),
        (
            "max(customer_id) AS customer_id, max(region) AS region, sum(gb * price) AS value",
            "round(…, 18)",
        ),
    ],
)
def test_other_columns_are_refused(columns: str, says: str) -> None:
    assert says in refusal(f"SELECT {columns} FROM events", ("region",))


@pytest.mark.parametrize(
    ("expression", "piece", "says"),
    [
        ("sum(calls) / 2", "sum(calls) / 2", "gives a DOUBLE, which is not exact"),
        ("avg(gb)", "avg(gb)", "decimal_average"),
        ("CAST(avg(gb) AS DECIMAL(38,18))", "avg(gb)", "is not exact"),
        ("CAST(sum(calls) * 1e2 AS BIGINT)", "sum(calls)", "Write 1000 for 1e3"),
        ("sum(CAST(calls AS DOUBLE))", "CAST(calls AS DOUBLE)", "cast to DECIMAL(38,18)"),
        ("sum(calls::real)", "calls::real", "cast to DECIMAL(38,18)"),
        ("sum(calls::json::int)", "calls::json", "a cast is to one of"),
        ("count(*) FILTER (WHERE gb > 1e3)", "gb", "is not exact"),
        ("sum(date_part('epoch', timestamp)::int)", "epoch", "is not exact"),
        ("median(calls)", "median(calls)", "use aggregation percentile"),
        ("random()", "random()", "changes from run to run"),
        ("count(*) FILTER (WHERE now() > timestamp)", "now()", "window_start and window_end say"),
        ("count(*) FILTER (WHERE current_date > '2024-01-01')", "current_date", "run to run"),
        ("count(*) FILTER (WHERE current_timestamp > timestamp)", "current_timestamp", "run to"),
        ("count(*) FILTER (WHERE localtimestamp > '2024-01-01')", "localtimestamp", "run to run"),
        ("current_setting('threads')::int", "current_setting", "changes from run to run"),
        ("getenv('HOME')::int", "getenv('HOME')", "changes from run to run"),
        ("first(calls)", "first(calls)", "depends on the order of rows"),
        ("any_value(calls)", "any_value(calls)", "use min, max, sum or count"),
        ("arg_max(calls, gb)", "arg_max(calls, gb)", "depends on the order of rows"),
        ("length(string_agg(region))", "string_agg(region)", "depends on the order of rows"),
        ("list(calls)[1]", "list(calls)[1]", "not allowed"),
        ("max(calls, 2)[1]", "max(calls, 2)[1]", "not allowed"),
        ("approx_count_distinct(region)", "approx_count_distinct", "count(DISTINCT …)"),
        ("hour(max(timestamp) AT TIME ZONE 'Europe/Berlin')", "AT TIME ZONE", "time_zone"),
        ("main.sum(calls)", "main.sum(calls)", "write the name of the function alone: sum"),
        ("summ(calls)", "summ(calls)", "Did you mean sum?"),
        ("max(timestamp + INTERVAL 1 DAY)", "INTERVAL 1 DAY", "write INTERVAL '1 day'"),
        ("read_text('/etc/passwd')", "read_text", "none of the functions allowed"),
        ("query('SELECT 1')", "query", "none of the functions allowed"),
        ("unnest([1, 2])", "unnest", "makes rows of its own"),
        ("max(?)", "?", "a parameter is not allowed"),
        ("max($name)", "$name", "a parameter is not allowed"),
        ("TRY(sum(calls))", "TRY(sum(calls))", "not allowed"),
        ("list_sum([x FOR x IN [1]])", "list_sum", "none of the functions allowed"),
        ("max(region COLLATE NOCASE)::int", "COLLATE NOCASE", "COLLATE is not allowed"),
        ("lag(calls)", "lag(calls)", "`lag` needs OVER (…)"),
    ],
)
def test_what_is_inexact_or_changes_is_refused(expression: str, piece: str, says: str) -> None:
    told = refusal(value_of(expression))
    assert piece in told.split("`: ")[0]
    assert says in told


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("read_csv('/etc/passwd')", "a table function is not allowed"),
        ("range(5)", "a table function is not allowed"),
        ("query_table('events')", "a table function is not allowed"),
        ("unnest([1, 2])", "a table function is not allowed"),
        ("'/etc/passwd'", "in `'/etc/passwd'`: it may read `events`"),
        ('"/tmp/x.parquet"', "it may read `events`"),
        ("main.events", "in `main.events`: it may read `events`"),
        ("temp.events", "it may read `events`"),
        ("duckdb_settings", "it may read `events`"),
        ("information_schema.tables", "it may read `events`"),
        ("other", "it may read `events`"),
        ("(SHOW TABLES)", "DESCRIBE and SHOW are not allowed"),
        ("(DESCRIBE events)", "DESCRIBE and SHOW are not allowed"),
        ("events TABLESAMPLE 10%", "a sample is chance"),
        ("events USING SAMPLE 3", "a sample is chance"),
        ("events LIMIT 1", "LIMIT and OFFSET are not allowed"),
        ("events OFFSET 1", "LIMIT and OFFSET are not allowed"),
        ("(SELECT * FROM events ORDER BY calls LIMIT 5)", "LIMIT and OFFSET are not allowed"),
        ("events POSITIONAL JOIN events AS e", "Positional joins depend on the order"),
        (
            "events ASOF JOIN events e ON events.timestamp > e.timestamp",
            "joins depend on the order",
        ),
        ("events AT (VERSION => 1)", "AT is not allowed"),
        ("events PIVOT (sum(calls) FOR region IN ('a'))", "not allowed"),
        ("events UNPIVOT (x FOR y IN (calls))", "not allowed"),
    ],
)
def test_nothing_but_the_events_is_read(source: str, says: str) -> None:
    assert says in refusal(f"SELECT customer_id, 1 AS value FROM {source}")


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (
            "WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT 1 FROM x) "
            "SELECT customer_id, 1 AS value FROM events",
            "WITH RECURSIVE is not allowed",
        ),
        ("WITH events AS (SELECT 1) SELECT * FROM events", "give WITH another name"),
        (
            "WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables",
            "in `duckdb_tables`: it may read `events`",
        ),
        (
            "SELECT * FROM (WITH duckdb_tables AS (SELECT 1) SELECT 2) AS a, duckdb_tables",
            "in `duckdb_tables`: it may read `events`",
        ),
        ("WITH x AS (DELETE FROM events RETURNING *) SELECT * FROM x", "not allowed"),
        ("WITH x AS (INSERT INTO events SELECT 1 RETURNING *) FROM x", "not allowed"),
        ("SELECT DISTINCT ON (customer_id) customer_id, calls AS value FROM events", "DISTINCT ON"),
    ],
)
def test_with_gives_no_way_out(sql: str, says: str) -> None:
    assert says in refusal(sql)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("", "it is empty"),
        (" ;", "there is no SELECT in it"),
        ("-- nothing", "there is no SELECT in it"),
        ("selec", "not SQL, from `selec` on"),
        ("SELECT 1,\n\n  FROM FROM", "in line 3 of it"),
        ("SELECT 'eu", "unterminated string literal"),
        ("SELECT 1 /* and", "unterminated /* comment"),
        ("SELECT 1; SELECT 2", "one SELECT is allowed, not 2 statements"),
        (value_of("1") + "; DROP TABLE events", "one SELECT is allowed, and no other statement"),
        ("DROP TABLE events", "one SELECT is allowed, and no other statement"),
        ("COPY events TO '/tmp/x'", "one SELECT is allowed"),
        ("COPY (SELECT 1) TO '/tmp/x'", "one SELECT is allowed"),
        ("ATTACH '/tmp/x'", "one SELECT is allowed"),
        ("PRAGMA database_list", "one SELECT is allowed"),
        ("SET memory_limit = '1TB'", "one SELECT is allowed"),
        ("EXPLAIN SELECT 1", "one SELECT is allowed"),
        ("PIVOT events ON region USING sum(calls)", "one SELECT is allowed"),
        ("INSTALL httpfs", "one SELECT is allowed"),
        (value_of("1") + ") UNION ALL (SELECT 'x', 2", "not SQL, from `) UNION ALL"),
        ("SELECT 1 \0", "NUL character"),
        ("SELECT '\ud800'", "surrogate"),
        ("SELECT '" + "x" * 1_000_000 + "'", "at most 10,000 are read"),
        ("SELECT " + "(" * 5000, "brackets are nested 5,000 deep"),
        ("SELECT " + "(" * 4000 + "1" + ")" * 4000, "brackets are nested 4,000 deep"),
        ("(SELECT * FROM " * 500 + "events" + ")" * 500, "brackets are nested 500 deep"),
        ("SELECT " + "NOT " * 2000 + "true", "nested too deeply"),
        ("FROM " + ", ".join(f"events e{number}" for number in range(600)), "nested too deeply"),
        (value_of("sum(calls)") + " HAVING " + "! " * 40 + "paid", "nested too deeply"),
        ("WITH a AS (" * 20, "at most 4 WITH are read"),
        ("SELECT E'\\''", "write a text in single quotes alone"),
        (value_of("sum(nope)"), 'Referenced column "nope" not found'),
        (value_of("max(rowid)"), 'Referenced column "rowid" not found'),
        (value_of("region"), "Add it to GROUP BY, or take min or max."),
        (value_of("sum(region)"), "No function matches"),
    ],
)
def test_no_text_gets_around_being_one_select(sql: str, says: str) -> None:
    assert says in refusal(sql)


LAG = "SELECT customer_id, calls - lag(calls) OVER ({}) AS value FROM events"


@pytest.mark.parametrize(
    "sql",
    [
        LAG.format("PARTITION BY customer_id ORDER BY timestamp"),
        LAG.format("ORDER BY region, CUSTOMER_ID, events.timestamp DESC"),
        LAG.format("w") + " WINDOW w AS (PARTITION BY customer_id ORDER BY timestamp)",
        "SELECT customer_id, sum(calls) OVER (PARTITION BY e.customer_id ORDER BY e.timestamp "
        "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS value FROM events AS e WHERE paid",
    ],
)
def test_order_may_matter_where_the_event_key_tells_all_events_apart(sql: str) -> None:
    check_select(sql, FIELDS, (), KEY)


@pytest.mark.parametrize(
    "sql",
    [
        LAG.format(""),
        LAG.format("ORDER BY timestamp"),
        LAG.format("PARTITION BY customer_id ORDER BY date_trunc('day', timestamp)"),
        LAG.format("ORDER BY customer_id, timestamp") + " JOIN events e USING (region)",
        "SELECT customer_id, row_number() OVER (ORDER BY customer_id, timestamp) AS value "
        "FROM (SELECT * FROM events)",
        "SELECT customer_id, row_number() OVER (ORDER BY customer_id, timestamp) AS value "
        "FROM events GROUP BY ALL",
        "SELECT customer_id, row_number() OVER (ORDER BY customer_id, timestamp) AS value "
        "FROM events AS e(timestamp, customer_id)",
        "SELECT customer_id, sum(calls) OVER (ORDER BY region ROWS 1 PRECEDING) AS value "
        "FROM events",
        "SELECT customer_id, (SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY "
        "o.customer_id, o.timestamp) AS n, e.calls FROM events e)) AS value FROM events o",
    ],
)
def test_order_may_not_matter_between_rows_that_can_be_equal(sql: str) -> None:
    assert "depends on the order of rows that are equal" in refusal(sql)


def test_without_an_event_key_order_never_matters() -> None:
    sql = LAG.format("PARTITION BY customer_id ORDER BY timestamp")
    assert "no fields tell events of this schema apart" in refusal(sql, event_key=())


def test_a_field_cannot_be_called_like_a_column_of_the_window() -> None:
    fields = FIELDS | {"window_end": FieldSpec(type="timestamp")}
    with pytest.raises(WrongSelect, match="window_end of its own"):
        check_select(value_of("count(*)"), fields, ())


def test_fields_of_no_possible_type_are_told_and_not_a_traceback() -> None:
    fields = FIELDS | {"gb": FieldSpec(type="decimal", precision=3, scale=9)}
    with pytest.raises(WrongSelect, match="before the fields' types are right"):
        check_select(value_of("count(*)"), fields, ())


def test_the_engine_knows_every_function_allowed_and_calls_none_changeable() -> None:
    with closing(empty_connection()) as connection:
        known = connection.execute(
            "SELECT function_name, coalesce(stability, '') FROM duckdb_functions()"
        ).fetchall()
    allowed = FUNCTIONS | WINDOW_FUNCTIONS | ORDERED_WINDOW_FUNCTIONS
    assert allowed <= {name for name, _ in known}
    changeable = {name for name, stability in known if stability not in ("", "CONSISTENT")}
    assert not allowed & changeable


def test_no_function_is_allowed_and_refused() -> None:
    assert not FUNCTIONS & REFUSED_FUNCTIONS.keys()


@pytest.mark.parametrize("end", ["", ";", " ;\n", "\n-- and that is all", "  -- ;", " /* ; */"])
def test_the_text_that_runs_stands_in_parentheses(end: str) -> None:
    select = normalised_select(
        "SELECT customer_id, sum(calls) AS value FROM events GROUP BY 1" + end
    )
    with closing(empty_connection()) as connection:
        connection.execute("CREATE TABLE kept (customer_id VARCHAR, value HUGEINT)")
        connection.execute("CREATE TABLE events AS SELECT 'c' AS customer_id, 2 AS calls")
        connection.execute(f"INSERT INTO kept SELECT customer_id, value FROM ({select})")
        assert connection.execute("FROM kept").fetchall() == [("c", 2)]


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 1) -- ", "SELECT 1; -- x", "DROP x"])
def test_no_other_text_is_given_out_to_run(sql: str) -> None:
    with pytest.raises(WrongSelect):
        normalised_select(sql)


@settings(deadline=None)
@given(
    st.text(max_size=40), st.sampled_from(["", "SELECT ", "SELECT customer_id, 1 AS value FROM "])
)
def test_any_text_is_taken_or_refused_in_printable_words(text: str, begin: str) -> None:
    told = "taken"
    try:
        check_select(begin + text, FIELDS, (), KEY)
    except WrongSelect as error:
        told = str(error)
    assert told.isprintable()
