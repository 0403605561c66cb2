"""`suggest`: the draft on standard output, questions beside it, nothing overwritten."""

from __future__ import annotations

import csv
import io

import pytest

from usage_pipeline.mapping.likeness import LIKELY
from usage_pipeline_tests.suggest.drafting import csv_text, loaded, rows_of, usage_text
from usage_pipeline_tests.workplace import Workplace

API_HEADER = ["Event ID", "Account", "When", "API Calls", "Storage GB", "region"]


def api_text(header: list[str] = API_HEADER) -> str:
    return csv_text(header, [[*row[:4], "1.5", row[4]] for row in rows_of(40)])


def test_standard_output_is_the_draft_and_nothing_else(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("calls.csv", usage_text()))
    assert outcome.exit_code == 0
    assert loaded(work, outcome.out).name == "calls"


def test_questions_are_listed_beside_it(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("calls.csv", usage_text(when="2024-10-01 08:00")))
    assert "Questions to answer:" in outcome.err
    assert "1. timestamp: In which time zone" in outcome.err
    assert "# QUESTION: In which time zone" in outcome.out


def test_the_schema_is_named_as_asked(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("calls.csv", usage_text()), "--name", "gpu_usage")
    assert loaded(work, outcome.out).name == "gpu_usage"


def test_a_drafted_name_is_not_that_of_a_schema_there_is(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("api_usage.csv", usage_text()))
    assert loaded(work, outcome.out).name == "api_usage_2"


@pytest.mark.parametrize("name", ["Not-Snake", "usage", "", "a__b", "x" * 64, "api_usage"])
def test_a_name_that_no_schema_can_have_is_wrong_use(work: Workplace, name: str) -> None:
    outcome = work.run("suggest", work.file("calls.csv", usage_text()), "--name", name)
    assert (outcome.exit_code, outcome.out) == (2, "")
    assert "--name" in outcome.err


def test_the_draft_is_written_to_a_new_file(work: Workplace) -> None:
    target = work.files / "draft.yaml"
    file = work.file("calls.csv", usage_text())
    outcome = work.run("suggest", file, "--output", target)
    assert (outcome.exit_code, outcome.out) == (0, "")
    assert target.read_text(encoding="utf-8") == work.run("suggest", file).out


def test_a_file_that_is_there_is_not_overwritten(work: Workplace) -> None:
    target = work.file("draft.yaml", "mine")
    outcome = work.run("suggest", work.file("calls.csv", usage_text()), "--output", target)
    assert (outcome.exit_code, outcome.out) == (2, "")
    assert "is not overwritten" in outcome.err
    assert target.read_text() == "mine"


def test_a_link_to_nowhere_is_not_followed(work: Workplace) -> None:
    target = work.files / "draft.yaml"
    target.symlink_to(work.files / "elsewhere")
    outcome = work.run("suggest", work.file("calls.csv", usage_text()), "--output", target)
    assert outcome.exit_code == 2
    assert not (work.files / "elsewhere").exists()


def test_an_output_without_folder_is_wrong_use(work: Workplace) -> None:
    target = work.files / "none" / "draft.yaml"
    outcome = work.run("suggest", work.file("calls.csv", usage_text()), "--output", target)
    assert outcome.exit_code == 2
    assert "There is no folder" in outcome.err


def test_a_file_that_cannot_be_read_is_refused_with_its_line(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("calls.csv", 'a,b\n1,2\n3,"4\n'))
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert "calls.csv: line 3  unclosed-quote" in outcome.err


def test_a_file_that_is_not_there_is_wrong_use(work: Workplace) -> None:
    assert work.run("suggest", work.files / "none.csv").exit_code == 2


def test_another_encoding_is_named_and_kept(work: Workplace) -> None:
    file = work.file("calls.csv", usage_text(region="Zürich").encode("cp1252"))
    refused = work.run("suggest", file)
    assert refused.exit_code == 1
    assert "encoding-error" in refused.err
    drafted = work.run("suggest", file, "--encoding", "cp1252")
    assert loaded(work, drafted.out).csv.encoding == "cp1252"


