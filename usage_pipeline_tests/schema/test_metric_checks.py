"""What a metric's keys demand of each other is told at the key and the line that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from usage_pipeline.schema import EventSchema, InvalidSchema, load_schema

SCHEMA = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: calls
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp}
    region: {type: string}
    paid: {type: boolean}
    calls: {type: integer, usage: true}
    gb: {type: decimal}
  event_key: [customer_id, timestamp]
  metrics:
    billed:
"""
FIRST_LINE = SCHEMA.count("\n") + 1


@dataclass(frozen=True)
class Told:
    key: str
    line: int
    message: str


def load(tmp_path: Path, metric: str, schema: str = SCHEMA) -> EventSchema:
    """The schema with a metric `billed` of these lines; every line stands below the others."""
    file = tmp_path / "defs.yaml"
    lines = "".join(f"      {line}\n" for line in metric.splitlines())
    file.write_text(schema + lines, encoding="utf-8")
    loaded = load_schema(file)
    assert loaded is not None
    return loaded


def refusals(tmp_path: Path, metric: str, schema: str = SCHEMA) -> list[Told]:
    with pytest.raises(InvalidSchema) as error:
        load(tmp_path, metric, schema)
    return [
        Told(problem.key.removeprefix("attributes.metrics.billed"), problem.line, problem.message)
        for problem in error.value.problems
    ]


@pytest.mark.parametrize(
    "metric",
    [
        "aggregation: count\nwindow: day",
        "aggregation: count\nwindow: day\nwhere: region = 'eu' AND paid",
        "aggregation: sum\nfield: gb\nwindow: month\nmultiply_by: 1.5\ndivide_by: 1000",
        "aggregation: sum\nfield: gb\nwindow: day\nround: {digits: 2, mode: half_up}",
        "aggregation: unique_count\nfield: region\nwindow: day",
        "aggregation: percentile\nfield: calls\np: 0.95\nwindow: month",
        "aggregation: percentile\nfield: calls\np: 1\ninterpolation: none\nwindow: month",
        "aggregation: weighted_sum\nfield: gb\nper: window\nwindow: month",
        "aggregation: sql\nsql: |\n  SELECT customer_id, region, sum(calls) AS value\n"
        "  FROM events GROUP BY ALL;\ngroup_by: [region]\nwindow: day",
        "aggregation: sql\nsql: SELECT customer_id, calls - lag(calls) OVER (PARTITION BY "
        "customer_id ORDER BY timestamp) AS value FROM events\nwhere: paid\nwindow: day",
    ],
)
def test_a_metric_that_fits_is_taken(tmp_path: Path, metric: str) -> None:
    assert list(load(tmp_path, metric).metrics) == ["billed"]


