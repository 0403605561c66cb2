"""The real Dagster daemon on a data folder of a test's own, and what the people around it do."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from unittest.mock import patch

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick

from usage_pipeline.data_folder import PROJECT
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.register import Upload
from usage_pipeline.schema import load_schemas
from usage_pipeline_tests.workplace import Workplace

POLL_SECONDS = 0.2
_LOG_TAIL = 6_000
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class Daemon:
    """`dagster-daemon` as `usage-pipeline dev` starts it, with all that it starts in one group.

    Args:
        environment: what the daemon gets besides, a `PYTHONPATH` say.
    """

    def __init__(self, work: Workplace, environment: Mapping[str, str] | None = None) -> None:
        self.work = work
        self.log = work.files / "daemon.log"
        self._environment = dict(environment or {})
        #: The last is the one that runs; what killed ones started may live on.
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill_everything()

    def start(self) -> None:
        """Prepare Dagster's home and the drop folders as `usage-pipeline dev` does, and start."""
        folder = self.work.folder
        for schema in load_schemas():
            (folder.drop / schema).mkdir(parents=True, exist_ok=True)
        with open_instance(folder):
            pass
        self._begin(
            ["dagster-daemon", "run", "-w", str(PROJECT / "workspace.yaml")],
            {"DAGSTER_HOME": str(folder.dagster_home)},
        )

    def _begin(self, command: Sequence[str], settings: Mapping[str, str]) -> None:
        """Start a program that is installed beside Python, as the head of a group of its own."""
        assert all(daemon.poll() is not None for daemon in self._started), "it runs already"
        environment = os.environ | {
            "USAGE_PIPELINE_DATA": str(self.work.data),
            "USAGE_PIPELINE_DEFS": str(self.work.defs),
            **settings,
            **self._environment,
        }
        program = Path(sys.executable).parent / command[0]
        with self.log.open("ab") as log:
            daemon = subprocess.Popen(
                [program, *command[1:]],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # A test process that is killed takes the daemon with it.
                preexec_fn=_end_with_the_parent,
            )
        self._started.append(daemon)

    def kill_daemon(self) -> None:
        """kill -9 of the daemon alone; code server and run workers live on."""
        self._started[-1].kill()
        self._started[-1].wait()

    def kill_everything(self) -> None:
        """The machine stops: daemon, code server and run workers at the same instant."""
        end = time.monotonic() + 20
        while self.processes():
            assert time.monotonic() < end, f"{self.processes()} survive kill -9"
            for daemon in self._started:
                with suppress(ProcessLookupError):
                    os.killpg(daemon.pid, signal.SIGKILL)
            time.sleep(0.01)
        for daemon in self._started:
            daemon.wait()
        self._started.clear()

    def processes(self) -> list[int]:
        """Every living process that a daemon started, and the daemon itself."""
        return [pid for pid, _ in self._members()]

    def run_workers(self) -> list[int]:
        """The processes that work on runs."""
        return [pid for pid, command in self._members() if "multiprocessing-fork" in command]

    def _members(self) -> Iterator[tuple[int, str]]:
        for daemon in self._started:
            yield from _group(daemon.pid)

    def wait_until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Look again and again; after `seconds` fail, with the end of the daemon's log."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(
                    f"after {seconds:g} s still not: {what}\n{self.state()}\n{self.log_tail()}"
                )
            time.sleep(POLL_SECONDS)

    def log_tail(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return f"…the daemon's log ends:\n{text[-_LOG_TAIL:]}"

    def state(self) -> str:
        """Uploads that are not ingested, and runs that are not done: for failure messages."""
        uploads = [
            f"  {one.schema} {one.upload}: {one.state}"
            for one in self.work.register.uploads()
            if one.state != "ingested"
        ]
        runs = [f"  {run.job_name} {run.run_id}: {run.status.value}" for run in self.live_runs()]
        return "\n".join(["uploads not ingested:", *uploads[:20], "runs not ended:", *runs[:20]])

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's records, looked at without healing anything as a command would."""
        home = str(self.work.folder.dagster_home)
        with (
            patch.dict(os.environ, {"DAGSTER_HOME": home}),
            dg.DagsterInstance.from_config(home) as instance,
        ):
            yield instance

    def runs(self, job: str) -> list[dg.DagsterRun]:
        with self.instance() as instance:
            return list(instance.get_runs(dg.RunsFilter(job_name=job)))

    def live_runs(self) -> list[dg.DagsterRun]:
        """Runs that Dagster takes for queued or at work."""
        with self.instance() as instance:
            return list(instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)))

    def ticks(self, sensor: str) -> list[InstigatorTick]:
        """The last ticks of a sensor, newest first."""
        with self.instance() as instance:
            for state in instance.all_instigator_state():
                if state.name == sensor:
                    return list(
                        instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=50)
                    )
        return []

    def words_of(self, schema: str) -> list[str]:
        """What the last ticks of a drop folder's sensor said, newest first."""
        return [tick.skip_reason or "" for tick in self.ticks(f"{schema}_drop_folder")]


def drop(work: Workplace, name: str, text: str | bytes, schema: str = "api_usage") -> Path:
    """Put a file into the drop folder as careful people do: all of it in one instant."""
    folder = work.folder.drop / schema
    outside = folder.parent / f".{schema}-{name}"
    outside.write_bytes(text if isinstance(text, bytes) else text.encode())
    return outside.rename(folder / name)


def outcome(work: Workplace, name: str, schema: str = "api_usage") -> str:
    """What the note on a file says; empty while there is none."""
    return done(work, name, schema) or failed(work, name, schema)


def done(work: Workplace, name: str, schema: str = "api_usage") -> str:
    return _note(work.folder.drop / schema / "done" / f"{name}.txt")


def failed(work: Workplace, name: str, schema: str = "api_usage") -> str:
    return _note(work.folder.drop / schema / "failed" / f"{name}.txt")


def uploads_named(work: Workplace, name: str, schema: str = "api_usage") -> list[Upload]:
    """The uploads that came under a file name first."""
    return [one for one in work.register.uploads(schema) if one.file_name == name]


def upload_named(work: Workplace, name: str, schema: str = "api_usage") -> Upload:
    """The one upload of that name."""
    [upload] = uploads_named(work, name, schema)
    return upload


def lying_in(work: Workplace, schema: str = "api_usage") -> set[str]:
    """The names in a drop folder, the pipeline's own folders aside."""
    folder = work.folder.drop / schema
    return {path.name for path in folder.iterdir()} - {"done", "failed"}


def _note(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _end_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _group(group: int) -> Iterator[tuple[int, str]]:
    """(process id, command line) of a process group's living members."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name before the bracket may hold anything; after it come state, parent, group.
            state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                yield int(folder.name), (folder / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
