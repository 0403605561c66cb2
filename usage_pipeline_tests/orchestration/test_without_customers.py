"""Without a usable list of customers uploads wait; none is judged, and none is given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from usage_pipeline.orchestration import upload_assets
from usage_pipeline.orchestration.ask import SIZES
from usage_pipeline.orchestration.drop_sensor import DropFolderTrouble
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline_tests.listed_customers import describe, list_of, usage_of
from usage_pipeline_tests.orchestration.ticking import asked, execute
from usage_pipeline_tests.workplace import Workplace

SENSOR, JOB = "listed_drop_folder", "listed_ingest"
#: Seen by a run that reads the list, but not by a look at its header.
EMPTY = "Account\n"


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


def state(work: Workplace) -> str:
    [upload] = work.register.uploads("listed")
    return upload.state


def received(work: Workplace) -> None:
    """Have an upload that the drop folder's sensor is to ask for."""
    describe(work)
    work.flow("listed").drop_folder.mkdir(parents=True)
    [receipt] = work.flow("listed").receive([usage_of(work, "acme")], by="a test")
    work.register.asks.hold_off("listed", [receipt.upload.upload], timedelta(0))


def test_what_is_ingested_without_a_list_stays_received_and_is_told_why(work: Workplace) -> None:
    describe(work)
    done = work.run("ingest", usage_of(work, "acme"), "--schema", "listed")
    assert (done.exit_code, state(work)) == (3, "received")
    assert f"customers: The list of customers {work.data / 'customers.csv'} cannot be" in done.err
    assert "Traceback" not in done.err


def test_it_goes_in_when_it_is_handed_in_again_with_a_list(work: Workplace) -> None:
    describe(work)
    work.run("ingest", usage_of(work, "acme"), "--schema", "listed")
    list_of(work, "acme")
    [upload] = work.ingest(usage_of(work, "acme"), schema="listed")
    assert upload["state"] == "ingested"


def test_a_failed_upload_is_not_judged_either(work: Workplace) -> None:
    describe(work)
    path = list_of(work, "globex")
    work.ingest(usage_of(work, "acme"), schema="listed")
    path.unlink()
    work.run("ingest", usage_of(work, "acme"), "--schema", "listed")
    assert state(work) == "received"


def test_a_tick_without_a_list_is_red_and_asks_for_no_run(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    received(work)
    with pytest.raises(DropFolderTrouble, match="there is no such file"):
        asked(instance, SENSOR)


def test_runs_are_asked_for_when_the_list_is_there(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    received(work)
    list_of(work, "acme")
    [request] = asked(instance, SENSOR)
    assert execute(work, instance, request, JOB)
    assert state(work) == "ingested"


def test_an_upload_is_never_given_up_for_want_of_a_list(
    work: Workplace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_assets, "WITHOUT_CUSTOMERS", timedelta(0))
    received(work)
    (work.data / "customers.csv").write_text(EMPTY)
    for _ in range(len(SIZES) + 1):
        [request] = asked(instance, SENSOR)
        assert not execute(work, instance, request, JOB)
    assert state(work) == "received"


def test_after_a_run_without_a_list_the_next_one_waits_a_while(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    received(work)
    (work.data / "customers.csv").write_text(EMPTY)
    [request] = asked(instance, SENSOR)
    execute(work, instance, request, JOB)
    assert asked(instance, SENSOR) == []


def test_a_rebuild_that_must_read_again_changes_nothing_without_a_list(work: Workplace) -> None:
    describe(work)
    path = list_of(work, "acme")
    [upload] = work.ingest(usage_of(work, "acme"), schema="listed")
    flow = work.flow("listed")
    flow.archive.mapped("listed", upload["upload"], flow.version).unlink()
    path.unlink()
    done = work.run("rebuild", "--schema", "listed")
    assert done.exit_code == 3
    assert "there is no such file" in done.err
    assert len(work.listing("events", "--schema", "listed")) == 1
