"""A wrong word in a `defs.yaml` is refused with file, line, what is wrong and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from usage_pipeline.schema import EventSchema, InvalidSchema, load_schema, load_schemas

GOOD = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: calls
  kind: events
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp, time_zone: UTC}
    calls: {type: integer, usage: true}
    gb: {type: decimal, minimum: 0}
  event_key: [customer_id, timestamp]
  csv: {delimiter: auto}
  metrics:
    total: {aggregation: sum, field: calls, window: day}
"""


def refusal(tmp_path: Path, old: str, new: str) -> str:
    """What is said of the good file when `old` is replaced by `new`."""
    assert old in GOOD
    file = tmp_path / "defs.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InvalidSchema) as error:
        load_schema(file)
    return str(error.value)


def changed_line(text: str) -> int:
    """The first line in which a file differs from the good one."""
    pairs = zip(text.splitlines(), GOOD.splitlines(), strict=False)
    return next(number for number, (new, old) in enumerate(pairs, 1) if new != old)


def test_a_good_file_loads(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text(GOOD)
    schema = load_schema(file)
    assert isinstance(schema, EventSchema)
    assert list(schema.all_metrics) == ["total"]


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("type: integer", "type: integerr", "fields.calls.type", "'string', 'integer'"),
        ("usage: true", "usage: true, unite: x", "fields.calls.unite", "Did you mean 'unit'?"),
        ("kind: events", "kind: event", "kind", "'events' or 'summary'"),
        ("  kind: events\n", "  kind: events\n  colour: red\n", "colour", "is no key of a schema"),
        ("delimiter: auto", "delimiter: auto, quote: x", "csv.quote", "Allowed: delimiter"),
        ("field: calls", "field: cals", "metrics.total.field", "is no field. Allowed: calls, gb"),
        ("field: calls", "field: customer_id", "metrics.total.field", "is not numeric"),
        ("[customer_id, timestamp]", "[customer_id, time]", "event_key[1]", "'time' is no field"),
        ("[customer_id, timestamp]", "[customer_id, customer_id]", "event_key[1]", "twice"),
        ("window: day", "window: decade", "metrics.total.window", "'quarter' or 'year'"),
        ("  csv:", "  on_duplicate: keep_frist\n  csv:", "on_duplicate", "keep_last"),
        ("  csv:", "  customers: {fil: x}\n  csv:", "customers.fil", "Did you mean 'file'?"),
        ("  csv:", "  customers: {column: x}\n  csv:", "customers", "'file' is missing"),
        ("  csv:", "  customers: x.csv\n  csv:", "customers", "write keys here"),
        ("  csv:", "  customers: {file: ''}\n  csv:", "customers.file", "at least 1 char"),
        ("  csv:", '  customers: {file: "\\0"}\n  csv:', "customers.file", "NUL"),
        ("  csv:", "  customers: {file: x, unknown: no}\n  csv:", "customers.unknown", "'error'"),
        ("delimiter: auto", "encoding: utf-61", "csv.encoding", "no encoding of that name"),
        ("time_zone: UTC", "time_zone: Berlin", "fields.timestamp.time_zone", "no time zone"),
        ("time_zone: UTC", "format: '%d.%m.%y'", "fields.timestamp.format", "%y"),
        ("minimum: 0", "minimum: [0]", "fields.gb.minimum", ""),
        ("minimum: 0", "minimum: 2, maximum: 1", "fields.gb.minimum", "above maximum"),
        ("minimum: 0", "pattern: 'x'", "fields.gb.pattern", "for string fields"),
        ("type: string", "type: string, pattern: '(?=x)'", "fields.customer_id.pattern", "RE2"),
        ("type: string", "type: string, allowed: [NO]", "fields.customer_id.allowed", ""),
        (
            "type: string",
            "type: string, constant: x, from: [y]",
            "fields.customer_id",
            "one source",
        ),
        ("type: string", "type: string, from_file_name: 'x'", "fields.customer_id", "one group"),
        ("type: string", "type: string, required: false", "fields.customer_id", "always required"),
        ("    gb:", "    line:", "fields.line", "column of the pipeline"),
        ("  name: calls", "  name: Calls!", "name", ""),
        ("  kind: events", "  start: 2024-13-45", "start", "is not a day"),
        ("delimiter: auto", "max_file_size: 5 apples", "csv.max_file_size", "64MB"),
        ("delimiter: auto", "encoding: utf-7", "csv.encoding", "cannot be read in it"),
        ("delimiter: auto", "thousands_sign: '.'", "csv.thousands_sign", "cannot be both"),
        ("minimum: 0", "minimum: .inf", "fields.gb.minimum", "not a finite number"),
        ("window: day", "window: hour, time_zone: Australia/Lord_Howe", "metrics.total", "overlap"),
        ("  name: calls", "  name: main", "name", "warehouse's own"),
        ("total: {", "ingestion_table: {", "metrics.ingestion_table", "cannot name a metric"),
        ("usage: true", "usage: false", "fields", "at least one numeric field"),
    ],
)
def test_a_wrong_word_is_located_and_told_what_is_allowed(
    tmp_path: Path, old: str, new: str, key: str, says: str
) -> None:
    told = refusal(tmp_path, old, new)
    assert f"attributes.{key}" in told
    assert says in told
    if key != "fields":
        assert f"defs.yaml:{changed_line(GOOD.replace(old, new, 1))}: " in told


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    told = refusal(tmp_path, "  event_key: [customer_id, timestamp]\n", "")
    assert "event_key is missing" in told


def test_a_key_written_twice_is_refused_and_not_half_ignored(tmp_path: Path) -> None:
    told = refusal(tmp_path, "  kind: events\n", "  kind: events\n  kind: summary\n")
    assert "attributes.kind: the key is there twice" in told


def test_broken_yaml_is_located(tmp_path: Path) -> None:
    told = refusal(tmp_path, "fields:", "fields: {")
    assert "not valid YAML" in told
    assert "defs.yaml:" in told


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text(GOOD.replace("type: integer", "type: int").replace("window: day", "window: d"))
    with pytest.raises(InvalidSchema) as error:
        load_schema(file)
    assert len(error.value.problems) == 2


def test_two_files_cannot_give_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "defs.yaml").write_text(GOOD)
    with pytest.raises(InvalidSchema, match="'calls' is taken"):
        load_schemas(tmp_path)


def test_a_file_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    file.write_bytes(GOOD.encode() + "# Gebühr".encode("latin-1"))
    with pytest.raises(InvalidSchema, match=r"defs.yaml:1: yaml: not valid YAML in UTF-8"):
        load_schema(file)


@pytest.mark.parametrize("written", ["0.100000000000000001", "'0.100000000000000001'"])
def test_a_bound_keeps_the_digits_that_were_typed(tmp_path: Path, written: str) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text(GOOD.replace("minimum: 0", f"minimum: {written}"))
    schema = load_schema(file)
    assert schema is not None
    assert str(schema.fields["gb"].minimum) == "0.100000000000000001"
