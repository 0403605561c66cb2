"""Processes are killed while files come in: everything ends where it would have ended anyway."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from usage_pipeline.register.states import State
from usage_pipeline_tests.watched_folder.daemon import (
    Daemon,
    done,
    drop,
    failed,
    lying_in,
    upload_named,
)
from usage_pipeline_tests.watched_folder.usage import (
    api_calls,
    bad_usage_file,
    peak_storage,
    usage_file,
    values_of,
)
from usage_pipeline_tests.workplace import Workplace

pytestmark = pytest.mark.soak

#: For all that is dropped to be done, on a busy machine.
PATIENCE = 600.0

#: A run worker's interpreter does this before it imports anything of the project.
DEADLY = """
import importlib.util, os, signal, sys

class Deadly:
    def find_spec(self, name, path, target=None):
        if name != "usage_pipeline.flow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            check = module.Flow._check

            def deadly(flow, upload, *others):
                if upload.file_name == "deadly.csv":
                    os.kill(os.getpid(), signal.SIGKILL)
                return check(flow, upload, *others)

            module.Flow._check = deadly

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Deadly())
"""


class Dropped:
    """Files that a test has dropped, and what has to come of them."""

    def __init__(self, work: Workplace) -> None:
        self.work = work
        self.good: dict[str, str] = {}
        self.bad: dict[str, str] = {}

    def drop(self, customer: str, rows: int, *, bad: bool = False) -> None:
        name = f"{customer}.csv"
        text = bad_usage_file(customer, rows) if bad else usage_file(customer, rows)
        (self.bad if bad else self.good)[name] = text
        drop(self.work, name, text)

    def states(self) -> dict[str, State]:
        return {one.file_name: one.state for one in self.work.register.uploads("api_usage")}

    def expected(self) -> dict[str, State]:
        good: dict[str, State] = dict.fromkeys(self.good, "ingested")
        bad: dict[str, State] = dict.fromkeys(self.bad, "failed")
        return good | bad

    def count(self, state: State) -> int:
        return sum(1 for one in self.states().values() if one == state)


def settle(daemon: Daemon, dropped: Dropped) -> None:
    """Wait until every file has its state and its note, and no run is left."""
    daemon.wait_until(
        lambda: dropped.states() == dropped.expected(), PATIENCE, "every file in its state"
    )
    daemon.wait_until(
        lambda: (
            all(done(daemon.work, name) for name in dropped.good)
            and all(failed(daemon.work, name) for name in dropped.bad)
        ),
        PATIENCE,
        "a note on every file",
    )
    daemon.wait_until(lambda: not daemon.live_runs(), PATIENCE, "the end of every run")


def assert_that_nothing_is_lost_or_counts_twice(dropped: Dropped) -> None:
    work = dropped.work
    assert values_of(work, "api_calls") == api_calls(dropped.good.values())
    assert values_of(work, "peak_storage") == peak_storage(dropped.good.values())
    proof = work.run("verify")
    assert proof.exit_code == 0, proof.out + proof.err
    assert lying_in(work) == set()
    came = sorted(
        _sha256(text.encode()) for text in [*dropped.good.values(), *dropped.bad.values()]
    )
    assert sorted(upload.sha256 for upload in work.register.uploads("api_usage")) == came
    originals = (work.folder.uploads / "api_usage").glob("*/original.csv")
    assert sorted(_sha256(path.read_bytes()) for path in originals) == came


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def daemon(work: Workplace) -> Iterator[Daemon]:
    with Daemon(work) as daemon:
        yield daemon


def rest(draw: random.Random, shortest: float, longest: float) -> None:
    """Let the pipeline work for a random while: when it is killed is what the test varies."""
    time.sleep(draw.uniform(shortest, longest))


def kill_a_worker(daemon: Daemon, draw: random.Random) -> None:
    """kill -9 of a run worker at a random moment of its work."""
    daemon.wait_until(daemon.run_workers, PATIENCE, "a run worker")
    rest(draw, 2, 10)
    for pid in daemon.run_workers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_run_workers_killed_at_random_moments(daemon: Daemon) -> None:
    draw = random.Random(1)  # noqa: S311
    dropped = Dropped(daemon.work)
    for wave in range(4):
        for number in range(40):
            dropped.drop(f"w{wave}-{number}", 50, bad=number == 7)
        # The third run of a file that comes to nothing is its last, so two are killed.
        for _ in range(2):
            kill_a_worker(daemon, draw)
        settle(daemon, dropped)
    assert_that_nothing_is_lost_or_counts_twice(dropped)


def test_a_killed_daemon_goes_on_when_it_starts_again(daemon: Daemon) -> None:
    draw = random.Random(2)  # noqa: S311
    dropped = Dropped(daemon.work)
    for wave in range(5):
        for number in range(30):
            dropped.drop(f"d{wave}-{number}", 50, bad=number == 3)
        rest(draw, 2, 12)
        daemon.kill_daemon()
        daemon.start()
    settle(daemon, dropped)
    assert_that_nothing_is_lost_or_counts_twice(dropped)


def test_the_machine_stops_at_random_moments(daemon: Daemon) -> None:
    draw = random.Random(3)  # noqa: S311
    dropped = Dropped(daemon.work)
    for round_ in range(12):
        for number in range(draw.randrange(1, 12)):
            dropped.drop(f"m{round_}-{number}", draw.randrange(1, 200), bad=draw.random() < 0.1)
            rest(draw, 0, 2)
        rest(draw, 0, 15)
        daemon.kill_everything()
        dropped.drop(f"m{round_}-while-down", 20)
        daemon.start()
    settle(daemon, dropped)
    assert_that_nothing_is_lost_or_counts_twice(dropped)


@pytest.fixture
def deadly(work: Workplace, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose run workers are killed whenever they check `deadly.csv`."""
    startup = tmp_path / "startup"
    startup.mkdir()
    (startup / "sitecustomize.py").write_text(DEADLY)
    path = os.pathsep.join(filter(None, [str(startup), os.environ.get("PYTHONPATH")]))
    with Daemon(work, {"PYTHONPATH": path}) as daemon:
        yield daemon


def test_a_file_that_kills_every_run_is_given_up_and_takes_no_other_down(deadly: Daemon) -> None:
    work, dropped = deadly.work, Dropped(deadly.work)
    for number in range(12):
        dropped.drop(f"before-{number:02d}", 20)
    drop(work, "deadly.csv", usage_file("deadly", 20))
    for number in range(12):
        dropped.drop(f"then-{number:02d}", 20)
    deadly.wait_until(lambda: failed(work, "deadly.csv"), PATIENCE, "the end of deadly.csv")

    reason = "3 runs ended without finishing it"
    assert reason in failed(work, "deadly.csv")
    upload = upload_named(work, "deadly.csv")
    assert upload.state == "failed"
    entries = work.listing("history", upload.upload)
    assert [reason in (entry["note"] or "") for entry in entries].count(True) == 1

    after = {"deadly.csv": "failed"}
    deadly.wait_until(
        lambda: dropped.states() == dropped.expected() | after, PATIENCE, "all others ingested"
    )
    deadly.wait_until(lambda: not deadly.live_runs(), PATIENCE, "the end of every run")
    dropped.drop("afterwards", 5)
    deadly.wait_until(
        lambda: done(work, "afterwards.csv"), 120, "a file after it: the pool is free"
    )
    assert values_of(work, "api_calls") == api_calls(dropped.good.values())
    assert work.run("verify").exit_code == 0
