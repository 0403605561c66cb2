"""What a reviewer sees on an upload's partition, and decides there, without a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.review_jobs import Step
from usage_pipeline.orchestration.run_problems import why_it_failed
from usage_pipeline_tests.cli.undoing import calls_of, change_yaml, row
from usage_pipeline_tests.orchestration.pressing import MAPPED, RAW, launch
from usage_pipeline_tests.workplace import HEADER, Workplace

PLAIN = (dg.TextMetadataValue, dg.TableMetadataValue, dg.PathMetadataValue)


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    change_yaml(work, "confirm: automatic", "confirm: manual")
    with open_instance(work.folder) as opened:
        yield opened


def handed_in(work: Workplace, name: str, *rows: str, header: str = HEADER) -> str:
    text = "\n".join([header, *rows]) + "\n"
    [found] = work.ingest(work.file(name, text))
    return str(found["upload"])


def page(
    instance: dg.DagsterInstance, upload: str, asset: dg.AssetKey = MAPPED
) -> dict[str, dg.MetadataValue[Any]]:
    """What the UI shows on a partition: the newest materialization, and what was observed since."""
    chosen = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[upload])
    made = instance.fetch_materializations(chosen, limit=1).records
    since = made[0].storage_id if made else 0
    observed = instance.fetch_observations(chosen, limit=10).records
    shown: dict[str, dg.MetadataValue[Any]] = {}
    for record in made:
        assert record.asset_materialization is not None
        shown |= record.asset_materialization.metadata
    for record in reversed(observed):
        assert record.asset_observation is not None
        shown |= record.asset_observation.metadata if record.storage_id > since else {}
    return shown


def rows_of(value: dg.MetadataValue[Any]) -> list[dict[str, Any]]:
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def check_of(instance: dg.DagsterInstance, upload: str, name: str) -> dg.AssetCheckEvaluation:
    events = instance.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION), limit=1000
    )
    for record in events:
        found = record.event_log_entry.get_dagster_event().asset_check_evaluation_data
        if (found.partition, found.check_name) == (upload, name):
            return found
    raise AssertionError(f"no check {name} of {upload}")


class TestThePage:
    def test_it_says_which_file_it_is_and_how_its_columns_were_read(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(
            work,
            "october.csv",
            "e1,acme,2024-10-01T10:00:00Z,10,1.5,x",
            header="event_id,Account,when,API Calls,Storage GB,Remark",
        )
        shown = page(instance, upload)
        assert shown["file_name"].value == "october.csv"
        mapping = {one["field"]: one for one in rows_of(shown["mapping"])}
        assert mapping["event_id"]["matched_by"] == "name"
        assert mapping["customer_id"]["matched_by"] == "label"
        assert (mapping["timestamp"]["header"], mapping["timestamp"]["matched_by"]) == (
            "when",
            "spelling",
        )
        assert mapping["region"]["matched_by"] == "no column"
        assert rows_of(shown["unmapped_columns"]) == [
            {"column": 6, "header": "Remark", "what": "not read"}
        ]

    def test_it_profiles_the_rows_beside_what_is_in_already(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        first = handed_in(work, "first.csv", row("e1", 1000), row("e2", 7), row("e9", 5, day=9))
        assert launch(instance, "confirm", first, by="rita", note="").success
        upload = handed_in(work, "next.csv", row("e1", 1000), row("e2", 8), row("e3", 3))
        shown = page(instance, upload)
        profile = {one["what"]: one for one in rows_of(shown["profile"])}
        here, there = "in this file", "in already, same time span"
        assert (profile["valid rows"][here], profile["valid rows"][there]) == ("3", "2")
        calls = profile["total api_call_count (call)"]
        assert (calls[here], calls[there]) == ("1,011", "1,007")
        assert profile["total storage_gb (GB)"][here] == "4.5"
        assert profile["first timestamp"][here] == "2024-10-01 10:00:00 UTC"
        would = {one["what"]: one["rows"] for one in rows_of(shown["would_happen"])}
        assert would == {"new": 1, "duplicates": 1, "conflicts": 1}

    def test_it_says_that_it_waits_and_how_to_confirm_and_refuse(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "october.csv", row("e1"))
        shown = page(instance, upload)
        assert shown["state"].value == "passed"
        advice = shown["next_step"].value
        for words in (
            "It waits for confirmation",
            "open api_usage_confirm_upload and its Launchpad",
            f"choose the partition {upload}",
            f"`usage-pipeline confirm {upload} --by NAME",
            "api_usage_refuse_upload",
            f"`usage-pipeline refuse {upload} --by NAME --reason WHY`",
        ):
            assert words in advice

    def test_a_failed_upload_brings_nothing_and_says_so(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "bad.csv", row("e1", -1))
        shown = page(instance, upload)
        assert shown["would_happen"].value == "Nothing: the file failed its checks."

    def test_of_a_file_that_cannot_be_read_the_page_of_its_bytes_says_why(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "broken.csv", 'e1,"acme,2024-10-01T10:00:00Z,1,1,')
        shown = page(instance, upload, RAW)
        assert (shown["file_name"].value, shown["state"].value) == ("broken.csv", "failed")
        [sample] = rows_of(shown["samples"])
        assert (sample["line"], sample["code"]) == (2, "unclosed-quote")


class TestSamples:
    def test_the_bad_cell_is_marked_in_its_record_with_the_advice(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "bad.csv", row("e1"), row("e2", -20))
        [sample] = rows_of(check_of(instance, upload, "values").metadata["samples"])
        assert sample["record"] == "e2,acme,2024-10-01T10:00:00Z,►-20◄,1.5,us-east"
        assert (sample["line"], sample["column"], sample["value"]) == (3, "API Calls", "-20")
        assert sample["what to do"].startswith("Correct the cell")

    def test_an_empty_cell_is_marked_too(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "bad.csv", row("e1", customer=""))
        [sample] = rows_of(check_of(instance, upload, "values").metadata["samples"])
        assert sample["record"] == "e1,►◄,2024-10-01T10:00:00Z,10,1.5,us-east"

    def test_there_are_twenty_at_most_and_the_counts_are_exact(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "bad.csv", *(row(f"e{n}", -1) for n in range(25)))
        shown = check_of(instance, upload, "values").metadata
        assert len(rows_of(shown["samples"])) == 20
        assert [one["count"] for one in rows_of(shown["by_code"])] == [25]

    def test_hostile_text_is_text(self, work: Workplace, instance: dg.DagsterInstance) -> None:
        evil = "<img src=x onerror=alert()> **b** \u202ecod\x1b[31m"
        name = "<b>x</b>.csv".replace("/", "")
        header = f"{HEADER},{evil}"
        upload = handed_in(work, name, f"{evil},acme,nonsense,{evil},1,us-east,", header=header)
        values = list(page(instance, upload).values())
        for check in ("values", "timestamps", "structure", "mapping"):
            values += check_of(instance, upload, check).metadata.values()
        told = [value for value in values if "onerror" in str(value)]
        assert len(told) >= 3
        assert [value for value in told if not isinstance(value, PLAIN)] == []
        assert not any(mark in str(value) for value in values for mark in ("\u202e", "\x1b"))
        assert any("\\u202e" in str(value.value) for value in values)


class TestDecisions:
    def test_refuse_keeps_it_out_and_says_who_when_why_and_of_which_version(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "october.csv", row("e1"))
        assert launch(instance, "refuse", upload, by="rita", reason="wrong month").success
        assert work.upload(upload).state == "refused"
        assert calls_of(work) == {}
        assert work.flow().archive.original("api_usage", upload).exists()
        last = work.listing("history", upload)[-1]
        told = last["action"], last["by"], last["note"], last["schema_version"], last["upload"]
        assert told == ("refuse", "rita", "wrong month", work.flow().version, upload)
        assert last["at"]
        shown = page(instance, upload)
        assert (shown["state"].value, shown["by"].value, shown["note"].value) == (
            "refused",
            "rita",
            "wrong month",
        )
        assert "reopen" in shown["next_step"].value

    def test_reopen_has_it_wait_again(self, work: Workplace, instance: dg.DagsterInstance) -> None:
        upload = handed_in(work, "october.csv", row("e1"))
        launch(instance, "refuse", upload, by="rita", reason="wrong month")
        assert launch(instance, "reopen", upload, by="rudi", reason="it was right").success
        shown = page(instance, upload)
        assert (shown["state"].value, shown["by"].value) == ("passed", "rudi")
        assert "api_usage_confirm_upload" in shown["next_step"].value
        assert launch(instance, "confirm", upload, by="rudi", note="").success
        assert calls_of(work) == {"e1": 10}

    def test_the_commands_show_the_same_on_the_partition(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "october.csv", row("e1"))
        outcome = work.run("refuse", upload, "--by", "rita", "--reason", "wrong month")
        assert (outcome.exit_code, outcome.err) == (0, "")
        shown = page(instance, upload)
        assert (shown["state"].value, shown["note"].value) == ("refused", "wrong month")

    def test_confirm_shows_who_and_the_note(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "october.csv", row("e1"))
        assert launch(instance, "confirm", upload, by="rita", note="as agreed").success
        shown = page(instance, upload)
        told = [shown[name].value for name in ("state", "decision", "by", "note")]
        assert told == ["ingested", "confirm", "rita", "as agreed"]

    def test_a_step_that_does_not_follow_fails_in_plain_words(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "october.csv", row("e1"))
        wrong: list[tuple[Step, dict[str, str], str]] = [
            ("confirm", {"by": " ", "note": ""}, "Say who confirms."),
            ("refuse", {"by": "", "reason": "x"}, "Say who wants to refuse."),
            ("refuse", {"by": "rita", "reason": ""}, "Say why."),
            ("reopen", {"by": "rita", "reason": "x"}, "it waits for confirmation"),
        ]
        for step, words, advice in wrong:
            result = launch(instance, step, upload, **words)
            assert not result.success
            told = why_it_failed(instance, result.run_id)
            assert advice in told
            assert "Traceback" not in told
            assert work.upload(upload).state == "passed"

    def test_what_failed_can_be_neither_confirmed_nor_refused(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "bad.csv", row("e1", -1))
        steps: list[tuple[Step, dict[str, str]]] = [
            ("confirm", {"note": ""}),
            ("refuse", {"reason": "x"}),
        ]
        for step, words in steps:
            result = launch(instance, step, upload, by="rita", **words)
            assert not result.success
            assert "it is failed" in why_it_failed(instance, result.run_id)
        assert calls_of(work) == {}

    def test_after_a_change_of_the_yaml_confirm_asks_for_a_new_check(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        upload = handed_in(work, "october.csv", row("e1"))
        change_yaml(work, "unit: call, minimum: 0", "unit: call, minimum: 1")
        result = launch(instance, "confirm", upload, by="rita", note="")
        assert not result.success
        assert "materialize mapped_events for it" in why_it_failed(instance, result.run_id)
        assert work.upload(upload).state == "passed"
        assert calls_of(work) == {}
