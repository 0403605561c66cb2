"""A customer that the list has not is an error or a warning, and those that come near are named."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.checking import DecidedAlready
from usage_pipeline.components.usage_events import SchemaAttributes
from usage_pipeline.mapping.customers import load_customers
from usage_pipeline.orchestration.metadata import frame_columns
from usage_pipeline.reading import LocatedError
from usage_pipeline.validation import near_customers
from usage_pipeline.validation.near_customers import with_near
from usage_pipeline.warehouse import scratch_connection
from usage_pipeline_tests.listed_customers import SAYS, describe, list_of, usage_of
from usage_pipeline_tests.workplace import Workplace

NASTY = ["'; DROP TABLE known_customers; --", '"quoted"', "a,b", "=1+1", "%(x)s $1 :y", "[bold]x"]


def errors(work: Workplace, *customers: str) -> list[dict[str, Any]]:
    """The errors that `check` lists for a file with these customers."""
    [report] = work.check(usage_of(work, *customers), schema="listed")
    found: list[dict[str, Any]] = report["errors"]
    return found


def said_of(work: Workplace, customer: str) -> str:
    """What `check` says of a file with one row."""
    [error] = errors(work, customer)
    return str(error["message"])


def test_customers_in_the_list_pass(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme", "globex")
    assert errors(work, "acme", "globex", "acme") == []


def test_an_unknown_customer_is_an_error_with_line_column_and_value(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme")
    [error] = errors(work, "acme", "zzzzzz")
    assert error == {
        "line": 3,
        "column": "Account",
        "field": "customer_id",
        "code": "unknown-customer",
        "value": "zzzzzz",
        "message": f"{SAYS}, not 'zzzzzz'.",
    }


def test_a_file_with_an_unknown_customer_fails(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme")
    [upload] = work.ingest(usage_of(work, "acme", "globex"), schema="listed")
    assert (upload["state"], upload["invalid"]) == ("failed", 1)


def test_as_a_warning_its_row_counts_and_the_warning_is_kept(work: Workplace) -> None:
    describe(work, ", unknown: warning")
    list_of(work, "acme")
    file = usage_of(work, "acme", "globex")
    [report] = work.check(file, schema="listed")
    assert (report["verdict"], report["errors"], report["warning_count"]) == ("passed", [], 1)
    [upload] = work.ingest(file, schema="listed")
    assert (upload["state"], upload["ingested"]) == ("ingested", 2)
    assert "unknown-customer" in work.run("errors", upload["upload"]).out


def test_a_row_without_a_customer_lacks_a_value_and_nothing_else(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme")
    assert [one["code"] for one in errors(work, "")] == ["required-value"]


def test_an_empty_text_that_is_a_value_is_no_unknown_customer_either(work: Workplace) -> None:
    describe(work, "}\n  csv: {null_values: [none]")
    list_of(work, "acme")
    assert [one["code"] for one in errors(work, "")] == ["required-value"]


def test_a_record_that_cannot_be_told_apart_names_no_customer(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme")
    file = work.file("usage.csv", "Account,timestamp,calls\nzzz\nacme,2024-10-01,1\n")
    [report] = work.check(file, schema="listed")
    assert report["codes"] == {"missing-cell": 1}


def test_a_constant_customer_is_looked_up_too(work: Workplace) -> None:
    describe(work)
    described = work.defs / "listed" / "defs.yaml"
    text = described.read_text().replace("from: [Account]", "constant: zzz")
    described.write_text(text)
    list_of(work, "acme")
    file = work.file("usage.csv", "timestamp,calls\n2024-10-01,1\n")
    [report] = work.check(file, schema="listed")
    assert report["codes"] == {"unknown-customer": 1}


def test_a_file_is_held_against_the_list_of_the_day(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme")
    file = usage_of(work, "globex")
    [before] = work.ingest(file, schema="listed")
    list_of(work, "acme", "globex")
    [after] = work.ingest(file, schema="listed")
    assert (before["state"], after["state"]) == ("failed", "ingested")
    assert before["upload"] == after["upload"]


def test_another_list_is_no_other_version_of_the_schema(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme")
    before = work.flow("listed").version
    list_of(work, "globex")
    assert work.flow("listed").version == before


def test_rows_that_are_in_stay_in_when_their_customer_leaves_the_list(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme", "globex")
    file = usage_of(work, "globex")
    work.ingest(file, schema="listed")
    list_of(work, "acme")
    [again] = work.ingest(file, schema="listed")
    assert again["state"] == "ingested"
    assert work.run("verify", "--rebuild").exit_code == 0


@pytest.mark.parametrize("customer", NASTY)
def test_text_that_looks_like_a_command_is_text_in_list_and_file(
    work: Workplace, customer: str
) -> None:
    describe(work)
    list_of(work, "acme", customer)
    assert errors(work, customer) == []
    list_of(work, "acme", f"{customer}!")
    assert said_of(work, customer) == f"{SAYS}, not '{customer}'. Near: '{customer}!'."


def test_the_frame_says_of_each_row_whether_its_customer_is_known(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme")
    [upload] = work.ingest(usage_of(work, "acme", "globex", ""), schema="listed")
    flow = work.flow("listed")
    frame = pq.read_table(flow.archive.mapped("listed", upload["upload"], flow.version))
    assert frame["customers:known"].to_pylist() == [True, False, None]
    shown = [column.name for column in frame_columns(flow.schema).columns]
    assert set(shown) <= set(frame.column_names)
    assert "customers:known" in shown


@pytest.mark.slow
def test_the_frame_is_in_the_order_of_the_file(work: Workplace) -> None:
    describe(work)
    list_of(work, *map(str, range(100_000)))
    file = usage_of(work, *(str(number % 100_000) for number in range(1_000_000)))
    run = work.flow("listed").dry_run([file], max_errors=1)
    checked = next(run)
    assert checked.mapped.frame is not None
    # The folder of a dry run is there until the next file is asked for.
    lines = pq.read_table(checked.mapped.frame, columns=["line"])["line"].to_pylist()
    assert lines == list(range(2, 1_000_002))


def test_a_schema_without_a_list_has_the_frame_it_had(work: Workplace) -> None:
    row = "e1,acme,2024-10-01T00:00:00Z,1,1,us-east"
    [upload] = work.ingest(work.api_file("a.csv", row))
    flow = work.flow()
    frame = pq.read_table(flow.archive.mapped("api_usage", upload["upload"], flow.version))
    assert "customers:known" not in frame.column_names


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_the_rows_found_are_those_that_a_set_has_not(work: Workplace, data: st.DataObject) -> None:
    texts = st.text("aAéE ß\u00a0'\"%;,-1\u0301", min_size=1, max_size=3)
    listed = data.draw(st.lists(texts, min_size=1, max_size=8))
    used = data.draw(st.lists(st.one_of(texts, st.sampled_from(listed)), min_size=1, max_size=12))
    describe(work)
    list_of(work, *listed)
    [checked] = work.flow("listed").dry_run([usage_of(work, *used)], max_errors=100)
    found = [one.line for one in checked.errors if one.code == "unknown-customer"]
    assert found == [line for line, one in enumerate(used, 2) if one not in set(listed)]


class TestNear:
    @pytest.mark.parametrize(
        ("listed", "unknown", "near"),
        [
            (["acme-01", "acme-10", "globex"], "acme-1", "Near: 'acme-01', 'acme-10'."),
            (["acme", "acne"], "ACME", "Near: 'acme' (other case or space)."),
            (["acme", "acne"], " acme\u00a0", "Near: 'acme' (other case or space)."),
            (["Acme Ltd"], "acmeltd", "Near: 'Acme Ltd' (other case or space)."),
            (["globex"], "gloebx", "Near: 'globex'."),
            (["Globex Corporation"], "Globex", "Near: 'Globex Corporation'."),
            (["ab1", "ab2", "ab3", "ab4"], "ab5", "Near: 'ab1', 'ab2', 'ab3'."),
        ],
    )
    def test_customers_that_were_perhaps_meant_are_named(
        self, work: Workplace, listed: list[str], unknown: str, near: str
    ) -> None:
        describe(work)
        list_of(work, *listed)
        assert said_of(work, unknown) == f"{SAYS}, not '{unknown}'. {near}"

    @pytest.mark.parametrize(("listed", "unknown"), [("acme", "zzzz"), ("a", "b"), ("acme", "   ")])
    def test_others_are_not(self, work: Workplace, listed: str, unknown: str) -> None:
        describe(work)
        list_of(work, listed)
        assert "Near" not in said_of(work, unknown)

    def test_a_customer_without_end_is_told_all_the_same(self, work: Workplace) -> None:
        describe(work)
        list_of(work, "x" * 1000)
        assert said_of(work, "x" * 999).startswith(f"{SAYS}, not 'xxx")

    def test_the_work_is_bounded_and_case_and_space_are_always_told(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(near_customers, "MOST_PAIRS", 5)
        describe(work)
        list_of(work, "acme", "globex")
        told = [one["message"] for one in errors(work, "acmee", "acmi", "globec", "GLOBEX")]
        assert ["Near" in one for one in told] == [True, True, False, True]

    def test_nothing_is_said_to_other_findings(self, work: Workplace) -> None:
        describe(work)
        list_of(work, "acme")
        other = LocatedError("constraint-error", "said", value="acmee")
        with scratch_connection(work.folder) as connection:
            load_customers(connection, work.flow("listed").schema, work.data)
            assert with_near(connection, [other]) == [other]


def test_an_editor_and_dg_know_the_key() -> None:
    known = SchemaAttributes.model_json_schema()
    assert set(known["$defs"]["CustomerList"]["properties"]) == {"file", "column", "unknown"}
    assert "customers" in known["properties"]


def test_what_is_in_is_not_judged_again_by_a_list_that_has_changed(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme", "bolt")
    [row] = work.ingest(usage_of(work, "acme", "bolt"), schema="listed")
    list_of(work, "acme")
    upload = work.register.find(row["upload"])
    [(_, seen)] = work.flow("listed").check([upload])
    assert isinstance(seen, DecidedAlready)
    for step in ("void", "restore"):
        work.run(step, row["upload"], "--by", "Ada", "--reason", "to see")
    assert work.upload(row["upload"]).ingested == 2
    outcome = work.run("verify", "--rebuild")
    assert outcome.exit_code == 0, outcome.out