@pytest.mark.parametrize(
    ("metric", "key", "line", "says"),
    [
        ("aggregation: sum\nwindow: day", "", -1, "sum needs field. Allowed: calls, gb"),
        ("aggregation: max\nwindow: day\nfield: region", ".field", 2, "'region' is not numeric"),
        ("aggregation: sum\nwindow: day\nfield: cals", ".field", 2, "'cals' is no field. Allowed"),
        ("aggregation: unique_count\nwindow: day\nfield: x", ".field", 2, "'x' is no field"),
        ("aggregation: count\nwindow: day\nfield: gb", ".field", 2, "count counts events"),
        (
            "aggregation: sql\nsql: SELECT customer_id, 1 AS value FROM events\nwindow: day\n"
            "field: gb",
            ".field",
            3,
            "takes no field",
        ),
        ("aggregation: percentile\nfield: gb\nwindow: day", "", -1, "percentile needs p"),
        ("aggregation: percentile\nfield: gb\nwindow: day\np: 0", ".p", 3, "not above 0"),
        ("aggregation: percentile\nfield: gb\nwindow: day\np: 95", ".p", 3, "at most 1"),
        (
            "aggregation: percentile\nfield: gb\nwindow: day\np: 0.1234567891",
            ".p",
            3,
            "at most 9 decimals",
        ),
        (
            f"aggregation: percentile\nfield: gb\nwindow: day\np: '0.5{'0' * 35}1'",
            ".p",
            3,
            "at most 9 decimals",
        ),
        ("aggregation: percentile\nfield: gb\nwindow: day\np: x", ".p", 3, "is not a number"),
        ("aggregation: sum\nfield: gb\nwindow: day\np: 0.5", ".p", 3, "p is for percentile"),
        (
            "aggregation: sum\nfield: gb\nwindow: day\ninterpolation: none",
            ".interpolation",
            3,
            "interpolation is for percentile, not for sum",
        ),
        ("aggregation: sum\nfield: gb\nwindow: day\nper: hour", ".per", 3, "per is for weighted"),
        (
            "aggregation: weighted_sum\nfield: gb\nwindow: day\nper: day",
            ".per",
            3,
            "'day' is not allowed here. Allowed: 'hour' or 'window'",
        ),
        ("aggregation: sql\nwindow: day", "", -1, "needs sql: one SELECT over `events`"),
        ("aggregation: count\nwindow: day\nsql: SELECT 1", ".sql", 2, "sql is for sql"),
        ("aggregation: count\nwindow: day\nmultiply_by: 0", ".multiply_by", 2, "is not above 0"),
        ("aggregation: count\nwindow: day\ndivide_by: -1", ".divide_by", 2, "is not above 0"),
        (
            "aggregation: count\nwindow: day\nmultiply_by: '0.1234567890123456789'",
            ".multiply_by",
            2,
            "more than 18 digits",
        ),
        (
            "aggregation: count\nwindow: day\nmultiply_by: '1e999999999'",
            ".multiply_by",
            2,
            "more than 18 digits",
        ),
        (
            "aggregation: count\nwindow: day\ndivide_by: '1e-999999999'",
            ".divide_by",
            2,
            "more than 18 digits",
        ),
        (
            "aggregation: count\nwindow: day\nround:\n  digits: 2\n  mod: up",
            ".round.mod",
            4,
            "'mod' is no key of round. Did you mean 'mode'? Allowed: digits, mode",
        ),
        ("aggregation: count\nwindow: day\nround:\n  mode: up", ".round", 2, "'digits' is missing"),
        (
            "aggregation: count\nwindow: day\nround:\n  digits: 19",
            ".round.digits",
            3,
            "less than or equal to 18",
        ),
        (
            "aggregation: count\nwindow: day\nround:\n  digits: 2\n  mode: nearest",
            ".round.mode",
            4,
            "'half_even', 'half_up', 'up' or 'down'",
        ),
        ("aggregation: count\nwindow: day\nround: 2", ".round", 2, "write keys here"),
        (
            "aggregation: count\nwindow: day\ngroup_by:\n  - region\n  - regoin",
            ".group_by[1]",
            4,
            "'regoin' cannot group this metric",
        ),
        (
            "aggregation: count\nwindow: day\ngroup_by: [region, region]",
            ".group_by[1]",
            2,
            "'region' is there twice",
        ),
        ("aggregation: count\nwindow: day\nwhere: regoin = 'eu'", ".where", 2, "mean region?"),
        ("aggregation: count\nwindow: day\nwhere: calls > '5'", ".where", 2, "calls is a number"),
        ("aggregation: count\nwindow: day\nwhere: ''", ".where", 2, "it is empty"),
        (
            "aggregation: count\nwindow: day\nwhere: |\n  paid\n  OR 1=1; DROP TABLE events",
            ".where",
            2,
            "not SQL in line 2 of it, from `; DROP TABLE events` on",
        ),
        ("aggregation: count\nwindow: day\nwhere: [a]", ".where", 2, "is not a text"),
        ("aggregation: count\nwindow: day\nwhere: \"'\\ud800'\"", ".where", 2, "surrogate"),
        (
            "aggregation: sql\nwindow: day\nsql: SELECT sum(cals) AS value FROM events",
            ".sql",
            2,
            'Referenced column "cals" not found',
        ),
        (
            "aggregation: sql\nwindow: day\nsql: COPY events TO '/tmp/x'",
            ".sql",
            2,
            "one SELECT is allowed, and no other statement",
        ),
        (
            "aggregation: sql\nwindow: day\nsql: SELECT customer_id, 1 AS value FROM '/etc/passwd'",
            ".sql",
            2,
            "it may read `events`, and no other table or file",
        ),
    ],
)
def test_what_does_not_fit_is_told_at_its_line(
    tmp_path: Path, metric: str, key: str, line: int, says: str
) -> None:
    [told] = refusals(tmp_path, metric)
    assert told.key == key
    assert told.line == FIRST_LINE + line
    assert says in told.message


def test_no_mistake_hides_another(tmp_path: Path) -> None:
    told = refusals(
        tmp_path,
        "aggregation: sql\nwindow: day\nfield: gb\np: 2\nmultiply_by: -1\n"
        "where: regoin = 'eu'\nsql: SELECT now()\ngroup_by: [regoin, region]\ntime_zone: Nowhere",
    )
    keys = [".field", ".group_by[0]", ".multiply_by", ".p", ".p", ".sql", ".time_zone", ".where"]
    assert sorted(one.key for one in told) == keys


def test_a_wrong_field_is_told_beside_the_select_that_needs_it(tmp_path: Path) -> None:
    told = refusals(
        tmp_path,
        "aggregation: sql\nwindow: day\nsql: SELECT customer_id, 1 AS value FROM events",
        SCHEMA.replace("gb: {type: decimal}", "gb: {type: decimal, precision: 2, scale: 5}"),
    )
    assert [one.key for one in told] == ["attributes.fields.gb.scale", ".sql"]


def test_where_every_line_is_an_event_no_order_of_rows_is_certain(tmp_path: Path) -> None:
    [told] = refusals(
        tmp_path,
        "aggregation: sql\nwindow: day\nsql: SELECT customer_id, row_number() OVER (ORDER BY "
        "customer_id, timestamp) AS value FROM events",
        SCHEMA.replace("[customer_id, timestamp]", "[upload, line]"),
    )
    assert "no fields tell events of this schema apart" in told.message


def test_the_groups_of_a_select_are_columns_of_it(tmp_path: Path) -> None:
    [told] = refusals(
        tmp_path,
        "aggregation: sql\nwindow: day\ngroup_by: [region]\n"
        "sql: SELECT customer_id, count(*) AS value FROM events GROUP BY ALL",
    )
    assert (
        told.message == "its result has no column region. Columns of it: customer_id, region, value"
    )


@pytest.mark.parametrize("name", ["Billed", "ingestion_table", "a__b"])
def test_a_metric_has_a_name_of_its_own(tmp_path: Path, name: str) -> None:
    schema = SCHEMA.replace("    billed:", f"    {name}:")
    [told] = refusals(tmp_path, "aggregation: count\nwindow: day", schema)
    assert "cannot name a metric" in told.message


def test_hours_do_not_overlap(tmp_path: Path) -> None:
    [told] = refusals(tmp_path, "aggregation: count\nwindow: hour\ntime_zone: Australia/Lord_Howe")
    assert "hours would overlap" in told.message
