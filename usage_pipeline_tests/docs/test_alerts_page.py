"""The examples on the page about alerts do what it says."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import dagster as dg
import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline.orchestration.alerts import NotDelivered
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline_tests.orchestration.pressing import bad, good
from usage_pipeline_tests.workplace import Workplace

PAGE = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")
UPLOADS, BROKEN_RUNS, DAGSTERS_OWN = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)


def run_example(code: str, **known: Any) -> dict[str, Any]:
    """What an example defines."""
    # Dagster looks for the module of what it is given, as it has for any that is imported.
    names: dict[str, Any] = {"__name__": __name__, **known}
    exec(compile(code, "alerts.md", "exec"), names)  # noqa: S102 - our own page
    return names


class MailServer:
    """Takes one mail by SMTP, on 127.0.0.1."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.mail = ""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rw", newline="\r\n") as talk:

            def say(words: str) -> None:
                talk.write(f"{words}\n")
                talk.flush()

            say("220 ready")
            for line in talk:
                match line.split()[0].upper():
                    case "DATA":
                        say("354 go on")
                        for text in talk:
                            if text.rstrip() == ".":
                                break
                            self.mail += text
                        say("250 taken")
                    case "QUIT":
                        say("221 bye")
                        return
                    case _:
                        say("250 fine")

    def close(self) -> str:
        """The mail that it took."""
        self._thread.join()
        self._socket.close()
        return self.mail


def mailing(port: int) -> dict[str, Any]:
    """The first example, with a server that is there."""
    asked = 'SMTP("mail.example.org", 25,'
    assert asked in UPLOADS
    return run_example(UPLOADS.replace(asked, f'SMTP("127.0.0.1", {port},'))


def test_uploads_by_mail() -> None:
    server = MailServer()
    mailing(server.port)["send"]("api_usage: bad.csv failed.\nLines: 1")
    mail = server.close()
    assert "Subject: api_usage: bad.csv failed." in mail
    assert "Lines: 1" in mail


def test_a_mail_server_that_is_down_loses_no_mail() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotDelivered):
        mailing(port)["send"]("words")


def test_the_sensors_for_mail_have_names_of_their_own() -> None:
    sensors = run_example(UPLOADS)["defs"]().sensors
    assert [one.name for one in sensors] == ["mail_upload_alerts", "mail_run_alerts"]


@pytest.fixture
def instance(work: Workplace) -> Iterator[dg.DagsterInstance]:
    with open_instance(work.folder) as opened:
        yield opened


def test_dagsters_sensor_for_broken_runs(
    work: Workplace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_MAIL_PASSWORD", "secret")
    example = run_example(BROKEN_RUNS)
    [sensor] = example["defs"]().sensors
    assert sensor.name == "mail_on_broken_runs"
    run = instance.create_run_for_job(dg.job(name="any")(lambda: None))
    instance.report_run_failed(run, "<b>")
    with dg.build_run_status_sensor_context(
        "mail_on_broken_runs",
        instance.all_logs(run.run_id)[-1].get_dagster_event(),
        instance,
        run,
    ) as context:
        body = example["body"](context.for_run_failure())
    assert body.startswith("any: ")
    assert "&lt;b&gt;" in body


def test_dagsters_sensor_for_failed_and_waiting_uploads(
    work: Workplace, instance: dg.DagsterInstance
) -> None:
    sent: list[str] = []
    sensor = run_example(DAGSTERS_OWN, send=sent.append)["failed_or_waiting"]

    def tick(cursor: str | None) -> str | None:
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            found: str | None = sensor.evaluate_tick(context).cursor
            return found

    cursor = tick(None)
    work.ingest(good(work, "fine.csv"))
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", yaml.replace("confirm: automatic", "confirm: manual"))
    rows = work.ingest(bad(work, "bad.csv"), good(work, "waits.csv", 2))
    failed, waits = (row["upload"] for row in rows)
    tick(tick(cursor))
    assert len(sent) == 2
    assert sent[0].startswith(f"{failed}\nfailed values: ")
    assert sent[1].startswith(f"{waits}\nIt waits for confirmation. ")
