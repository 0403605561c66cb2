"""The block reader and a byte-by-byte automaton say the same of any file."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.reading import UnreadableFile, raw_records, read_header
from usage_pipeline.reading import reader as reader_module
from usage_pipeline_tests.reading.automaton import Account, account_of
from usage_pipeline_tests.reading.usage_files import UTF8, read, usage_file

_SOUND = [b",", b",", b'"', b'"', b'""', b"\r", b"\n", b"\n", b"\r\n", b"a", b"b", b" "]
_SOUND += ["é".encode(), "😀".encode(), b"\xef\xbb\xbf", b";", b"\x1b", "\x85".encode()]
_BROKEN = [*_SOUND, b"\0", b"\xc3", b"\xe2\x82", b"\xff"]
_REGULAR = [b"a", b"", b" ", b'"x"', b'"x,y"', b'"p""q"', b'""', b'"l\nm"', b'"\r\n"', b'"\r"']
_REGULAR += ["é".encode(), '"\ufeff"'.encode(), b'"\n\n"']

CONTROLS = re.compile(b"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")

anything = st.lists(st.sampled_from(_SOUND), max_size=40).map(b"".join)
misencoded = st.lists(st.sampled_from(_BROKEN), max_size=25).map(b"".join)


@st.composite
def mostly_regular(draw: st.DrawFn) -> bytes:
    """A file of two columns with faulty, blank and quoted records and mixed line ends."""
    record = st.lists(st.sampled_from(_REGULAR), min_size=2, max_size=2).map(b",".join)
    faulty = st.sampled_from(
        [b"a", b"a,b,c", b"a,b,", b"", b"", b"a,\x07", b'"a,b"', b'"a\nb"', b",,"]
    )
    rare = st.sampled_from([b'a"b,c', b'"a"b,c', b'"a,b', b"\xff,a"])
    kinds = st.sampled_from([record] * 12 + [faulty] * 5 + [rare])
    records = [b"h,i", *draw(st.lists(kinds.flatmap(lambda kind: kind), max_size=12))]
    ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
    content = b"".join(record + draw(ends) for record in records)
    return content if draw(st.booleans()) else content.rstrip(b"\r\n")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def check(path: Path, content: bytes, block_size: int) -> None:
    account = account_of(content, b",")
    if not account.records:
        with pytest.raises(UnreadableFile) as refused:
            read_header(path, ",", UTF8)
        code, line = account.refusal or ("empty-file", None)
        assert (refused.value.error.code, refused.value.error.line) == (code, line)
        return
    reading = read(path, block_size=block_size)
    header_line, labels, _ = account.records[0]
    assert reading.header.line == header_line
    assert list(reading.header.labels) == [label.decode() for label in labels]
    assert reading.rows == expected_rows(account)
    if account.refusal is not None:
        assert reading.refusal is not None
        assert (reading.refusal.code, reading.refusal.line) == account.refusal
        return
    assert reading.refusal is None
    records = reading.records
    assert records.lines == len(account.records) - 1
    assert records.blank == len(account.blanks)
    assert records.faulty == len(reading.faults)
    assert records.physical_lines == account.physical_lines
    assert [(error.line, error.code) for error in records.errors] == reading.faults
    assert reading.warnings == expected_warnings(account)
    wanted = [line for line, _, _ in account.records]
    found = list(raw_records(path, reading.header, wanted, UTF8, block_size=block_size))
    assert found == [(line, raw) for line, _, raw in account.records]


def expected_rows(account: Account) -> list[tuple[int, str | None, tuple[str, ...] | None]]:
    width = len(account.records[0][1])
    rows: list[tuple[int, str | None, tuple[str, ...] | None]] = []
    for line, cells, _ in account.records[1:]:
        if len(cells) == width and any(CONTROLS.search(cell) for cell in cells):
            rows.append((line, "control-character", None))
        elif len(cells) == width:
            rows.append((line, None, tuple(cell.decode() for cell in cells)))
        else:
            rows.append((line, "missing-cell" if len(cells) < width else "extra-cell", None))
    return rows


def expected_warnings(account: Account) -> list[tuple[str, int | None]]:
    warnings: list[tuple[str, int | None]] = []
    if account.blanks:
        warnings.append(("blank-row", account.blanks[0]))
    if account.unterminated_line is not None:
        warnings.append(("no-final-newline", account.unterminated_line))
    return warnings


block_sizes = st.one_of(st.integers(1, 6), st.integers(7, 60), st.just(1 << 20))


@settings(max_examples=1000, deadline=None)
@given(content=anything, block_size=block_sizes)
def test_any_text_is_read_or_refused_as_the_automaton_does(
    folder: Path, content: bytes, block_size: int
) -> None:
    check(usage_file(folder, content), content, block_size)


@settings(max_examples=1000, deadline=None)
@given(content=mostly_regular(), block_size=block_sizes, bytes_per_edge=st.sampled_from([0, 200]))
def test_files_with_a_few_faults_are_read_as_the_automaton_does(
    folder: Path, content: bytes, block_size: int, bytes_per_edge: int
) -> None:
    # Both ways to leave records out: slice by slice and byte by byte.
    with patch.object(reader_module, "_BYTES_PER_EDGE", bytes_per_edge):
        check(usage_file(folder, content), content, block_size)


@settings(max_examples=600, deadline=None)
@given(content=misencoded, block_size=block_sizes)
def test_bytes_that_are_no_text_are_refused_where_the_automaton_does(
    folder: Path, content: bytes, block_size: int
) -> None:
    if not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        check(usage_file(folder, content), content, block_size)
