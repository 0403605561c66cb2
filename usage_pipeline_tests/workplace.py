"""A data folder of its own and the command line on it: what a test's user has."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from usage_pipeline.cli import main
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.register import Register, Upload
from usage_pipeline.schema import load_schemas

HEADER = "Event ID,Account,When,API Calls,Storage GB,region"


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and how it ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, f"nothing was printed; exit code {self.exit_code}: {self.err}"
        return json.loads(self.out)


@dataclass(frozen=True)
class Workplace:
    """Where a test works: `files` for what users have, `data` for what the pipeline keeps."""

    files: Path
    data: Path
    defs: Path

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.data)

    @property
    def register(self) -> Register:
        return Register(self.folder.register_url)

    def flow(self, schema: str = "api_usage") -> Flow:
        return Flow(load_schemas()[schema], self.folder)

    def file(self, name: str, text: str | bytes) -> Path:
        """A file of a user's."""
        path = self.files / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def api_file(self, name: str, *rows: str) -> Path:
        """A file for the schema `api_usage`."""
        return self.file(name, "\n".join([HEADER, *rows]) + "\n")

    def describe(self, name: str, yaml: str) -> None:
        """An event schema of the test's own."""
        folder = self.defs / name
        folder.mkdir(exist_ok=True)
        (folder / "defs.yaml").write_text(yaml, encoding="utf-8")

    def run(self, *arguments: str | Path) -> Outcome:
        """Type a command."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        command = ["usage-pipeline", *map(str, arguments)]
        with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", command):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Outcome(code, out.getvalue(), err.getvalue())

    def ingest(self, *files: Path, schema: str = "api_usage") -> list[dict[str, Any]]:
        """What `ingest` says of files, as JSON."""
        found: list[dict[str, Any]] = self.run(
            "ingest", *files, "--schema", schema, "--format", "json"
        ).json
        return found

    def check(self, *files: Path, schema: str = "api_usage") -> list[dict[str, Any]]:
        """What `check` says of files, as JSON."""
        found: list[dict[str, Any]] = self.run(
            "check", *files, "--schema", schema, "--format", "json"
        ).json
        return found

    def listing(self, *arguments: str) -> list[dict[str, Any]]:
        """A listing as JSON."""
        found: list[dict[str, Any]] = self.run(*arguments, "--format", "json").json
        return found

    def values(self, metric: str, *options: str) -> list[dict[str, Any]]:
        """The values of a metric, whenever and from whichever ledger they were computed."""
        origin = ("computed_at", "ledger_state")
        return [
            {name: cell for name, cell in row.items() if name not in origin}
            for row in self.listing("metrics", metric, *options)
        ]

    def upload(self, key: str) -> Upload:
        return self.register.find(key)
