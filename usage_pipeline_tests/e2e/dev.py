"""`usage-pipeline dev`, as a reviewer has it before them."""

from __future__ import annotations

import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress

from usage_pipeline.register import Upload
from usage_pipeline_tests.watched_folder.daemon import Daemon, uploads_named
from usage_pipeline_tests.workplace import Workplace

_START_SECONDS = 120.0
_STOP_SECONDS = 15.0
_WORK_SECONDS = 120.0


class Dev(Daemon):
    """The UI, the daemon with its sensors, and the code server, in one process group."""

    def __init__(self, work: Workplace) -> None:
        super().__init__(work)
        self.url = ""

    def start(self) -> None:
        """Type the command, and wait until the UI answers."""
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        home = str(self.work.folder.dagster_home)
        self._begin(["usage-pipeline", "dev", "--port", str(port)], {"DAGSTER_HOME": home})
        try:
            self.wait_until(self._answers, _START_SECONDS, f"the UI answers at {self.url}")
        except BaseException:
            self.kill_everything()
            raise

    def stop(self) -> None:
        """Ctrl-C, and the hard way for what has not ended by then."""
        if self._started:
            self._started[-1].send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._started[-1].wait(_STOP_SECONDS)
        self.kill_everything()

    def settled(self, name: str, schema: str) -> Upload:
        """The upload that was dropped under a name, once its run is over."""

        def is_over() -> bool:
            found = uploads_named(self.work, name, schema)
            return bool(found) and found[0].state != "received" and not self.live_runs()

        self.wait_until(is_over, _WORK_SECONDS, f"the run of {name} is over")
        return uploads_named(self.work, name, schema)[0]

    def _answers(self) -> bool:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            address = f"{self.url}/server_info"
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
