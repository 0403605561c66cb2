"""One process at a time, a bounded wait, a name to ask, and nothing from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from usage_pipeline.warehouse import (
    Warehouse,
    WarehouseBusy,
    WrongSetting,
    literal,
    quoted,
    scratch_connection,
)
from usage_pipeline.warehouse.lock import wait_seconds
from usage_pipeline_tests.workplace import Workplace


def test_a_second_process_waits_and_then_is_told_who_holds_it(
    work: Workplace, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", "0.3")
    with pytest.raises(WarehouseBusy, match=f"process {holder.pid} .* since "):
        work.flow().warehouse.open().__enter__()


def test_a_command_that_cannot_have_the_warehouse_exits_with_3(
    work: Workplace, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holder.poll() is None
    monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", "0.3")
    outcome = work.run("verify")
    assert outcome.exit_code == 3
    assert "The warehouse is in use by process" in outcome.err
    assert "Traceback" not in outcome.err


def test_it_is_free_again_when_its_holder_is_killed(
    work: Workplace, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    with work.flow().warehouse.open() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_shell_on_the_file_is_waited_for_too(
    work: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with work.flow().warehouse.open():
        pass
    shell = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb, sys; c = duckdb.connect({str(work.folder.warehouse)!r});"
            "print('held', flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    shell.stdout.readline()
    monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", "0.3")
    try:
        with pytest.raises(WarehouseBusy, match="a SQL shell perhaps"):
            work.flow().warehouse.open().__enter__()
    finally:
        shell.kill()
        shell.wait()


def test_sql_reaches_no_file_outside_the_archive(work: Workplace, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    with work.flow().warehouse.open() as connection:
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"SELECT * FROM read_csv('{secret}')")
        with pytest.raises(duckdb.Error):
            connection.execute("SET enable_external_access = true")
        with pytest.raises(duckdb.Error):
            connection.execute("INSTALL httpfs")


def test_spilled_blocks_are_gone_when_the_engine_is(work: Workplace) -> None:
    with scratch_connection(work.folder):
        assert len(list(work.folder.scratch.iterdir())) == 1
    assert list(work.folder.scratch.iterdir()) == []


@pytest.mark.parametrize("text", ["plain", "it's", 'a "b" c', "'; DROP TABLE t; --", "ü\n\0x"])
def test_names_and_texts_mean_themselves(work: Workplace, text: str) -> None:
    with scratch_connection(work.folder) as connection:
        if "\0" not in text:
            connection.execute(f"CREATE TABLE {quoted(text)} (n INTEGER)")
            names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            assert names == [(text,)]
        assert connection.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


def test_the_warehouse_is_where_the_data_folder_says(work: Workplace) -> None:
    with Warehouse(work.folder).open():
        assert work.folder.warehouse.exists()
    assert work.folder.warehouse.is_relative_to(work.data)


def test_a_data_folder_may_be_called_anything(
    work: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # DuckDB reads columns out of path names, where it is let.
    odd = tmp_path / "x[ab]'" / "region=mars"
    odd.mkdir(parents=True)
    monkeypatch.setenv("USAGE_PIPELINE_DATA", str(odd))
    [row] = work.ingest(work.api_file("a.csv", "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east"))
    assert row["state"] == "ingested"
    assert work.listing("events", "--schema", "api_usage")[0]["region"] == "us-east"
    assert work.run("verify").exit_code == 0


@pytest.mark.parametrize("wait", ["-1", "nan", "soon"])
def test_a_wait_that_would_never_end_is_refused(monkeypatch: pytest.MonkeyPatch, wait: str) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", wait)
    with pytest.raises(WrongSetting, match="USAGE_PIPELINE_LOCK_WAIT"):
        wait_seconds()


def test_rows_that_come_in_are_written_once(work: Workplace) -> None:
    frame = work.folder.uploads / "frame.parquet"
    with work.flow().warehouse.open() as connection:
        # Blocks of a frame are a little larger than those of a table, as batches of text fall.
        connection.execute(
            f"""COPY (SELECT md5(n::VARCHAR) AS event FROM range(2_000_000) AS row(n))
                TO {literal(str(frame))} (FORMAT parquet, ROW_GROUP_SIZE 124_928)"""
        )
        connection.execute("CREATE TABLE event (event VARCHAR)")
        connection.execute(f"INSERT INTO event FROM {literal(str(frame))}")
    with work.flow().warehouse.open() as connection:
        size = connection.execute("SELECT used_blocks, free_blocks FROM pragma_database_size()")
        [(used, free)] = size.fetchall()
    assert free < used / 10