def test_an_encoding_that_does_not_exist_is_wrong_use(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("calls.csv", usage_text()), "--encoding", "klingon")
    assert outcome.exit_code == 2
    assert "--encoding klingon" in outcome.err


def test_json_is_one_object(work: Workplace) -> None:
    file = work.file("calls.csv", usage_text(when="2024-10-01 08:00"))
    found = work.run("suggest", file, "--format", "json").json
    assert found["file_name"] == "calls.csv"
    assert found["draft"] == work.run("suggest", file).out
    [question] = [one for one in found["questions"] if one["about"] == "timestamp"]
    assert question["codes"] == ["timestamp-no-zone"]
    roles = {one["header"]: (one["field"], one["type"], one["role"]) for one in found["columns"]}
    assert roles == {
        "Event ID": ("event_id", "string", "event key"),
        "Account": ("customer_id", "string", "customer"),
        "When": ("timestamp", "timestamp", "timestamp"),
        "API Calls": ("api_calls", "integer", "usage"),
        "region": ("region", "string", "dimension"),
    }
    assert {"schema", "takes", "fit", "fields"} == set(found["schemas"][0])


def test_csv_lists_the_columns(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("calls.csv", usage_text()), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["field"] for row in rows] == [
        *("event_id", "customer_id", "timestamp", "api_calls", "region")
    ]


def fields_of(work: Workplace, header: list[str]) -> dict[str, dict[str, object]]:
    """How `api_usage` fits a file with these headers."""
    file = work.file("calls.csv", api_text(header))
    found = work.run("suggest", file, "--format", "json").json["schemas"]
    [fit] = [one for one in found if one["schema"] == "api_usage"]
    return {one["field"]: one for one in fit["fields"]}


def test_a_schema_that_takes_the_file_comes_first(work: Workplace) -> None:
    outcome = work.run("suggest", work.file("calls.csv", api_text()))
    assert "api_usage        100  takes the file as it is" in outcome.err


def test_how_a_header_was_recognised_is_said(work: Workplace) -> None:
    fields = fields_of(work, ["event_id", "Account", "WHEN", "API Calls", "Storage GB", "region"])
    found = {field: one["how"] for field, one in fields.items()}
    assert found["event_id"] == "name"
    assert found["customer_id"] == "label"
    assert found["timestamp"] == "spelling"


def test_a_header_that_comes_near_is_proposed_with_its_score(work: Workplace) -> None:
    fields = fields_of(work, ["EventID", "Account", "When", "API Call", "Storage GB", "region"])
    calls = fields["api_call_count"]
    assert (calls["how"], calls["header"]) == ("likely", "API Call")
    assert isinstance(calls["score"], int)
    assert LIKELY <= calls["score"] < 100


def test_a_header_that_comes_less_near_is_a_question(work: Workplace) -> None:
    header = ["Event ID", "Account Owner", "When", "API Calls", "Storage GB", "region"]
    customer = fields_of(work, header)["customer_id"]
    assert (customer["how"], customer["header"]) == ("ask", None)
    assert (
        "api_usage.customer_id: is it 'Account Owner' (80)"
        in work.run("suggest", work.files / "calls.csv").err
    )


def test_two_headers_that_come_equally_near_are_a_question(work: Workplace) -> None:
    header = ["Event ID", "Accounts", "When", "API Calls", "Storage GB", "Accountz"]
    customer = fields_of(work, header)["customer_id"]
    assert (customer["how"], customer["header"]) == ("ask", None)


def test_nothing_is_stored(work: Workplace) -> None:
    work.run("suggest", work.file("calls.csv", usage_text()))
    assert [path for path in work.data.rglob("*") if path.is_file()] == []
