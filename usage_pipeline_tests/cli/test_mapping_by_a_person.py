"""A person says which header feeds which field, for one file or for all that look like it."""

from __future__ import annotations

from typing import Any

import pytest

from usage_pipeline_tests.workplace import Workplace

ODD = "Event ID,Acct No,When,API Calls,Storage GB,region"
TIME = "2024-10-01T10:00:00Z"


def odd_file(work: Workplace, name: str, event: str, header: str = ODD) -> dict[str, Any]:
    [row] = work.ingest(work.file(name, f"{header}\n{event},acme,{TIME},10,1.5,us-east\n"))
    return row


def mapped(work: Workplace, upload: str, *options: str, code: int = 0) -> dict[str, Any]:
    outcome = work.run("map", upload, *options, "--format", "json")
    assert outcome.exit_code == code, outcome.err
    [row] = outcome.json
    assert isinstance(row, dict)
    return row


def as_manual(work: Workplace) -> None:
    file = work.defs / "api_usage" / "defs.yaml"
    file.write_text(file.read_text().replace("confirm: automatic", "confirm: manual"))


class TestCandidates:
    def test_the_likeliest_headers_are_named(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1", ODD.replace("Acct No", "Customer Identifier"))
        [error] = work.listing("errors", str(upload["upload"]))[:1]
        assert error["code"] == "missing-label"
        assert error["field"] == "customer_id"
        assert "Likeliest: 'Customer Identifier'" in error["message"]

    def test_a_column_that_another_field_takes_is_none(self, work: Workplace) -> None:
        header = ODD.replace("Acct No", "Accounting").replace("Storage GB", "account ids")
        upload = odd_file(work, "a.csv", "e1", header)
        errors = work.listing("errors", str(upload["upload"]))
        told = {one["field"]: one["message"] for one in errors if one["code"] == "missing-label"}
        assert "'Event ID'" not in told["customer_id"].partition("Likeliest")[2]

    def test_they_are_named_where_nothing_matches_at_all(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1", "Event-Nr,Acct,Whenn,Calls API,Gigabytes,Area")
        messages = [one["message"] for one in work.listing("errors", str(upload["upload"]))]
        assert any("Likeliest: 'Calls API'" in message for message in messages)


class TestOneUpload:
    def test_it_fails_first_and_is_ingested_once_mapped(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1")
        assert upload["state"] == "failed"
        assert mapped(work, upload["upload"], "--set", "customer_id=Acct No")["state"] == "ingested"
        [event] = work.listing("events", "--schema", "api_usage")
        assert event["customer_id"] == "acme"

    def test_who_mapped_it_how_stands_in_its_history(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1")["upload"]
        mapped(work, upload, "--set", "customer_id=acct  no", "--by", "Ada", "--note", "they said")
        [entry] = [one for one in work.listing("history", upload) if one["action"] == "map"]
        assert (entry["by"], entry["note"]) == ("Ada", "they said")
        assert entry["details"] == {"mapping": {"customer_id": "Acct No"}}

    def test_the_next_file_with_the_same_header_still_fails(self, work: Workplace) -> None:
        mapped(work, odd_file(work, "a.csv", "e1")["upload"], "--set", "customer_id=Acct No")
        assert odd_file(work, "b.csv", "e2")["state"] == "failed"

    def test_a_column_that_was_mapped_wrongly_is_taken_from_the_right_one(
        self, work: Workplace
    ) -> None:
        header = ODD.replace("region", "customer_id").replace("Acct No", "Paying customer")
        upload = odd_file(work, "a.csv", "e1", header)
        assert upload["state"] == "ingested"
        mapped(work, upload["upload"], "--set", "customer_id=Paying customer")
        [event] = work.listing("events", "--schema", "api_usage")
        assert event["customer_id"] == "acme"
        assert work.run("verify", "--rebuild").exit_code == 0

    def test_rows_that_count_go_on_counting_where_the_new_mapping_fails(
        self, work: Workplace
    ) -> None:
        header = ODD.replace("Acct No", "Account")
        upload = odd_file(work, "a.csv", "e1", header)["upload"]
        row = mapped(work, upload, "--set", "api_call_count=region", code=1)
        assert row["state"] == "ingested"
        [event] = work.listing("events", "--schema", "api_usage")
        assert event["api_call_count"] == 10
        assert work.run("verify", "--rebuild").exit_code == 0

    def test_a_rebuild_does_not_let_a_mapping_in_that_waits(self, work: Workplace) -> None:
        as_manual(work)
        header = ODD.replace("Acct No", "Account")
        upload = odd_file(work, "a.csv", "e1", header)["upload"]
        work.run("confirm", upload, "--by", "Ada")
        outcome = work.run("map", upload, "--set", "customer_id=region")
        assert "a newer reading of them waits for confirmation" in outcome.err
        version = work.upload(upload).schema_version
        assert version is not None
        work.flow().archive.mapped("api_usage", upload, version).unlink()
        assert work.run("rebuild", "--schema", "api_usage").exit_code == 0
        [event] = work.listing("events", "--schema", "api_usage")
        assert event["customer_id"] == "acme"

    def test_what_the_machine_refuses_is_exit_3(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1")["upload"]
        file = work.defs / "api_usage" / "defs.yaml"
        listed = "customers: {file: nowhere.csv}\n  metrics:"
        file.write_text(file.read_text().replace("metrics:", listed))
        outcome = work.run("map", upload, "--set", "customer_id=Acct No")
        assert outcome.exit_code == 3
        assert "nowhere.csv" in outcome.err

    def test_cleared_it_is_mapped_by_the_schema_alone(self, work: Workplace) -> None:
        header = ODD.replace("Acct No", "Account")
        upload = odd_file(work, "a.csv", "e1", header)["upload"]
        mapped(work, upload, "--set", "customer_id=region")
        mapped(work, upload, "--clear")
        [event] = work.listing("events", "--schema", "api_usage")
        assert event["customer_id"] == "acme"

    def test_under_manual_confirmation_it_waits(self, work: Workplace) -> None:
        as_manual(work)
        upload = odd_file(work, "a.csv", "e1")["upload"]
        assert mapped(work, upload, "--set", "customer_id=Acct No")["state"] == "passed"
        assert work.run("confirm", upload, "--by", "Ada").exit_code == 0
        assert work.upload(upload).state == "ingested"

    def test_a_mapping_set_after_the_check_asks_for_confirmation_of_what_it_gives(
        self, work: Workplace
    ) -> None:
        as_manual(work)
        header = ODD.replace("Acct No", "Account")
        upload = odd_file(work, "a.csv", "e1", header)["upload"]
        before = work.upload(upload).schema_version
        mapped(work, upload, "--set", "customer_id=region")
        assert work.upload(upload).schema_version != before
        work.run("confirm", upload, "--by", "Ada")
        [event] = work.listing("events", "--schema", "api_usage")
        assert event["customer_id"] == "us-east"

    def test_dropped_again_it_keeps_its_mapping(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1")["upload"]
        mapped(work, upload, "--set", "customer_id=Acct No")
        assert odd_file(work, "again.csv", "e1")["state"] == "ingested"


class TestRefusals:
    @pytest.mark.parametrize(
        ("option", "words"),
        [
            ("customer=Acct No", "no field 'customer'. Fields of its files: event_id, customer_id"),
            ("customer_id=Acc", "no column 'Acc'. Its columns: 'Event ID', 'Acct No'"),
            ("customer_id", "write it as FIELD=HEADER"),
            ("=x", "write it as FIELD=HEADER"),
        ],
    )
    def test_what_cannot_be_meant_is_wrong_use_and_changes_nothing(
        self, work: Workplace, option: str, words: str
    ) -> None:
        upload = odd_file(work, "a.csv", "e1")["upload"]
        before = work.listing("history", upload)
        outcome = work.run("map", upload, "--set", option)
        assert outcome.exit_code == 2
        assert words in outcome.err
        assert work.listing("history", upload) == before

    def test_nothing_said_is_wrong_use(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1")["upload"]
        assert work.run("map", upload).exit_code == 2

    def test_a_field_twice_is_wrong_use(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1")["upload"]
        outcome = work.run(
            "map", upload, "--set", "customer_id=Acct No", "--set", "customer_id=When"
        )
        assert outcome.exit_code == 2

    def test_a_voided_upload_is_not_mapped(self, work: Workplace) -> None:
        upload = odd_file(work, "a.csv", "e1", ODD.replace("Acct No", "Account"))["upload"]
        work.run("void", upload, "--by", "Ada", "--reason", "wrong")
        outcome = work.run("map", upload, "--set", "customer_id=region")
        assert outcome.exit_code == 1
        assert "Cannot map" in outcome.err


class TestRemembered:
    @pytest.fixture
    def first(self, work: Workplace) -> str:
        upload = str(odd_file(work, "a.csv", "e1")["upload"])
        mapped(work, upload, "--set", "customer_id=Acct No", "--remember", "--by", "Ada")
        return upload

    def test_later_files_with_the_header_row_are_mapped_by_it(
        self, work: Workplace, first: str
    ) -> None:
        row = odd_file(work, "b.csv", "e2")
        assert row["state"] == "ingested"
        [entry] = [one for one in work.listing("history", row["upload"]) if one["action"] == "map"]
        assert entry["by"] == "Ada"
        assert first in entry["note"]

    @pytest.mark.usefixtures("first")
    def test_a_dry_run_knows_it_too(self, work: Workplace) -> None:
        file = work.file("b.csv", f"{ODD}\ne2,acme,{TIME},10,1.5,us-east\n")
        [said] = work.check(file)
        assert said["verdict"] == "passed"
        assert said["mapping"]["customer_id"] == "Acct No"

    @pytest.mark.usefixtures("first")
    @pytest.mark.parametrize("header", [ODD + ",more", ODD.replace("region", "Region")])
    def test_other_header_rows_are_not(self, work: Workplace, header: str) -> None:
        row = odd_file(work, "b.csv", "e2", header)
        assert row["state"] == "failed"

    def test_it_is_listed(self, work: Workplace, first: str) -> None:
        [one] = work.listing("mappings")
        assert one["mapping"] == {"customer_id": "Acct No"}
        assert one["header"] == ODD.split(",")
        assert (one["upload"], one["by"]) == (first, "Ada")

    @pytest.mark.usefixtures("first")
    def test_forgotten_it_maps_no_more_and_what_it_mapped_stays(self, work: Workplace) -> None:
        odd_file(work, "b.csv", "e2")
        [one] = work.listing("mappings")
        assert work.run("forget", str(one["id"]), "--by", "Ada").exit_code == 0
        assert work.listing("mappings") == []
        assert odd_file(work, "c.csv", "e3")["state"] == "failed"
        assert len(work.listing("events", "--schema", "api_usage")) == 2
        assert work.run("verify", "--rebuild").exit_code == 0

    def test_one_header_row_has_one_mapping(self, work: Workplace, first: str) -> None:
        mapped(work, first, "--set", "customer_id=region", "--remember")
        [one] = work.listing("mappings")
        assert one["mapping"] == {"customer_id": "region"}

    @pytest.mark.usefixtures("first")
    def test_cleared_an_upload_is_not_mapped_by_it(self, work: Workplace) -> None:
        later = odd_file(work, "b.csv", "e2")["upload"]
        row = mapped(work, later, "--clear", code=1)
        assert row["state"] == "ingested"
        assert work.upload(later).chosen == {}

    def test_what_is_not_remembered_cannot_be_forgotten(self, work: Workplace) -> None:
        outcome = work.run("forget", "7")
        assert outcome.exit_code == 2
        assert "No mapping 7 is remembered" in outcome.err
