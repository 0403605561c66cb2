"""How far a file is read is told as it is: in bytes of the file as it lies there, and in rows."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from usage_pipeline.reading import Advance, Records, read_header, watched_by
from usage_pipeline.reading.blocks import BLOCK_SIZE
from usage_pipeline_tests.packing import zipped, zstd
from usage_pipeline_tests.reading.usage_files import UTF8
from usage_pipeline_tests.workplace import HEADER, Workplace

ROWS = 400_000
Pack = Callable[[bytes], bytes]
PACKED = pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, zipped, zstd, lambda text: text.decode().encode("utf-16")],
    ids=["plain", "gzip", "zip", "zstd", "utf-16"],
)


def several_blocks() -> bytes:
    """Usage that takes the reader more than two blocks."""
    rows = (f"e{number},acme,2024-10-01T10:00:00Z,1,1.5,us-east" for number in range(ROWS))
    content = "\n".join([HEADER, *rows, ""]).encode()
    assert len(content) > 2 * BLOCK_SIZE
    return content


def told_of_reading(path: Path) -> list[tuple[int, int]]:
    """(rows, bytes) that reading in small blocks tells of."""
    told: list[tuple[int, int]] = []
    records = Records(
        path,
        read_header(path, ",", UTF8),
        [0],
        UTF8,
        block_size=10_000,
        watch=lambda rows, position: told.append((rows, position)),
    )
    assert sum(batch.num_rows for batch in records.batches()) == records.lines
    return told


@PACKED
def test_rows_and_bytes_only_grow_and_stay_within_the_file(tmp_path: Path, pack: Pack) -> None:
    lines = [f"{number},{number * 7919 % 10_007}" for number in range(50_000)]
    path = tmp_path / "usage"
    path.write_bytes(pack("\n".join(["id,amount", *lines, ""]).encode()))
    told = told_of_reading(path)
    assert len(told) > 20
    assert told == sorted(told)
    assert [position for _, position in told] == sorted(position for _, position in told)
    assert 0 < told[0][1] <= told[-1][1] <= path.stat().st_size
    assert told[-1][0] == len(lines)


@pytest.mark.slow
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zipped], ids=["plain", "gzip", "zip"])
def test_reading_begins_at_nothing_and_ends_at_the_whole_file(work: Workplace, pack: Pack) -> None:
    file = work.file("usage.csv", pack(several_blocks()))
    told: list[Advance] = []
    flow = replace(work.flow(), progress=told.append)
    [checked] = flow.dry_run([file], max_errors=10)
    assert checked.verdict.passed
    reading = [one for one in told if one.phase == "reading"]
    size = file.stat().st_size
    assert reading[0] == Advance("usage.csv", "reading", 0, size, 0)
    assert reading[-1] == Advance("usage.csv", "reading", size, size, ROWS)
    assert [one.rows for one in reading] == sorted(one.rows for one in reading)
    assert [one.done for one in reading] == sorted(one.done for one in reading)
    # Per block, not per row.
    assert 4 < len(reading) < 10
    assert [one.phase for one in told[len(reading) :]] == [
        "checking",
        "comparing with what is there",
    ]


def test_whoever_watches_where_a_flow_is_made_watches_it(work: Workplace) -> None:
    told: list[Advance] = []
    with watched_by(told.append):
        flow = work.flow()
    assert flow.progress == told.append
    assert work.flow().progress != told.append
