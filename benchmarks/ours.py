"""`usage-pipeline`, measured; what it says it has ingested is looked up every time."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.measure import Measured, measure
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.register import Register

SCHEMA = "api_usage"
#: The command's exit code where a file failed its checks.
REFUSED = 1


def usage_pipeline(*arguments: str | Path, data: Path, exit_code: int = 0) -> Measured:
    """Measure a command of ours on a data folder."""
    return measure(program(), *map(str, arguments), data=data, exit_code=exit_code)


def program() -> str:
    return str(Path(sys.executable).parent / "usage-pipeline")


def ingest(
    file: Path,
    data: Path,
    *,
    ingested: int,
    fresh: bool = True,
    schemas: Path | None = None,
) -> Measured:
    """Measure `ingest` of a file, of which so many rows go in; none means that it must fail.

    fresh: into an empty data folder. schemas: a folder with other schemas than those that ship.
    """
    if fresh:
        shutil.rmtree(data, ignore_errors=True)
    found = measure(
        program(),
        "ingest",
        str(file),
        "--schema",
        SCHEMA,
        data=data,
        exit_code=0 if ingested else REFUSED,
        environment={"USAGE_PIPELINE_DEFS": str(schemas)} if schemas else None,
    )
    register = Register(DataFolder(data).register_url)
    upload = register.uploads(SCHEMA)[-1]
    expected = ("ingested", ingested) if ingested else ("failed", 0)
    if (upload.state, upload.ingested or 0) != expected or register.windows.stale(SCHEMA):
        raise SystemExit(f"{file.name} is {upload.state}, {upload.ingested} rows are in")
    return found
