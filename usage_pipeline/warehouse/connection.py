"""The two ways to a DuckDB connection: the warehouse file, and a scratch engine in memory."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.warehouse.lock import WarehouseBusy, WrongSetting, wait_seconds, warehouse_lock
from usage_pipeline.warehouse.sql import literal

Connection: TypeAlias = duckdb.DuckDBPyConnection

#: With 1 GB, a file of fifty million rows is ingested in 1.4 GB of memory in all; with 4 GB in
#: 2.8 GB, and a twentieth less time.
WAREHOUSE_MEMORY = 1280 << 20
#: Enough for the keys of some millions of rows; more are spilled. With it, checking a file of 10 GB
#: takes 1.4 GB of memory in all; with 4 GB it takes 2.3 GB.
SCRATCH_MEMORY = 768 << 20


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The database file with the ingestion tables and the metrics."""

    folder: DataFolder

    @contextmanager
    def open(self, *folders: Path, wait: float | None = None) -> Iterator[Connection]:
        """A connection that nobody else has at the same time.

        It reads files of the archive, reads and writes in `folders`, and sees nothing else outside.

        Args:
            wait: seconds to wait for it; see `wait_seconds`.

        Raises:
            WarehouseBusy: somebody else held it for longer than we wait.
        """
        database = self.folder.warehouse
        database.parent.mkdir(parents=True, exist_ok=True)
        self.folder.uploads.mkdir(parents=True, exist_ok=True)
        with warehouse_lock(database, wait), _spill_folder(self.folder) as spill:
            _make_whole(database)
            connection = _connect_patiently(database, wait)
            try:
                # Every row has its place and line, and every listing its order. In the order they
                # come in, rows leave gaps between blocks, and closing wrote all of them once more.
                connection.execute("SET preserve_insertion_order = false")
                _configure(connection, spill, [self.folder.uploads, *folders], WAREHOUSE_MEMORY)
                yield connection
            finally:
                connection.close()


@contextmanager
def scratch_connection(folder: DataFolder, *readable: Path) -> Iterator[Connection]:
    """An engine in memory, for work on one upload's files; it sees `readable` folders only."""
    with _spill_folder(folder) as spill:
        connection = duckdb.connect(":memory:")
        try:
            _configure(connection, spill, [folder.uploads, *readable], SCRATCH_MEMORY)
            yield connection
        finally:
            connection.close()


def empty_connection() -> Connection:
    """An engine in memory that holds nothing and sees no file, for set-up that wants just any."""
    return duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )


def _make_whole(database: Path) -> None:
    """Make the database file where there is none; half made, the engine would refuse it."""
    if database.exists():
        return
    unfinished = database.with_suffix(".new")
    # Also the log of a file that somebody removed: it fits no other.
    for part in (unfinished, Path(f"{unfinished}.wal"), Path(f"{database}.wal")):
        part.unlink(missing_ok=True)
    duckdb.connect(str(unfinished)).close()
    unfinished.rename(database)


def _connect_patiently(database: Path, wait: float | None) -> Connection:
    # Our lock keeps our own processes apart; a SQL shell on the file knows nothing of it.
    deadline = time.monotonic() + (wait_seconds() if wait is None else wait)
    while True:
        try:
            return duckdb.connect(str(database))
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise WarehouseBusy(
                    f"Another program has the warehouse file open, a SQL shell perhaps: {error}"
                ) from None
            time.sleep(0.2)


@contextmanager
def _spill_folder(folder: DataFolder) -> Iterator[Path]:
    folder.scratch.mkdir(parents=True, exist_ok=True)
    # A folder for each connection: engines that share one overwrite each other's spilled blocks.
    spill = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder.scratch))
    try:
        yield spill
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _configure(connection: Connection, spill: Path, readable: list[Path], memory: int) -> None:
    folders = ", ".join(literal(str(path)) for path in [*readable, spill])
    for setting in (
        "TimeZone = 'UTC'",
        f"memory_limit = {literal(memory_limit(memory))}",
        f"temp_directory = {literal(str(spill))}",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        f"allowed_directories = [{folders}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def memory_limit(usual: int) -> str:
    """`USAGE_PIPELINE_MEMORY`, or the usual bytes, but never more than half of the machine."""
    given = os.environ.get("USAGE_PIPELINE_MEMORY")
    if given:
        if not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", given, re.IGNORECASE):
            raise WrongSetting(f"USAGE_PIPELINE_MEMORY={given}: write an amount, such as 4GB.")
        return given
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{min(usual, machine // 2) >> 20}MiB"
