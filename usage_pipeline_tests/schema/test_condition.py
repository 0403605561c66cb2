"""A `where` is one condition on the fields, exact and typed; all else is refused in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from usage_pipeline.schema.condition import (
    AllOf,
    Always,
    Among,
    AnyOf,
    Comparison,
    Condition,
    FieldRef,
    IsNull,
    Like,
    Not,
    WrongCondition,
    parse_condition,
)
from usage_pipeline_tests.schema.usage_fields import FIELDS

REGION = FieldRef("region", "VARCHAR")
CALLS = FieldRef("calls", "BIGINT")
GB = FieldRef("gb", "DECIMAL(38,18)")
PAID = FieldRef("paid", "BOOLEAN")
SEEN = FieldRef("seen", "TIMESTAMP WITH TIME ZONE")


def parsed(text: str) -> Condition:
    return parse_condition(text, FIELDS)


def refusal(text: str) -> str:
    with pytest.raises(WrongCondition) as error:
        parsed(text)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("region = 'eu'", Comparison(REGION, "=", "eu", "VARCHAR")),
        ("'eu' = region", Comparison(REGION, "=", "eu", "VARCHAR")),
        ("\"region\" <> 'it''s'", Comparison(REGION, "<>", "it's", "VARCHAR")),
        ("region != 'eu'", Comparison(REGION, "<>", "eu", "VARCHAR")),
        ("calls >= -5", Comparison(CALLS, ">=", Decimal(-5), "BIGINT")),
        ("5 < calls", Comparison(CALLS, ">", Decimal(5), "BIGINT")),
        ("calls = 1e3", Comparison(CALLS, "=", Decimal(1000), "BIGINT")),
        ("gb = 0.1", Comparison(GB, "=", Decimal("0.1"), "DECIMAL(38,18)")),
        ("gb > 1_000.50", Comparison(GB, ">", Decimal("1000.5"), "DECIMAL(38,18)")),
        ("paid", Comparison(PAID, "=", True, "BOOLEAN")),
        ("NOT paid", Not(Comparison(PAID, "=", True, "BOOLEAN"))),
        ("paid = false", Comparison(PAID, "=", False, "BOOLEAN")),
        (
            "paid IS DISTINCT FROM true",
            Comparison(PAID, "IS DISTINCT FROM", True, "BOOLEAN"),
        ),
        (
            "region is not distinct from note",
            Comparison(REGION, "IS NOT DISTINCT FROM", FieldRef("note", "VARCHAR"), "VARCHAR"),
        ),
        ("region IN ('eu', 'us')", Among(REGION, ("eu", "us"))),
        ("calls NOT IN (1)", Not(Among(CALLS, (Decimal(1),)))),
        ("region LIKE 'gpu-%'", Like(REGION, "gpu-%")),
        ("region NOT LIKE '_'", Not(Like(REGION, "_"))),
        ("region IS NULL", IsNull(REGION)),
        ("region IS NOT NULL", Not(IsNull(REGION))),
        ("true", Always(True)),
        (
            "seen < '2024-03-01T00:00:00+01:00'",
            Comparison(SEEN, "<", datetime(2024, 2, 29, 23, tzinfo=UTC), SEEN.sql_type),
        ),
        (
            "calls BETWEEN 1 AND 2",
            AllOf(
                (
                    Comparison(CALLS, ">=", Decimal(1), "BIGINT"),
                    Comparison(CALLS, "<=", Decimal(2), "BIGINT"),
                )
            ),
        ),
    ],
)
def test_a_condition_becomes_a_typed_tree(text: str, condition: Condition) -> None:
    assert parsed(text) == condition


def test_and_binds_tighter_than_or() -> None:
    paid, live = (
        Comparison(FieldRef(name, "BOOLEAN"), "=", True, "BOOLEAN") for name in ("paid", "live")
    )
    assert parsed("paid OR live AND NOT paid") == AnyOf((paid, AllOf((live, Not(paid)))))


def test_a_condition_may_have_several_lines() -> None:
    assert parsed("\n  region = 'eu'\n  AND paid\n") == parsed("region = 'eu' AND paid")


def test_numbers_of_different_types_are_compared_in_one_that_holds_both() -> None:
    assert parsed("price < calls") == Comparison(
        FieldRef("price", "DECIMAL(10,2)"), "<", CALLS, "DECIMAL(21,2)"
    )


@pytest.mark.parametrize("text", ["thin < calls", "thin = gb"])
def test_numbers_that_no_type_holds_together_are_not_compared(text: str) -> None:
    assert "no type of 38 digits holds both" in refusal(text)


@pytest.mark.parametrize(
    ("text", "piece", "says"),
    [
        ("region = 5", "region = 5", "region is a text; write the text in single quotes: '5'"),
        ("calls > '5'", "calls > '5'", "calls is a number; write a number, without quotes"),
        ("calls > true", "calls > true", "calls is a number"),
        ("paid = 'true'", "paid = 'true'", "write true or false, without quotes"),
        ("paid = 1", "paid = 1", "paid is true or false"),
        ("seen > 5", "seen > 5", "seen is a moment; write one as '2024-01-31T00:00:00Z'"),
        ("paid AND region = calls", "region = calls", "region is a text, and calls is a number"),
        ("regoin = 'eu'", "regoin = 'eu'", "'regoin' is no field. Did you mean region?"),
        ("REGION = 'eu'", "REGION = 'eu'", "'REGION' is no field. Did you mean region?"),
        ('region = "eu"', 'region = "eu"', "A text stands in single quotes"),
        ("zzz = 1", "zzz = 1", "Fields: customer_id, timestamp, region"),
        ("events.region = 'eu'", "events.region", "write the name of the field alone: region"),
        ("region = NULL", "region = NULL", "write region IS NULL, or IS NOT NULL"),
        ("region IN ('eu', NULL)", "region IN ('eu', NULL)", "nothing equals NULL"),
        ("region IS DISTINCT FROM NULL", "IS DISTINCT FROM NULL", "write region IS NULL"),
        ("1 = 1", "1 = 1", "needs a field on one side"),
        ("calls", "calls", "calls is a number, so it is no condition by itself"),
        ("'eu'", "'eu'", "a value by itself is no condition"),
        ("paid IS TRUE", "paid IS TRUE", "`field IS DISTINCT FROM true` for IS [NOT] TRUE"),
        ("seen > TIMESTAMP '2024-01-01'", "seen > TIMESTAMP", "write a moment as a text alone"),
        ("calls::text = '5'", "calls::text = '5'", "a cast is not allowed"),
        ("lower(region) = 'eu'", "lower(region) = 'eu'", "functions and arithmetic are not"),
        ("calls + 1 = 2", "calls + 1 = 2", "functions and arithmetic are not allowed"),
        ("calls = +5", "calls = +5", "functions and arithmetic are not allowed"),
        ("now() > seen", "now() > seen", "functions and arithmetic are not allowed"),
        ("current_date > seen", "current_date > seen", "'current_date' is no field"),
        ("getenv('HOME') = region", "getenv('HOME')", "functions and arithmetic are not allowed"),
        ("read_text('/etc/passwd') = region", "read_text", "functions and arithmetic are not"),
        ("region IN (SELECT 'eu')", "SELECT 'eu'", "a query inside a condition is not allowed"),
        ("EXISTS (SELECT 1)", "EXISTS (SELECT 1)", "a query inside a condition is not allowed"),
        ("region IN (note)", "region IN (note)", "IN lists values; `note` is none"),
        ("'eu' IN (region)", "'eu' IN (region)", "IN asks about a field"),
        ("calls LIKE '5'", "calls LIKE '5'", "LIKE is for texts"),
        ("region LIKE note", "region LIKE note", "the pattern of LIKE is a text"),
        ("region ILIKE 'x'", "region ILIKE 'x'", "functions and arithmetic are not allowed"),
        ("region SIMILAR TO 'x'", "region SIMILAR TO 'x'", "not allowed"),
        ("(paid = live) IS NULL", "paid = live) IS NULL", "IS NULL asks about a field"),
        ("paid = (region = 'eu')", "paid = (region = 'eu'", "not conditions"),
        ("region = ?", "region = ?", "a parameter is not allowed"),
        ("region = $1", "region = $1", "a parameter is not allowed"),
        ("region = x'00'", "region = x'00'", "this way of writing a value is not allowed"),
        ("region = 'x' COLLATE NOCASE", "COLLATE NOCASE", "COLLATE is not allowed"),
        ("CASE WHEN paid THEN live END", "CASE WHEN paid THEN live", "CASE is not allowed"),
        ("* = 1", "*", "`*` is no field"),
        ("(region, note) = ('a', 'b')", "(region, note)", "not allowed"),
        ("x -> x = 1", "x -> x = 1", "not allowed"),
        ("region[1] = 'x'", "region[1] = 'x'", "not conditions"),
        ("#1 = 'x'", "#1", "not conditions"),
    ],
)
def test_what_is_no_such_condition_is_told_with_its_piece(text: str, piece: str, says: str) -> None:
    told = refusal(text)
    assert piece in told.split("`: ")[0]
    assert says in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        (" \n ", "it is empty"),
        ("region =", "it ends too early"),
        ("(region = 'eu'", "it ends too early"),
        ("region = 'eu", "unterminated string literal, from `'eu` on"),
        ("region == = 'eu'", "not SQL, from `= 'eu'` on"),
        ("region = 'ö' AND\n\nregion = = 'ä'", "not SQL in line 3 of it, from `= 'ä'` on"),
        ("calls = 5 AS five", "not SQL, from `AS five` on"),
        ("calls < quota < 5", "Chained comparisons are not supported"),
        ("1=1) UNION SELECT (1", "not SQL, from `UNION SELECT (1` on"),
        ("paid) ORDER BY (1", "not SQL, from `ORDER BY (1` on"),
        ("paid) WINDOW w AS (ORDER BY 1", "not SQL, from `WINDOW w AS (ORDER BY 1` on"),
        ("paid) USING SAMPLE (1", "not SQL"),
        ("paid); SELECT (1", "not SQL"),
        ("paid); DROP TABLE events; SELECT (1", "not SQL, from `; DROP TABLE events"),
        ("paid; DROP TABLE events", "not SQL, from `; DROP TABLE events` on"),
        ("paid) THEN true END AND CASE WHEN (live", "more in it than one condition"),
        ("paid) THEN true WHEN (live", "more in it than one condition"),
        ("paid) THEN true END UNION SELECT CASE WHEN (live", "more in it than one condition"),
        ("paid) THEN true END GROUP BY CASE WHEN (live", "more in it than one condition"),
        ("paid) THEN true END ORDER BY CASE WHEN (live", "more in it than one condition"),
        ("paid) THEN true END LIMIT CASE WHEN (live", "more in it than one condition"),
        ("paid) THEN true END; SELECT CASE WHEN (live", "more in it than one condition"),
        (
            "paid) THEN true END; DROP TABLE events; SELECT CASE WHEN (live",
            "more in it than one condition",
        ),
        ("paid) THEN true END WINDOW w AS (ORDER BY CASE WHEN (live", "ends too"),
        ("paid) THEN true END -- (", "it ends too early"),
        ("paid -- and live", "a comment is not allowed"),
        ("paid /* and live */", "a comment is not allowed"),
        ("paid /* and live", "unterminated /* comment"),
        ("COPY events TO '/tmp/x'", "not SQL"),
        ("ATTACH '/tmp/x'", "a cast is not allowed"),
        ("PRAGMA database_list", "not SQL"),
        ("region = 'a\0'", "NUL character"),
        ("\0", "NUL character"),
        ("region = '\ud800'", "surrogate"),
        ("region = E'\\''", "`E'` is not allowed; write a text in single quotes alone"),
        ("region = $$eu$$", "`$$` is not allowed"),
        ("region = $a$eu$a$", "`$a$` is not allowed"),
        ("! " * 4990 + "paid", "nested too deeply"),
        ("calls = " + "- + " * 2400, "nested too deeply"),
        ("with a as (" * 30, "at most 4 WITH are read"),
        ("x" * 1_000_000, "it has 1,000,000 characters; at most 10,000 are read"),
        ("(" * 5000, "brackets are nested 5,000 deep"),
        ("(" * 4000 + "paid" + ")" * 4000, "brackets are nested 4,000 deep"),
        ("NOT " * 2000 + "paid", "nested too deeply"),
        ("calls = " + "- " * 3000 + "1", "nested too deeply"),
    ],
)
def test_no_text_gets_around_being_one_condition(text: str, says: str) -> None:
    assert says in refusal(text)


@pytest.mark.parametrize("text", ["region = '--'", "region = '/*'", "region = 'a;b) OR (1=1'"])
def test_a_text_may_say_what_would_be_sql_outside_of_it(text: str) -> None:
    assert isinstance(parsed(text), Comparison)


@pytest.mark.parametrize("operator", ["=", "<", ">=", "IS DISTINCT FROM"])
@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("calls", "1.5"),
        ("calls", "9223372036854775808"),
        ("calls", "-9223372036854775809"),
        ("calls", "1e400"),
        ("calls", "1e99999999999999999999"),
        ("gb", "1e-30"),
        ("gb", "0.0000000000000000001"),
        ("gb", "1" * 21),
        ("gb", "1" * 45),
        ("price", "0.001"),
    ],
)
def test_a_number_that_the_field_never_holds_is_refused(
    field: str, operator: str, number: str
) -> None:
    assert f"no value of {field} is ever this number" in refusal(f"{field} {operator} {number}")


@pytest.mark.parametrize(
    ("field", "text", "number"),
    [
        ("calls", "9223372036854775807", Decimal(2**63 - 1)),
        ("calls", "-9223372036854775808", Decimal(-(2**63))),
        ("calls", "5.000", Decimal(5)),
        ("gb", "0e999999999", Decimal(0)),
        ("gb", "1e-18", Decimal("0.000000000000000001")),
        ("gb", "9" * 20 + "." + "9" * 18, Decimal("9" * 20 + "." + "9" * 18)),
        ("gb", "1." + "0" * 500, Decimal(1)),
    ],
)
def test_a_number_keeps_every_digit(field: str, text: str, number: Decimal) -> None:
    condition = parsed(f"{field} = {text}")
    assert isinstance(condition, Comparison)
    assert condition.right == number


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-02-30T00:00:00Z",
        "2024-01-01T25:00:00Z",
        "2024-01-01T00:00:00.1234567Z",
        "2024-01-01T00:00:00 Europe/Berlin",
        "0001-01-01T00:00:00+14:00",
        "yesterday",
        "",
        "infinity",
    ],
)
def test_a_moment_is_whole_and_has_its_offset(text: str) -> None:
    assert "is no moment with its offset from UTC" in refusal(f"seen >= '{text}'")


@given(st.text(max_size=60))
@example("'")
@example('"')
@example("$$")
@example("\u202e)")
def test_any_text_is_read_or_refused_in_printable_words(text: str) -> None:
    told = "read"
    try:
        parsed(text)
    except WrongCondition as error:
        told = str(error)
    assert told.isprintable()
