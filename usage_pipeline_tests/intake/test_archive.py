"""Identity and archive: bytes decide, names are data, and what is kept is never changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.intake import Archive, NotAFile, identity_of, safe_name, upload_key
from usage_pipeline.intake.archive import write_then_rename
from usage_pipeline.schema import CsvOptions
from usage_pipeline_tests.workplace import HEADER, Workplace

ROW = "e1,acme,2024-10-01T10:00:00Z,10,1.5,us-east"


@given(st.text(max_size=300))
def test_a_key_is_safe_as_a_path_and_as_a_partition(name: str) -> None:
    key = upload_key(name, "0" * 64)
    assert Path(key).name == key
    assert key.isascii()
    assert ".." not in key
    assert not set(key) & set("/\\*?[]{}'\"`$;&|<> \n\r\t\0")
    assert not key.startswith((".", "-"))
    assert len(key) < 100


def test_a_key_shows_the_name_and_the_bytes() -> None:
    assert (
        upload_key("october 2024.csv", "0f3c5a9b1d2e" + "0" * 52) == "october_2024.csv-0f3c5a9b1d2e"
    )
    assert safe_name("///") == "file"


def test_captured_values_are_part_of_the_identity() -> None:
    assert identity_of("abc", {}) == "abc"
    assert identity_of("abc", {"customer_id": "a"}) != identity_of("abc", {"customer_id": "b"})


def test_the_same_bytes_of_two_customers_are_two_uploads(work: Workplace) -> None:
    yaml = (work.defs / "api_usage" / "defs.yaml").read_text()
    customer = '{type: string, from: [Account, "account id"]'
    assert customer in yaml
    work.describe(
        "api_usage", yaml.replace(customer, "{type: string, from_file_name: '([a-z]+)-oct'")
    )
    text = f"{HEADER}\n{ROW}\n".replace("Account", "Unused")
    rows = work.ingest(work.file("acme-oct.csv", text), work.file("globex-oct.csv", text))
    # One event key, so the second customer's row is a duplicate of the first's.
    assert [row["ingested"] for row in rows] == [1, 0]
    assert len({row["upload"] for row in rows}) == 2


def test_the_bytes_are_archived_untouched_once_and_read_only(work: Workplace) -> None:
    text = (HEADER + "\r\n" + ROW + "\r\n").encode()
    [row] = work.ingest(work.file("a.csv", text))
    work.ingest(work.file("b.csv", text))
    kept = list(work.folder.uploads.rglob("original.csv"))
    assert [path.read_bytes() for path in kept] == [text]
    assert kept[0].stat().st_mode & 0o222 == 0
    assert work.upload(row["upload"]).sha256 == hashlib.sha256(text).hexdigest()


def test_nothing_is_left_in_the_staging_place(work: Workplace) -> None:
    work.ingest(work.api_file("a.csv", ROW))
    assert list((work.folder.uploads / ".staging").iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = tmp_path / "growing.csv"
    growing.write_text("a\n")

    def read_and_grow(file: object) -> list[bytes]:
        with growing.open("a") as more:
            more.write("b\n")
        return [b"a\n"]

    monkeypatch.setattr("usage_pipeline.intake.archive.read_in_blocks", read_and_grow)
    with (
        pytest.raises(NotAFile, match="changed while it was read"),
        Archive(DataFolder(tmp_path / "data")).stage(growing, CsvOptions()),
    ):
        pass


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "frame.parquet"
    target.write_text("before")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_then_rename(target, fail)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
