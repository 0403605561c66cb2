"""Messages to a chat on uploads that failed or wait, and on runs that broke.

Active where `USAGE_PIPELINE_ALERT_URL` is set. Plain sensors with a cursor of their own, as
Dagster's run-status sensors move theirs on when a message could not be sent, and so lose it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import dagster as dg

from usage_pipeline.attention import calls_since
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.orchestration.batches import UPLOAD_TAG
from usage_pipeline.orchestration.run_problems import why_it_failed
from usage_pipeline.printable import printable
from usage_pipeline.reading import clip
from usage_pipeline.register import Register
from usage_pipeline.warehouse import WrongSetting

VARIABLE = "USAGE_PIPELINE_ALERT_URL"

INTERVAL_SECONDS = 14

#: One tick must not take longer than Dagster waits for it; the next one goes on.
MESSAGES_PER_TICK = 20
SECONDS_PER_TICK = 20.0
TIMEOUT_SECONDS = 5.0

_LONGEST_REASON = 500
_ANSWER_SHOWN = 100

Post = Callable[[str], None]
Watch = Callable[[dg.SensorEvaluationContext], dg.SkipReason]


class NotDelivered(RuntimeError):
    """A message did not reach the chat; the same will be sent again."""


def alert_url() -> str | None:
    """Where messages go, `USAGE_PIPELINE_ALERT_URL`; None where nobody wants any.

    Raises:
        WrongSetting: it is no address of a web server. Its value is not shown: it may be a secret.
    """
    given = os.environ.get(VARIABLE, "")
    if not given:
        return None
    wrong = WrongSetting(
        f"{VARIABLE}: write the address of a web server, such as "
        "https://chat.example.org/hooks/abc: http:// or https://, a host, no name or password, "
        "no spaces."
    )
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        raise wrong from None
    plain = re.fullmatch(r"[!-~]+", given) is not None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not plain:
        raise wrong
    if "@" in parts.netloc:
        raise wrong
    return given


def alert_definitions() -> dg.Definitions:
    """The sensors that send messages; none where there is no address to send them to.

    Raises:
        WrongSetting: see `alert_url`.
    """
    url = alert_url()
    if url is None:
        return dg.Definitions()
    return dg.Definitions(sensors=alert_sensors("chat", lambda text: post(url, text)))


def alert_sensors(way: str, send: Post) -> list[dg.SensorDefinition]:
    """`<way>_upload_alerts` and `<way>_run_alerts`, for any way to send a text.

    Args:
        way: what the sensors' names begin with, such as `chat`.
        send: raises NotDelivered where the text has to be sent again.
    """
    return [
        _sensor(
            f"{way}_upload_alerts",
            "Tells of uploads that failed, wait for a person, or cannot be finished.",
            lambda context: _watch_uploads(context, send),
        ),
        _sensor(
            f"{way}_run_alerts",
            "Tells of runs that broke.",
            lambda context: _watch_runs(context, send),
        ),
    ]


def _sensor(name: str, description: str, watch: Watch) -> dg.SensorDefinition:
    return dg.SensorDefinition(
        name=name,
        evaluation_fn=watch,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )


def _watch_uploads(context: dg.SensorEvaluationContext, send: Post) -> dg.SkipReason:
    register = Register(DataFolder.current().register_url)
    if context.cursor is None:
        return _begin(context, register.happenings.last())
    return _tell(context, calls_since(register, int(context.cursor)), send)


def _watch_runs(context: dg.SensorEvaluationContext, send: Post) -> dg.SkipReason:
    if context.cursor is None:
        last = context.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1)
        return _begin(context, last.records[0].storage_id if last.records else 0)
    return _tell(context, _broken_runs(context.instance, int(context.cursor)), send)


def _broken_runs(instance: dg.DagsterInstance, after: int) -> Iterator[tuple[int, str | None]]:
    wanted = dg.RunStatusChangeRecordsFilter(
        event_type=dg.DagsterEventType.RUN_FAILURE, after_storage_id=after
    )
    found = instance.fetch_run_status_changes(wanted, limit=MESSAGES_PER_TICK, ascending=True)
    for record in found.records:
        run = instance.get_run_by_id(record.run_id)
        yield record.storage_id, None if run is None else _broken(instance, run)


def _broken(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    named = run.tags.get(UPLOAD_TAG)
    on = f" on {clip(named)}" if named else ""
    why = clip(why_it_failed(instance, run.run_id), _LONGEST_REASON)
    return f"The run {run.run_id} of {run.job_name}{printable(on)} broke: {printable(why)}"


def _begin(context: dg.SensorEvaluationContext, last: int) -> dg.SkipReason:
    context.update_cursor(str(last))
    return dg.SkipReason("From now on, what happens is told. What happened before is not.")


def _tell(
    context: dg.SensorEvaluationContext, news: Iterable[tuple[int, str | None]], send: Post
) -> dg.SkipReason:
    """Send what there is to say, in order, and move the cursor behind what was sent.

    Raises:
        NotDelivered: not even the first message was taken; the tick is red, and the cursor stays.
    """
    end = time.monotonic() + SECONDS_PER_TICK
    sent, rest = 0, ""
    for mark, text in news:
        if text is not None:
            if sent == MESSAGES_PER_TICK or time.monotonic() > end:
                rest = " More follow with the next tick."
                break
            try:
                send(text)
            except NotDelivered as error:
                if not sent:
                    raise
                rest = f" The next one follows later: {error}"
                break
            sent += 1
        context.update_cursor(str(mark))
    return dg.SkipReason((f"{sent} sent." if sent else "Nothing to tell.") + rest)


class _NoRedirect(HTTPRedirectHandler):
    """Who is sent elsewhere would come there without the message, and be told that all is well."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = build_opener(_NoRedirect)


def post(url: str, text: str) -> None:
    """Send a text as JSON, `{"text": …}`, as Slack and those like it take it.

    Raises:
        NotDelivered: nobody answers, or the answer is no success. The address is not shown.
    """
    # What Slack would take for a link or the call of a name; and no bold text by asterisks.
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    request = Request(  # noqa: S310 - only http and https come through `alert_url`
        url,
        json.dumps({"text": plain, "mrkdwn": False}).encode(),
        {"Content-Type": "application/json", "User-Agent": "usage_pipeline"},
        method="POST",
    )
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS):
            return
    except (OSError, HTTPException, ValueError) as error:
        host = urlsplit(url).hostname
        words = printable(clip(str(error), _ANSWER_SHOWN))
        raise NotDelivered(f"{host} has not taken the message: {words}") from None
