"""Why an event counts or not: every upload and line it came in, and what decided."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import pytest

from usage_pipeline_tests.cli.undoing import (
    change_yaml,
    choose_policy,
    let_every_line_count,
    row,
    taken_in,
    void,
)
from usage_pipeline_tests.workplace import Outcome, Workplace


def explain(work: Workplace, *key: str, schema: str = "api_usage") -> list[dict[str, Any]]:
    outcome = work.run("explain", "--schema", schema, "--format", "json", "--", *key)
    assert outcome.exit_code == 0, outcome.err
    found: list[dict[str, Any]] = outcome.json
    return found


def asked(work: Workplace, *key: str, schema: str = "api_usage") -> Outcome:
    return work.run("explain", "--schema", schema, "--", *key)


@dataclass(frozen=True)
class Story:
    """Uploads of the event `e1`, each with another fate, and of others."""

    work: Workplace
    first: str
    same: str
    other: str
    voided: str
    failed: str
    waiting: str
    refused: str


@pytest.fixture(scope="module")
def story(shared_work: Workplace) -> Story:
    work = shared_work
    first = taken_in(work, "first.csv", row("e0"), row("e1", 10))
    same = taken_in(work, "same.csv", row("e1", 10))
    other = taken_in(work, "other.csv", row("e9"), row("e8"), row("e1", 99, customer="globex"))
    voided = taken_in(work, "voided.csv", row("e1", 1))
    assert void(work, voided).exit_code == 0
    [failed] = work.ingest(work.api_file("failed.csv", row("e1", -1), row("e1", 3)))
    change_yaml(work, "confirm: automatic", "confirm: manual")
    [waiting] = work.ingest(work.api_file("waiting.csv", row("e1", 4)))
    [refused] = work.ingest(work.api_file("refused.csv", row("e1", 5)))
    work.run("refuse", refused["upload"], "--by", "rita", "--reason", "no")
    change_yaml(work, "confirm: manual", "confirm: automatic")
    names = (one["upload"] for one in (failed, waiting, refused))
    return Story(work, first, same, other, voided, *names)


def of_upload(story: Story, upload: str) -> dict[str, Any]:
    """What is said of `e1` in an upload that has it once."""
    [found] = [one for one in explain(story.work, "e1") if one["upload"] == upload]
    return found


def test_every_row_of_the_event_is_there_the_ledgers_first_and_by_place(story: Story) -> None:
    told = [(one["upload"], one["line"]) for one in explain(story.work, "e1")]
    assert told == [
        (story.first, 3),
        (story.same, 2),
        (story.other, 4),
        (story.voided, 2),
        (story.failed, 2),
        (story.failed, 3),
        (story.waiting, 2),
        (story.refused, 2),
    ]


def test_just_one_counts(story: Story) -> None:
    counting = [one["upload"] for one in explain(story.work, "e1") if one["counts"]]
    assert counting == [story.first]


def test_the_winner_says_by_which_rule(story: Story) -> None:
    assert of_upload(story, story.first)["why"] == "counts: the first of 3 rows"


def test_an_event_that_came_once_is_the_only_row(story: Story) -> None:
    [only] = explain(story.work, "e0")
    assert (only["counts"], only["why"]) == (True, "counts: the only row")


def test_a_duplicate_names_the_row_that_counts(story: Story) -> None:
    found = of_upload(story, story.same)
    assert found["counts"] is False
    assert f"lost to line 3 of {story.first}" in found["why"]
    assert "duplicate: the same content" in found["why"]
    assert found["differing"] == {}


def test_a_conflict_has_each_field_that_differs_here_and_there(story: Story) -> None:
    found = of_upload(story, story.other)
    assert "conflict: other content" in found["why"]
    assert found["differing"] == {"customer_id": ["globex", "acme"], "api_call_count": [99, 10]}


def test_a_voided_row_says_by_whom_and_why(story: Story) -> None:
    found = of_upload(story, story.voided)
    assert (found["state"], found["counts"]) == ("voided", False)
    assert "voided by rita on " in found["why"]
    assert ": sent twice" in found["why"]


def test_an_invalid_row_says_where_its_errors_are(story: Story) -> None:
    invalid, _ = (one for one in explain(story.work, "e1") if one["upload"] == story.failed)
    assert f"invalid: `usage-pipeline errors {story.failed}`" in invalid["why"]


def test_a_valid_row_of_a_failed_file_says_that_its_upload_failed(story: Story) -> None:
    _, valid = (one for one in explain(story.work, "e1") if one["upload"] == story.failed)
    assert valid["why"] == "its upload failed"


def test_a_row_that_waits_says_so(story: Story) -> None:
    assert of_upload(story, story.waiting)["why"] == "its upload waits for confirmation"


def test_a_refused_row_says_so(story: Story) -> None:
    assert of_upload(story, story.refused)["why"] == "its upload was refused by a person"


def test_the_fields_of_each_row_are_there_for_programs(story: Story) -> None:
    assert of_upload(story, story.voided)["fields"] == {
        "event_id": "e1",
        "customer_id": "acme",
        "timestamp": "2024-10-01T10:00:00+00:00",
        "api_call_count": 1,
        "storage_gb": "1.5",
        "region": "us-east",
    }


def test_an_unknown_event_gives_an_empty_array(story: Story) -> None:
    assert explain(story.work, "no-such") == []


def test_an_unknown_event_is_told_in_words(story: Story) -> None:
    outcome = asked(story.work, "no-such")
    assert outcome.exit_code == 0
    assert "No upload has this event." in outcome.out


@pytest.mark.parametrize("key", [("e1", "acme"), ("e1", "acme", "x")])
def test_the_wrong_number_of_values_is_wrong_use(story: Story, key: tuple[str, ...]) -> None:
    outcome = asked(story.work, *key)
    assert outcome.exit_code == 2
    assert "The event key of api_usage is event_id" in outcome.err


def test_no_value_at_all_is_wrong_use(story: Story) -> None:
    assert story.work.run("explain", "--schema", "api_usage").exit_code == 2


def test_an_unknown_schema_is_wrong_use(story: Story) -> None:
    assert asked(story.work, "e1", schema="no_such").exit_code == 2


def test_a_key_is_no_sql(story: Story) -> None:
    assert explain(story.work, "' OR 1=1 --") == []


def test_asking_changes_nothing(story: Story) -> None:
    before = story.work.listing("uploads"), story.work.listing("events", "--schema", "api_usage")
    explain(story.work, "e1")
    after = story.work.listing("uploads"), story.work.listing("events", "--schema", "api_usage")
    assert after == before


def test_csv_has_the_fields_too(story: Story) -> None:
    out = story.work.run("explain", "--schema", "api_usage", "e1", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [one["counts"] for one in rows] == ["true"] + ["false"] * 7
    assert rows[2]["differing"] == '{"customer_id": ["globex", "acme"], "api_call_count": [99, 10]}'
    assert json.loads(rows[2]["fields"])["api_call_count"] == 99


def test_under_keep_last_the_winner_is_the_last(work: Workplace) -> None:
    choose_policy(work, "keep_last")
    taken_in(work, "first.csv", row("e1", 10))
    second = taken_in(work, "second.csv", row("e1", 99))
    lost, won = explain(work, "e1")
    assert won["why"] == "counts: the last of 2 rows"
    assert f"lost to line 2 of {second}, which came later (keep_last)" in lost["why"]


def test_a_set_aside_row_is_invalid_although_its_upload_is_in(work: Workplace) -> None:
    change_yaml(work, "refuse_file", "quarantine_rows")
    upload = taken_in(work, "a.csv", row("e1"), row("e2", -1))
    [found] = explain(work, "e2")
    assert (found["upload"], found["line"], found["counts"]) == (upload, 3, False)
    assert "invalid" in found["why"]


def test_where_every_line_counts_upload_and_line_are_the_key(work: Workplace) -> None:
    let_every_line_count(work)
    taken_in(work, "first.csv", row("e1", 1))
    upload = taken_in(work, "second.csv", row("e1", 2), row("e1", 3))
    [found] = explain(work, upload, "3")
    assert (found["upload"], found["line"]) == (upload, 3)
    assert found["fields"]["api_call_count"] == 3
    assert found["why"] == "counts: the only row"
    assert explain(work, upload, "7") == []
    assert explain(work, "no-such", "2") == []


def test_where_every_line_counts_a_voided_line_says_so(work: Workplace) -> None:
    let_every_line_count(work)
    upload = taken_in(work, "first.csv", row("e1", 1))
    void(work, upload)
    [found] = explain(work, upload, "2")
    assert "voided by rita" in found["why"]


def test_while_a_void_is_yet_to_be_carried_out_the_row_is_there_once(work: Workplace) -> None:
    upload = taken_in(work, "a.csv", row("e1"))
    work.flow().void([work.upload(upload)], by="rita", reason="sent twice")
    assert len(explain(work, "e1")) == 1


def test_no_cell_of_csv_is_run_by_a_spreadsheet(work: Workplace) -> None:
    words = ("--by", "=rita", "--reason", "=1+1")
    upload = taken_in(work, "=a.csv", row("=1+1"))
    assert work.run("void", upload, *words).exit_code == 0
    out = work.run("explain", "--schema", "api_usage", "--format", "csv", "--", "=1+1").out
    [found] = csv.DictReader(io.StringIO(out))
    assert found["why"].startswith("voided by =rita")
    assert json.loads(found["fields"])["event_id"] == "=1+1"
    for cell in found.values():
        assert not cell.startswith(("=", "+", "-", "@")), cell


def test_values_are_no_markup_in_a_table(work: Workplace) -> None:
    taken_in(work, "first.csv", row("e1", customer="acme"))
    taken_in(work, "second.csv", row("e1", customer="[red]x[/red]"))
    assert "customer_id: [red]x[/red], there acme" in asked(work, "e1").out


TYPED = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: typed
  fields:
    customer_id: {type: string}
    timestamp: {type: timestamp, time_zone: UTC}
    number: {type: integer}
    part: {type: string, required: false}
    state: {type: string}
    amount: {type: decimal, usage: true}
  event_key: [timestamp, number, part]
  metrics:
    total: {aggregation: sum, field: amount, window: day}
"""


