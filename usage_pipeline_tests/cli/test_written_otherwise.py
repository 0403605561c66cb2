"""The same rows, however they are written and packed, give the same events."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from usage_pipeline_tests.packing import zipped, zstd
from usage_pipeline_tests.workplace import HEADER, Workplace

ROWS = [
    "e1,Müller,2024-10-01T00:00:00Z,5,0.5,us-east",
    'e2,"Ümit, ""Ö""",2024-10-02T00:00:00Z,7,1.25,eu-west',
]
TEXT = "\r\n".join([HEADER, *ROWS, ""])


def zipped_elsewhere(content: bytes) -> bytes:
    """A zip whose file says that it belongs where nobody may put it."""
    return zipped(content, name="../../etc/october.csv")


def as_it_is(content: bytes) -> bytes:
    return content


PACKED = {
    "a.csv": as_it_is,
    "a.csv.gz": gzip.compress,
    "a.csv.zst": zstd,
    "a.zip": zipped_elsewhere,
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]


@pytest.mark.parametrize(("name", "pack"), PACKED.items(), ids=PACKED)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_events_are_the_same(
    work: Workplace, name: str, pack: Callable[[bytes], bytes], encoding: str
) -> None:
    [upload] = work.ingest(work.file(name, pack(TEXT.encode(encoding))))
    assert (upload["state"], upload["ingested"]) == ("ingested", 2)
    events = work.listing("events", "--schema", "api_usage")
    assert [(one["line"], one["customer_id"], one["storage_gb"]) for one in events] == [
        (2, "Müller", "0.5"),
        (3, 'Ümit, "Ö"', "1.25"),
    ]


def test_what_came_packed_otherwise_before_counts_once(work: Workplace) -> None:
    work.ingest(work.file("a.csv", TEXT))
    [again] = work.ingest(work.file("a.csv.gz", gzip.compress(TEXT.encode("utf-16"))))
    assert (again["ingested"], again["duplicates"]) == (0, 2)


def test_a_named_encoding_is_read_as_named(work: Workplace) -> None:
    shipped = (work.defs / "api_usage" / "defs.yaml").read_text()
    work.describe("api_usage", shipped.replace("encoding: auto", "encoding: cp1252"))
    work.ingest(work.file("a.csv", TEXT.encode("cp1252")))
    assert work.listing("events", "--schema", "api_usage")[0]["customer_id"] == "Müller"


def test_without_that_name_the_first_wrong_byte_is_told(work: Workplace) -> None:
    [report] = work.check(work.file("a.csv", TEXT.encode("cp1252")))
    [error] = report["errors"]
    assert (error["code"], error["line"]) == ("encoding-error", 2)
    offset = TEXT.encode("cp1252").index(b"\xfc")
    assert f"byte 0xFC is not UTF-8 text, at byte offset {offset}, line 2" in error["message"]


@pytest.mark.parametrize(("name", "pack"), PACKED.items(), ids=PACKED)
def test_bad_lines_are_written_for_correction(
    work: Workplace, name: str, pack: Callable[[bytes], bytes]
) -> None:
    text = TEXT.replace(",7,", ",seven,")
    [upload] = work.ingest(work.file(name, pack(text.encode("utf-16"))))
    assert upload["state"] == "failed"
    output = work.files / "bad.csv"
    work.run("errors", upload["upload"], "--output", output)
    _, row = output.read_text(encoding="utf-8").splitlines()
    assert row.startswith("3,type-error,")
    assert row.endswith('e2,"Ümit, ""Ö""",2024-10-02T00:00:00Z,seven,1.25,eu-west')
