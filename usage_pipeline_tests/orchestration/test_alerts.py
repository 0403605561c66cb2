"""People are told of uploads that failed or wait, and of runs that broke: all of it, and once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.definitions import defs
from usage_pipeline.orchestration.alerts import (
    MESSAGES_PER_TICK,
    NotDelivered,
    alert_definitions,
    alert_url,
    post,
)
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.register import Upload
from usage_pipeline.warehouse import WrongSetting
from usage_pipeline_tests.chat import ELSEWHERE, Chat, open_chat
from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.dropping import work_off
from usage_pipeline_tests.memory import memory_folder
from usage_pipeline_tests.orchestration.pressing import bad, good
from usage_pipeline_tests.orchestration.ticking import execute
from usage_pipeline_tests.workplace import Workplace

UPLOADS, RUNS = "chat_upload_alerts", "chat_run_alerts"


class Sensor:
    """A sensor, ticked as the daemon does, which keeps the cursor that a good tick leaves."""

    def __init__(self, instance: dg.DagsterInstance, name: str) -> None:
        self._instance = instance
        self._name = name
        self._cursor: str | None = None
        self.tick()

    def tick(self) -> str:
        """What the tick says; raises what the sensor raises."""
        sensor = alert_definitions().resolve_sensor_def(self._name)
        with dg.build_sensor_context(instance=self._instance, cursor=self._cursor) as context:
            data = sensor.evaluate_tick(context)
        self._cursor = data.cursor
        return data.skip_message or ""


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    with memory_folder() as folder:
        yield workplace(folder, monkeypatch)


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    with open_chat() as chat:
        monkeypatch.setenv("USAGE_PIPELINE_ALERT_URL", chat.url)
        yield chat


@pytest.fixture
def uploads(instance: dg.DagsterInstance, chat: Chat) -> Sensor:
    return Sensor(instance, UPLOADS)


@pytest.fixture
def runs(instance: dg.DagsterInstance, chat: Chat) -> Sensor:
    return Sensor(instance, RUNS)


def judge(work: Workplace, *files: Path) -> list[Upload]:
    """Receive files and check them, as a run does; returns their uploads as they are then."""
    flow = work.flow()
    receipts = flow.receive(files, by="a test")
    list(flow.check([receipt.upload for receipt in receipts]))
    return [work.upload(receipt.upload.upload) for receipt in receipts]


def check_again(work: Workplace, *uploads: Upload) -> None:
    list(work.flow().check(uploads))


def ask_a_person(work: Workplace) -> None:
    """From here on a person confirms."""
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("confirm: automatic", "confirm: manual"))


def allow_a_region(work: Workplace, region: str) -> None:
    """Another schema version."""
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    assert "us-east," in yaml
    work.describe("api_usage", yaml.replace("us-east,", f"us-east, {region},"))


class TestUploads:
    def test_a_failed_and_a_waiting_one_are_told_once_and_a_fine_one_is_not(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        work.ingest(good(work, "fine.csv"))
        ask_a_person(work)
        rows = work.ingest(bad(work, "bad.csv"), good(work, "waits.csv", 2))
        assert [row["state"] for row in rows] == ["failed", "passed"]
        assert uploads.tick() == "2 sent."
        failed, waits = (row["upload"] for row in rows)
        assert chat.texts == [
            "api_usage: bad.csv failed its checks.\n"
            "Lines: 1, of which 0 valid and 1 invalid. Errors: 2. Warnings: 0.\n"
            "1 × timestamp-format, 1 × constraint-error\n"
            f"`usage-pipeline errors {failed}` says what is wrong in which line and column; "
            "correct the file and send it again.\n"
            f"Upload: {failed}",
            "api_usage: waits.csv passed its checks, and waits for a person.\n"
            "Lines: 1, of which 1 valid and 0 invalid. Errors: 0. Warnings: 0.\n"
            "It waits for confirmation: launch the job api_usage_confirm_upload on its partition, "
            f"or run `usage-pipeline confirm {waits} --by NAME`.\n"
            f"Upload: {waits}",
        ]
        assert uploads.tick() == "Nothing to tell."
        assert len(chat.got) == 2

    def test_what_happened_before_anybody_listened_is_not_told(
        self, work: Workplace, instance: dg.DagsterInstance, chat: Chat
    ) -> None:
        judge(work, bad(work, "bad.csv"))
        assert Sensor(instance, UPLOADS).tick() == "Nothing to tell."
        assert chat.got == []

    def test_a_file_that_cannot_be_read_is_told(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        judge(work, work.file("broken.csv", b"\xff\x00\xff"))
        uploads.tick()
        assert chat.texts[0].startswith("api_usage: broken.csv failed its checks.\n1 × ")

    def test_the_same_check_once_more_is_no_news(self, work: Workplace, uploads: Sensor) -> None:
        ask_a_person(work)
        found = judge(work, bad(work, "bad.csv"), good(work, "waits.csv"))
        check_again(work, *found)
        assert uploads.tick() == "2 sent."
        check_again(work, *found)
        assert uploads.tick() == "Nothing to tell."

    def test_a_file_that_is_handed_in_again_and_fails_again_is_news(
        self, work: Workplace, uploads: Sensor
    ) -> None:
        for _ in range(2):
            judge(work, bad(work, "bad.csv"))
            assert uploads.tick() == "1 sent."

    def test_what_a_person_has_seen_to_already_is_not_told(
        self, work: Workplace, uploads: Sensor
    ) -> None:
        ask_a_person(work)
        [upload] = judge(work, good(work, "waits.csv"))
        work.flow().confirm(upload.upload, "maria", None)
        assert uploads.tick() == "Nothing to tell."

    def test_rows_that_contradict_what_counts_are_told(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
        work.describe("api_usage", yaml.replace("keep_first", "refuse"))
        flow = work.flow()
        flow.open_ledger()
        files = [
            work.api_file(f"{calls}.csv", f"e1,acme,2024-10-01T10:00:00Z,{calls},1.5,us-east")
            for calls in (1, 2)
        ]
        # Both are checked before either is in, so that only the ledger can see it.
        judge(work, *files)
        with flow.warehouse.open() as connection:
            list(flow.settle(connection))
        assert uploads.tick() == "1 sent."
        assert chat.texts[0].startswith("api_usage: 2.csv failed: 1 row says otherwise than what")

    def test_a_newer_reading_that_waits_is_told(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        [upload] = judge(work, good(work, "fine.csv"))
        work_off(work.flow())
        ask_a_person(work)
        allow_a_region(work, "mars")
        check_again(work, upload)
        assert uploads.tick() == "1 sent."
        check_again(work, upload)
        assert uploads.tick() == "Nothing to tell."
        assert "passed its checks by the changed schema, and waits for a person" in chat.texts[0]

    def test_an_upload_that_is_given_up_is_told(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        flow = work.flow()
        [receipt] = flow.receive([good(work, "fine.csv")], by="a test")
        key = receipt.upload.upload
        flow.register.asks.asked("api_usage", {key: 3}, "ask")
        flow.register.give_up(key, "api_usage", "3 runs ended without finishing it")
        uploads.tick()
        assert chat.texts[0].startswith(
            "api_usage: fine.csv is not done: 3 runs ended without finishing it\n"
        )

    def test_a_name_is_plain_text_and_no_call_to_anybody(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        judge(work, work.file("<!channel> & *x*\n.csv", b"nothing\n"))
        uploads.tick()
        [message] = chat.got
        assert message["text"].startswith("api_usage: &lt;!channel&gt; &amp; *x*\\n.csv failed")
        assert message["mrkdwn"] is False

    def test_no_cell_of_a_file_is_sent(self, work: Workplace, uploads: Sensor, chat: Chat) -> None:
        judge(work, work.api_file("a.csv", "e1,acme,SECRET-CELL,-10,1.5,us-east"))
        uploads.tick()
        assert "SECRET" not in chat.texts[0]

    def test_more_than_a_tick_may_send_follows_with_the_next(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        count = MESSAGES_PER_TICK + 1
        judge(work, *(work.api_file(f"{n}.csv", f"e{n},acme,never,1,1,") for n in range(count)))
        assert uploads.tick() == f"{MESSAGES_PER_TICK} sent. More follow with the next tick."
        assert uploads.tick() == "1 sent."
        assert len(set(chat.texts)) == count


class TestAChatThatIsDown:
    def test_the_tick_is_red_and_the_message_comes_once_it_is_up(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        judge(work, bad(work, "bad.csv"))
        chat.answer = 503
        for _ in range(2):
            with pytest.raises(NotDelivered, match=r"127\.0\.0\.1 has not taken .* 503"):
                uploads.tick()
        chat.answer = 200
        assert uploads.tick() == "1 sent."
        assert uploads.tick() == "Nothing to tell."
        assert len(chat.got) == 1

    def test_what_was_taken_before_it_went_down_is_not_sent_again(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        judge(work, bad(work, "a.csv"), bad(work, "b.csv"))
        chat.room = 1
        assert uploads.tick().startswith("1 sent. The next one follows later: 127.0.0.1 has not")
        chat.room = 1000
        assert uploads.tick() == "1 sent."
        assert [text.split()[1] for text in chat.texts] == ["a.csv", "b.csv"]

    def test_nobody_who_listens_stops_no_ingestion(
        self, work: Workplace, uploads: Sensor, chat: Chat
    ) -> None:
        chat.stop()
        assert work.ingest(good(work, "fine.csv"))[0]["state"] == "ingested"
        judge(work, bad(work, "bad.csv"))
        with pytest.raises(NotDelivered) as red:
            uploads.tick()
        assert "secret" not in str(red.value)

    def test_one_that_sends_us_elsewhere_has_not_taken_it(self, chat: Chat) -> None:
        chat.answer = 302
        with pytest.raises(NotDelivered, match="302"):
            post(chat.url, "words")
        assert [line for line in chat.asked if ELSEWHERE in line] == []


class TestRuns:
    def broken_run(self, work: Workplace, instance: dg.DagsterInstance) -> str:
        """A run over an upload whose archived file is gone."""
        flow = work.flow()
        [receipt] = flow.receive([good(work, "gone.csv")], by="a test")
        key = receipt.upload.upload
        flow.archive.original("api_usage", key).unlink()
        instance.add_dynamic_partitions("api_usage_uploads", [key])
        tags = {"usage_pipeline/upload": key}
        assert not execute(work, instance, dg.RunRequest(partition_key=key, tags=tags))
        return key

    def test_one_that_broke_is_told_once_with_its_reason(
        self, work: Workplace, instance: dg.DagsterInstance, runs: Sensor, chat: Chat
    ) -> None:
        key = self.broken_run(work, instance)
        assert runs.tick() == "1 sent."
        [run] = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        [text] = chat.texts
        assert text.startswith(f"The run {run.run_id} of api_usage_ingest on {key} broke: {key}: ")
        assert runs.tick() == "Nothing to tell."

    def test_it_is_told_once_the_chat_is_up(
        self, work: Workplace, instance: dg.DagsterInstance, runs: Sensor, chat: Chat
    ) -> None:
        self.broken_run(work, instance)
        chat.answer = 500
        with pytest.raises(NotDelivered):
            runs.tick()
        chat.answer = 200
        assert runs.tick() == "1 sent."

    def test_a_failed_upload_breaks_no_run(self, work: Workplace, runs: Sensor) -> None:
        work.ingest(bad(work, "bad.csv"))
        assert runs.tick() == "Nothing to tell."

    def test_a_sensor_of_dagsters_own_loses_what_it_could_not_send(
        self, work: Workplace, instance: dg.DagsterInstance
    ) -> None:
        """Why ours keep their own cursor; when Dagster changes this, they need not."""
        tried = []

        @dg.run_failure_sensor
        def dagsters_own(context: dg.RunFailureSensorContext) -> None:
            tried.append(context.dagster_run.run_id)
            raise NotDelivered("nobody answers")

        cursor = None
        for turn in range(3):
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                cursor = dagsters_own.evaluate_tick(context).cursor
            if turn == 0:
                self.broken_run(work, instance)
        assert len(tried) == 1


class TestTheAddress:
    def test_without_one_there_are_no_sensors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("USAGE_PIPELINE_ALERT_URL", raising=False)
        assert list(alert_definitions().sensors or []) == []

    @pytest.mark.usefixtures("work", "chat")
    def test_with_one_the_code_location_has_them_and_they_run(self) -> None:
        for name in (UPLOADS, RUNS):
            sensor = defs().resolve_sensor_def(name)
            assert sensor.default_status == dg.DefaultSensorStatus.RUNNING

    @pytest.mark.parametrize(
        "value",
        [
            "chat.example.org/hooks/secret",
            "ftp://chat.example.org/secret",
            "file:///etc/secret",
            "https:///secret",
            "https://chat.example.org:secret/",
            "https://user:secret@chat.example.org/",
            "https://chat.example.org/secret word",
            "https://[secret/",
        ],
    )
    def test_a_value_that_is_none_is_refused_without_showing_it(
        self, work: Workplace, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("USAGE_PIPELINE_ALERT_URL", value)
        with pytest.raises(WrongSetting, match="USAGE_PIPELINE_ALERT_URL: write the") as refusal:
            alert_url()
        assert "secret" not in str(refusal.value)
        done = work.run("dev")
        assert (done.exit_code, "Traceback" in done.err) == (2, False)
        assert "https://chat.example.org/hooks/abc" in done.err