@pytest.fixture(scope="module")
def typed(shared_work: Workplace) -> Workplace:
    """Three events whose key is a time, a number and a text that may be missing."""
    shared_work.describe("typed", TYPED)
    text = (
        "customer_id,timestamp,number,part,state,amount\n"
        "acme,2024-10-01T10:00:00Z,7,x,CA,1\n"
        "acme,2024-10-01T10:00:00Z,7,,CA,2\n"
        "acme,2024-10-01T10:00:00Z,2,,CA,3\n"
    )
    [found] = shared_work.ingest(shared_work.file("typed.csv", text), schema="typed")
    assert found["state"] == "ingested", found
    return shared_work


class TestTypedKeys:
    def lines(self, work: Workplace, *key: str) -> list[int]:
        return [one["line"] for one in explain(work, *key, schema="typed")]

    def test_an_empty_text_is_the_missing_part(self, typed: Workplace) -> None:
        assert self.lines(typed, "2024-10-01T10:00:00Z", "7", "") == [3]
        assert self.lines(typed, "2024-10-01T10:00:00Z", "7", "x") == [2]

    def test_where_empty_text_is_a_value_it_can_be_asked_for(self, work: Workplace) -> None:
        work.describe(
            "typed", TYPED.replace("  metrics:", '  csv: {null_values: ["NA"]}\n  metrics:')
        )
        text = "customer_id,timestamp,number,part,state,amount\n" + "".join(
            f"acme,2024-10-01T10:00:00Z,7,{part},CA,1\n" for part in ("", "NA")
        )
        work.ingest(work.file("typed.csv", text), schema="typed")
        assert self.lines(work, "2024-10-01T10:00:00Z", "7", "") == [2]
        assert self.lines(work, "2024-10-01T10:00:00Z", "7", "NA") == [3]

    @pytest.mark.parametrize(
        "time", ["2024-10-01T10:00:00+00:00", "2024-10-01 10:00Z", "2024-10-01T12:00:00+02:00"]
    )
    def test_a_time_is_known_as_any_listing_prints_it(self, typed: Workplace, time: str) -> None:
        assert self.lines(typed, time, "7", "x") == [2]

    @pytest.mark.parametrize(
        ("time", "number", "wrong", "field"),
        [
            ("yesterday", "7", "'yesterday'", "timestamp"),
            ("2024-10-01T10:00:00Z", "seven", "'seven'", "number"),
        ],
    )
    def test_a_value_that_its_field_cannot_have_is_wrong_use(
        self, typed: Workplace, time: str, number: str, wrong: str, field: str
    ) -> None:
        outcome = asked(typed, time, number, "x", schema="typed")
        assert outcome.exit_code == 2
        assert wrong in outcome.err
        assert field in outcome.err

    @pytest.mark.parametrize("number", ["2.4", "1.5", "9" * 25, "9" * 50, "-9223372036854775809"])
    def test_a_number_that_no_event_can_have_is_wrong_use_and_never_another_event(
        self, typed: Workplace, number: str
    ) -> None:
        outcome = asked(typed, "2024-10-01T10:00:00Z", number, "", schema="typed")
        assert outcome.exit_code == 2
        assert "cannot be number, which is of type integer" in outcome.err

    def test_a_field_called_state_does_not_hide_the_state_of_the_upload(
        self, typed: Workplace
    ) -> None:
        [found] = explain(typed, "2024-10-01T10:00:00Z", "7", "x", schema="typed")
        assert (found["state"], found["fields"]["state"]) == ("ingested", "CA")
