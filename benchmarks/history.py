"""A long history in minutes: some uploads really made, then multiplied where they are stored.

Really made: `seed` files of ten rows are dropped, taken, and ingested in a run of Dagster each, as
if they had come one at a time, with their metrics and the notes in `done/`. Multiplied are then,
each copy under names, run ids and numbers of its own:

- the register: uploads, verdicts, lines of history, drops and asks;
- the warehouse: places, and rows of the ingestion table; the metrics are computed anew;
- Dagster: runs with their tags, partitions, and the index of events (materializations, checks);
- files: archive, a database and a log folder per run of Dagster, the notes. Those of archive and
  Dagster are hard links, so their contents speak of the original; nothing measured reads them.

Not multiplied: ticks of sensors, which Dagster purges after days, and Dagster's row per asset.

`python -m benchmarks.history UPLOADS SEED`, into the data folder `USAGE_PIPELINE_DATA`.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import goals, ours
from benchmarks.measure import Measured, run_module
from benchmarks.ours import SCHEMA
from benchmarks.situations import Situation
from benchmarks.usage_file import HEADER
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.ledger.tables import ingestion_table
from usage_pipeline.metering import window_of
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.local_runs import run_ingest
from usage_pipeline.outcomes import tell_outcomes
from usage_pipeline.schema import load_schemas

ROWS = 10
FIRST_DAY = datetime(2024, 10, 1, tzinfo=UTC)
DAYS = 28
#: In the name of every file and event; the copies have a number of their own in its place.
MARK = "copy0000"
_OWN_MARK = "printf('copy%04d', copy)"
_OWN_RUN = "substr(run_id, 1, 28) || printf('%08x', copy)"


def make_history(data: Path, uploads: int, seed: int) -> None:
    """Have `uploads` uploads in a new data folder, `seed` of them really made."""
    run_module("benchmarks.history", str(uploads), str(seed), data=data)


def after_long_history(data: Path, uploads: int, rows: int) -> Situation:
    """New rows into a data folder that such a history is in."""

    def ingest(file: Path) -> Measured:
        return ours.ingest(file, data, ingested=rows, fresh=False)

    return Situation(f"after {uploads:,} uploads", ingest, goals.AFTER_LONG_HISTORY)


def main() -> None:
    flow = Flow(load_schemas()[SCHEMA], DataFolder.current())
    uploads, seed = map(int, sys.argv[1:])
    _really_make(flow, seed)
    copies = uploads // seed - 1
    _multiply_register(flow, copies)
    _multiply_warehouse(flow, seed, copies)
    _multiply_dagster(flow.folder, copies)
    _multiply_files(flow.folder, copies)
    assert len(flow.register.uploads(SCHEMA, ["ingested"])) == uploads


def _really_make(flow: Flow, seed: int) -> None:
    flow.drop_folder.mkdir(parents=True)
    long_ago = time.time() - 60
    for number in range(seed):
        file = flow.drop_folder / f"{MARK}-{number:04d}.csv"
        days = [1 + (number + n) % DAYS for n in range(ROWS)]
        lines = [
            f"{MARK}-{number}-{n},acme,2024-10-{day:02d}T10:00:00Z,{n},1.5,us-east"
            for n, day in enumerate(days)
        ]
        file.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
        os.utime(file, (long_ago, long_ago))
    flow.open_ledger()
    taken = flow.take_dropped(most=seed, seconds=600, large="take")
    with open_instance(flow.folder) as instance:
        for receipt in taken.receipts:
            for report in run_ingest(instance, flow.folder, flow.schema, [receipt.upload.upload]):
                assert not report.problems, report.problems
    tell_outcomes(flow, seconds=600)


def _multiply_register(flow: Flow, copies: int) -> None:
    with closing(sqlite3.connect(flow.folder.register)) as register, register:
        register.create_function("sha", 2, lambda sha, copy: f"{copy:08x}{sha[8:]}")
        lines = _count(register, "history", "max(id)")
        drops = _count(register, "drops", "max(id)")
        places = _count(register, "uploads", "max(place)")
        after = {name: f"{name} + copy * {lines}" for name in ("decision", "followed")}
        own = {name: f"sha({name}, copy)" for name in ("identity", "sha256")}
        own["place"] = f"place + copy * {places}"
        _multiply(register, "uploads", copies, after | own)
        _multiply(register, "history", copies, {"id": f"id + copy * {lines}"})
        news = {"id": f"id + copy * {drops}", "news": f"news + copy * {lines}"}
        _multiply(register, "drops", copies, news)
        for table in ("verdicts", "asks"):
            _multiply(register, table, copies, {})


def _multiply_warehouse(flow: Flow, seed: int, copies: int) -> None:
    lines_each = _count_lines(flow.folder) // (copies + 1)
    mark = "printf('copy%04d', copy)"
    with flow.warehouse.open() as connection:
        copy = f"range(1, {copies + 1}) AS made(copy)"
        rows = ingestion_table(flow.schema)
        connection.execute(
            f"""INSERT INTO {rows} SELECT one.* REPLACE (
                    (place + copy * {seed})::INTEGER AS place,
                    replace(event_id, '{MARK}', {mark}) AS event_id)
                FROM {rows} AS one, {copy} ORDER BY copy, place, line"""
        )
        connection.execute(
            f"""INSERT INTO pipeline.places SELECT one.* REPLACE (
                    (place + copy * {seed})::INTEGER AS place,
                    decision + copy * {lines_each} AS decision,
                    replace(upload, '{MARK}', {mark}) AS upload)
                FROM pipeline.places AS one, {copy} ORDER BY copy, place"""
        )
        connection.execute(f"UPDATE pipeline.ledger_states SET state = state * {copies + 1}")
        days = [FIRST_DAY + timedelta(days=day) for day in range(DAYS)]
        flow.register.windows.mark(
            SCHEMA,
            {
                name: {window_of(day, spec.window, spec.time_zone).start for day in days}
                for name, spec in flow.schema.metrics.items()
            },
        )
        list(flow.refresh(connection))


def _multiply_dagster(folder: DataFolder, copies: int) -> None:
    stored = folder.dagster_home / "history"
    with closing(sqlite3.connect(stored / "runs.db")) as runs, runs:
        _multiply(runs, "runs", copies, {"id": "NULL", "run_id": _OWN_RUN})
        _multiply(runs, "run_tags", copies, {"id": "NULL", "run_id": _OWN_RUN})
    with closing(sqlite3.connect(stored / "runs" / "index.db")) as index, index:
        span = _count(index, "event_logs", "max(id)")
        own = {"run_id": _OWN_RUN}
        events = {
            name: f"{name} + copy * {span}"
            for name in ("evaluation_event_storage_id", "materialization_event_storage_id")
        }
        _multiply(index, "event_logs", copies, own | {"id": f"id + copy * {span}"})
        _multiply(index, "asset_check_executions", copies, own | events | {"id": "NULL"})
        tagged = {"id": "NULL", "event_id": f"event_id + copy * {span}"}
        _multiply(index, "asset_event_tags", copies, tagged)
        _multiply(index, "dynamic_partitions", copies, {"id": "NULL"})


def _multiply_files(folder: DataFolder, copies: int) -> None:
    archive = folder.uploads / SCHEMA
    notes = folder.drop / SCHEMA / "done"
    databases = folder.dagster_home / "history" / "runs"
    logs = folder.dagster_home / "storage"
    uploads, written = sorted(archive.iterdir()), sorted(notes.iterdir())
    runs = sorted(path.stem for path in databases.glob("*-*.db"))
    for copy in range(1, copies + 1):
        mark = f"copy{copy:04d}"
        for upload in uploads:
            _link(upload, archive / upload.name.replace(MARK, mark))
        for note in written:
            text = note.read_text(encoding="utf-8").replace(MARK, mark)
            (notes / note.name.replace(MARK, mark)).write_text(text, encoding="utf-8")
        for run in runs:
            own = f"{run[:28]}{copy:08x}"
            (databases / f"{own}.db").hardlink_to(databases / f"{run}.db")
            if (logs / run).is_dir():
                _link(logs / run, logs / own)


def _link(folder: Path, other: Path) -> None:
    """Another folder with the same files, hard-linked."""
    for path in folder.rglob("*"):
        linked = other / path.relative_to(folder)
        if path.is_file():
            linked.parent.mkdir(parents=True, exist_ok=True)
            linked.hardlink_to(path)


def _multiply(
    database: sqlite3.Connection, table: str, copies: int, own: Mapping[str, str]
) -> None:
    """Copy all rows of a table again and again; `own` is the SQL of columns that must differ.

    Any other text has each copy's mark and run id in place of the original's.
    """
    columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    values = []
    for column in columns:
        text = f"replace(\"{column}\", '{MARK}', {_OWN_MARK})"
        if "run_id" in columns:
            text = f"replace({text}, run_id, {_OWN_RUN})"
        kept = f'CASE typeof("{column}") WHEN \'text\' THEN {text} ELSE "{column}" END'
        values.append(own.get(column, kept))
    named = ", ".join(f'"{column}"' for column in columns)
    database.execute(
        f"""WITH RECURSIVE made(copy) AS
                (SELECT 1 UNION ALL SELECT copy + 1 FROM made WHERE copy < {copies})
            INSERT INTO "{table}" ({named})
            SELECT {", ".join(values)} FROM made, "{table}" AS one ORDER BY copy, one.rowid"""
    )


def _count(database: sqlite3.Connection, table: str, what: str) -> int:
    return int(database.execute(f'SELECT {what} FROM "{table}"').fetchone()[0] or 0)


def _count_lines(folder: DataFolder) -> int:
    with closing(sqlite3.connect(folder.register)) as register:
        return _count(register, "history", "max(id)")


if __name__ == "__main__":
    main()
