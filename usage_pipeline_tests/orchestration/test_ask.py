"""Asking for runs: each upload in one run at a time, many in one, and fewer after failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from usage_pipeline.orchestration.ask import ask_for_runs, concerns
from usage_pipeline.orchestration.batches import (
    PARTITION,
    RANGE_END,
    RANGE_START,
    SCHEMA_TAG,
    UPLOAD_TAG,
    batches,
    partitions_from,
    run_tags,
    uploads_of,
    uploads_of_runs,
)
from usage_pipeline.orchestration.instance import add_partitions, open_instance
from usage_pipeline.orchestration.live_runs import hold, let_go, live_runs
from usage_pipeline.orchestration.partitions import upload_partitions
from usage_pipeline.orchestration.run_problems import why_it_failed
from usage_pipeline.register import Upload
from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.orchestration.ticking import fail, launch
from usage_pipeline_tests.workplace import Workplace

NOW = datetime(2024, 10, 31, 12, tzinfo=UTC)
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    # What is asked for is due again at once.
    for module in ("asks", "register"):
        monkeypatch.setattr(f"usage_pipeline.register.{module}.PATIENCE", timedelta(0))
    with memory_folder() as folder:
        yield workplace(folder, monkeypatch)


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


def dropped(work: Workplace, *contents: int, schema: str = "api_usage") -> list[str]:
    """The uploads of files that were dropped, received in this order."""
    register = work.register
    for content in contents:
        key = f"u{content:03d}"
        at = NOW + timedelta(seconds=content)
        upload = Upload(schema, key, f"{key}.csv", key, 5, "received", at)
        register.receive(upload, key, "the drop folder", look="1:2:3")
    return [f"u{content:03d}" for content in contents]


def ask(work: Workplace, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    return ask_for_runs(instance, work.flow(), live_runs(instance, work.folder), [])


def said(work: Workplace, instance: dg.DagsterInstance) -> list[str]:
    """What is said of uploads that are given up."""
    words: list[str] = []
    ask_for_runs(instance, work.flow(), live_runs(instance, work.folder), words)
    return words


def uploads(instance: dg.DagsterInstance, requests: Sequence[dg.RunRequest]) -> list[list[str]]:
    """The uploads of each request, as the run that comes of it will find them."""
    ordered = instance.get_dynamic_partitions("api_usage_uploads")
    found = []
    for request in requests:
        if request.partition_key is not None:
            found.append([request.partition_key])
        else:
            first, last = request.tags[RANGE_START], request.tags[RANGE_END]
            found.append(list(ordered[ordered.index(first) : ordered.index(last) + 1]))
    return found


class TestAsking:
    def test_nothing_to_do_asks_for_nothing(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        assert ask(work, instance) == []

    def test_one_upload_is_a_run_of_its_partition(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        [request] = ask(work, instance)
        assert (request.job_name, request.partition_key) == ("api_usage_ingest", "u001")
        assert RANGE_START not in request.tags

    def test_many_uploads_share_one_run_over_their_range(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, *range(20))
        [request] = ask(work, instance)
        assert request.partition_key is None
        assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("u000", "u019")

    def test_they_are_added_as_partitions_in_the_order_in_which_they_came(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 3, 1, 2)
        ask(work, instance)
        assert instance.get_dynamic_partitions("api_usage_uploads") == ["u001", "u002", "u003"]

    def test_a_run_can_be_found_by_schema_and_upload(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1, 2, 3)
        [request] = ask(work, instance)
        assert request.tags[SCHEMA_TAG] == "api_usage"
        assert request.tags[UPLOAD_TAG] == "u001 and 2 more"

    def test_two_hundred_at_most_and_the_rest_the_next_time(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, *range(203))
        first = ask(work, instance)
        assert [len(keys) for keys in uploads(instance, first)] == [200]
        launch(instance, first[0])
        assert uploads(instance, ask(work, instance)) == [["u200", "u201", "u202"]]

    def test_another_schemas_uploads_are_its_own(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1, schema="focus_usage")
        assert ask(work, instance) == []

    def test_every_request_has_a_key_of_its_own(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        [first] = ask(work, instance)
        [second] = ask(work, instance)
        assert first.run_key
        assert first.run_key != second.run_key


class TestLivingRuns:
    def test_what_a_queued_run_covers_is_not_asked_for_again(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1, 2, 3)
        [request] = ask(work, instance)
        launch(instance, request)
        dropped(work, 4)
        assert uploads(instance, ask(work, instance)) == [["u004"]]

    def test_nor_what_a_run_is_at_work_on(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        run = launch(instance, ask(work, instance)[0], dg.DagsterRunStatus.STARTED)
        hold(run.run_id, work.folder)
        assert ask(work, instance) == []
        let_go(run.run_id, work.folder)

    def test_nor_what_a_person_has_launched(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        launch(instance, dg.RunRequest(partition_key="u001"))
        assert ask(work, instance) == []

    def test_two_runs_of_a_schema_live_at_a_time(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        for number in (1, 2):
            dropped(work, number)
            launch(instance, ask(work, instance)[0])
        dropped(work, 3)
        assert ask(work, instance) == []

    def test_a_run_that_ends_makes_room(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        runs = []
        for number in (1, 2):
            dropped(work, number)
            runs.append(launch(instance, ask(work, instance)[0]))
        instance.report_run_canceled(runs[0])
        dropped(work, 3)
        assert len(ask(work, instance)) == 1

    def test_runs_of_other_schemas_take_up_no_room(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        for number in (1, 2):
            other = dg.RunRequest(job_name="focus_usage_ingest", partition_key=f"o{number}")
            launch(instance, other)
        dropped(work, 3)
        assert len(ask(work, instance)) == 1

    def test_one_tick_asks_for_no_more_runs_than_may_live(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1, 2, 3, 4, 5)
        flow = work.flow()
        batches(instance, flow.schema, ["u001", "u003", "u005"], 200)
        batches(instance, flow.schema, ["u002", "u004"], 200)
        for key in ("u003", "u002"):
            flow.register.give_up(key, "api_usage", "so that those left are no neighbours")
        assert len(ask(work, instance)) <= 2


class TestRunsThatCameToNothing:
    def test_an_ask_that_no_run_came_of_is_asked_again_and_is_no_attempt(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, *range(20))
        for _ in range(5):
            assert [len(keys) for keys in uploads(instance, ask(work, instance))] == [20]

    def test_after_a_failure_ten_share_a_run(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, *range(20))
        fail(instance, ask(work, instance))
        assert [len(keys) for keys in uploads(instance, ask(work, instance))] == [10, 10]

    def test_after_two_each_has_its_own(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1, 2, 3)
        for _ in range(2):
            fail(instance, ask(work, instance))
        assert uploads(instance, ask(work, instance)) == [["u001"], ["u002"]]

    def test_after_three_it_is_given_up_with_the_reason(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        for _ in range(3):
            fail(instance, ask(work, instance))
        run = instance.get_runs()[0].run_id
        why = f"3 runs ended without finishing it; the last, {run}: out of memory"
        assert said(work, instance) == [f"given up on u001: {why}"]
        assert work.register.asks.given_up("api_usage", "u001") == why
        assert work.upload("u001").state == "failed"

    def test_then_nothing_more_is_asked_for(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        for _ in range(3):
            fail(instance, ask(work, instance))
        assert (ask(work, instance), ask(work, instance)) == ([], [])

    def test_dropped_again_it_has_three_more(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        for _ in range(3):
            fail(instance, ask(work, instance))
        ask(work, instance)
        dropped(work, 1)
        for _ in range(3):
            requests = ask(work, instance)
            assert len(requests) == 1
            fail(instance, requests)
        assert ask(work, instance) == []

    def test_one_that_kills_its_run_takes_no_other_down(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, *range(12))
        register = work.register
        for _ in range(20):
            requests = ask(work, instance)
            for request, keys in zip(requests, uploads(instance, requests), strict=True):
                if "u005" in keys:
                    launch(instance, request, FAILURE)
                else:
                    launch(instance, request, SUCCESS)
                    for key in keys:
                        if register.find(key).state == "received":
                            register.give_up(key, "api_usage", "stands for: done")
        killed = register.asks.given_up("api_usage", "u005")
        assert killed is not None
        assert killed.startswith("3 runs ended")
        others = {
            register.asks.given_up("api_usage", f"u{number:03d}")
            for number in range(12)
            if number != 5
        }
        assert others == {"stands for: done"}

    def test_a_run_that_ended_well_without_finishing_it_counts_too(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1)
        for _ in range(3):
            launch(instance, ask(work, instance)[0], SUCCESS)
        assert len(said(work, instance)) == 1

    def test_those_that_are_left_need_not_be_neighbours(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1, 2, 3)
        fail(instance, ask(work, instance))
        work.register.give_up("u002", "api_usage", "stands for: done")
        assert uploads(instance, ask(work, instance)) == [["u001"], ["u003"]]

    def test_new_uploads_share_no_run_with_those_that_failed(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        dropped(work, 1, 2)
        fail(instance, ask(work, instance))
        dropped(work, 3, 4)
        assert uploads(instance, ask(work, instance)) == [["u003", "u004"], ["u001", "u002"]]


class TestWhatARunIsAbout:
    ORDERED = ("a", "b", "c", "d")

    def uploads_of(self, **tags: str) -> set[str]:
        return uploads_of(dg.DagsterRun(job_name="x", tags=tags), self.ORDERED)

    def test_a_run_of_one_partition(self) -> None:
        assert self.uploads_of(**{PARTITION: "b"}) == {"b"}

    def test_a_run_of_a_range(self) -> None:
        assert self.uploads_of(**{RANGE_START: "b", RANGE_END: "d"}) == {"b", "c", "d"}

    def test_a_run_of_a_range_that_is_not_among_them(self) -> None:
        assert self.uploads_of(**{RANGE_START: "b", RANGE_END: "z"}) == set()

    def test_a_run_without_partitions(self) -> None:
        assert self.uploads_of() == set()

    @pytest.mark.parametrize("keys", [["a"], ["a", "b"], ["b", "c", "d"]])
    def test_tags_and_uploads_are_inverse(self, work: Workplace, keys: list[str]) -> None:
        tags = run_tags(work.flow().schema, keys)
        if len(keys) == 1:
            # Dagster itself adds the tag of a single partition.
            tags |= {PARTITION: keys[0]}
        assert self.uploads_of(**tags) == set(keys)

    def test_a_single_upload_is_named_in_full(self, work: Workplace) -> None:
        assert run_tags(work.flow().schema, ["a"]) == {SCHEMA_TAG: "api_usage", UPLOAD_TAG: "a"}

    def test_a_job_of_the_schema_concerns_it(self, work: Workplace) -> None:
        schema = work.flow().schema
        assert concerns(dg.DagsterRun(job_name="api_usage_confirm_upload"), schema)
        assert not concerns(dg.DagsterRun(job_name="focus_usage_ingest"), schema)

    def test_an_asset_of_the_schema_concerns_it_whoever_launched_the_run(
        self, work: Workplace
    ) -> None:
        pressed = dg.DagsterRun(
            job_name="__ASSET_JOB",
            asset_selection=frozenset({dg.AssetKey(["api_usage", "raw_upload"])}),
        )
        assert concerns(pressed, work.flow().schema)
        assert not concerns(pressed, work.flow("focus_usage").schema)


class TestWhyARunFailed:
    def test_a_run_that_was_ended_from_outside(self, instance: dg.DagsterInstance) -> None:
        run = launch(instance, dg.RunRequest(partition_key="u001"), FAILURE)
        assert why_it_failed(instance, run.run_id) == "out of memory"

    def test_a_step_that_raised_says_the_first_cause(self, instance: dg.DagsterInstance) -> None:
        @dg.op
        def breaks() -> None:
            try:
                raise OSError("the disk is full")
            except OSError as error:
                raise RuntimeError("could not write") from error

        assert self.why(instance, breaks) == "OSError: the disk is full"

    def test_a_step_that_failed_on_purpose_says_its_words(
        self, instance: dg.DagsterInstance
    ) -> None:
        @dg.op
        def gives_up() -> None:
            raise dg.Failure(description="a.csv: it was refused", allow_retries=False)

        assert self.why(instance, gives_up) == "a.csv: it was refused"

    def test_a_run_that_says_nothing(self, instance: dg.DagsterInstance) -> None:
        run = launch(instance, dg.RunRequest(partition_key="u001"))
        assert why_it_failed(instance, run.run_id) == "it ended without saying why"

    def why(self, instance: dg.DagsterInstance, op: dg.OpDefinition) -> str:
        @dg.job
        def job() -> None:
            op()

        result = job.execute_in_process(instance=instance, raise_on_error=False)
        return why_it_failed(instance, result.run_id)


class TestPartitionsInTheirOrder:
    KEYS = tuple(f"u{number:04d}" for number in reversed(range(1200)))

    @pytest.fixture
    def many(self, work: Workplace, instance: dg.DagsterInstance) -> dg.DagsterInstance:
        add_partitions(instance, upload_partitions(work.flow().schema), self.KEYS)
        return instance

    @pytest.mark.parametrize("first", [0, 1, 600, 699, 700, 701, 1198, 1199])
    def test_they_are_given_from_the_first_that_is_asked_for(
        self, work: Workplace, many: dg.DagsterInstance, first: int
    ) -> None:
        found = partitions_from(many, work.flow().schema, {self.KEYS[first], self.KEYS[-1]})
        assert tuple(found[-len(self.KEYS[first:]) :]) == self.KEYS[first:]

    def test_the_oldest_are_not_read_for_the_newest(
        self, work: Workplace, many: dg.DagsterInstance
    ) -> None:
        assert self.KEYS[0] not in partitions_from(many, work.flow().schema, self.KEYS[-200:])

    def test_all_are_read_where_one_is_not_there(
        self, work: Workplace, many: dg.DagsterInstance
    ) -> None:
        assert tuple(partitions_from(many, work.flow().schema, {"nobody"})) == self.KEYS

    def test_none_are_read_for_nothing(self, work: Workplace, many: dg.DagsterInstance) -> None:
        assert partitions_from(many, work.flow().schema, ()) == []

    def test_a_range_of_old_uploads_keeps_them_busy(
        self, work: Workplace, many: dg.DagsterInstance
    ) -> None:
        tags = {RANGE_START: self.KEYS[3], RANGE_END: self.KEYS[5]}
        runs = [
            dg.DagsterRun(job_name="x", tags=tags),
            dg.DagsterRun(job_name="x", tags={PARTITION: self.KEYS[1150]}),
        ]
        busy = uploads_of_runs(many, work.flow().schema, runs)
        assert busy == {*self.KEYS[3:6], self.KEYS[1150]}
