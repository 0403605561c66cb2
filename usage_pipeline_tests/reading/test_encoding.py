"""UTF-8 with or without a mark, or the file is refused at the exact byte."""

from pathlib import Path

import pytest

from usage_pipeline_tests.reading.usage_files import read, refusal, usage_file

MARK = b"\xef\xbb\xbf"


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    reading = read(usage_file(tmp_path, MARK + b'"a",b\n1,2\n'))
    assert (reading.header.labels, reading.cells) == (("a", "b"), [("1", "2")])


@pytest.mark.parametrize("block_size", [1, 4, 9, 1 << 20])
def test_only_the_mark_at_the_start_of_the_file_is_dropped(tmp_path: Path, block_size: int) -> None:
    path = usage_file(tmp_path, b"a,b\n" + MARK + b"1,2\n" + MARK + b"3,4\n")
    reading = read(path, block_size=block_size)
    assert reading.cells == [("\ufeff1", "2"), ("\ufeff3", "4")]


@pytest.mark.parametrize("block_size", [1, 2, 3, 5, 1 << 20])
def test_characters_of_several_bytes_are_never_split(tmp_path: Path, block_size: int) -> None:
    path = usage_file(tmp_path, "ä,b\n日本,😀\n".encode())
    assert read(path, block_size=block_size).cells == [("日本", "😀")]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf"])
@pytest.mark.parametrize("block_size", [1, 6, 1 << 20])
def test_a_byte_that_is_no_utf8_is_located(tmp_path: Path, bad: bytes, block_size: int) -> None:
    path = usage_file(tmp_path, b'a,b\n1,"x\ny"\n3,z' + bad + b"\n")
    error = refusal(path, block_size=block_size)
    assert (error.code, error.line, error.column) == ("encoding-error", 4, "b")
    assert f"byte 0x{bad[0]:02X}" in error.message
    assert "byte offset 15, line 4" in error.message


def test_a_byte_offset_counts_the_byte_order_mark(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, MARK + b"a,b\n1,\xff\n"), block_size=2)
    assert "byte offset 9, line 2" in error.message


def test_a_wrong_byte_outside_the_selected_columns_refuses_the_file(tmp_path: Path) -> None:
    error = read(usage_file(tmp_path, b"a,b\n1,\xff\n"), columns=[0]).refusal
    assert error is not None
    assert error.code == "encoding-error"


@pytest.mark.parametrize("record", [b"1,2,\xff", b"\xff"])
def test_a_wrong_byte_in_a_faulty_record_refuses_the_file(tmp_path: Path, record: bytes) -> None:
    assert refusal(usage_file(tmp_path, b"a,b\n" + record + b"\n")).code == "encoding-error"


def test_a_character_cut_off_by_the_end_of_the_file_refuses_it(tmp_path: Path) -> None:
    assert refusal(usage_file(tmp_path, b"a,b\n1,\xe2\x82")).code == "encoding-error"


@pytest.mark.parametrize("block_size", [1, 1 << 20])
def test_a_nul_byte_is_located(tmp_path: Path, block_size: int) -> None:
    error = refusal(usage_file(tmp_path, b"a,b\n1,2\n3,x\0y\n"), block_size=block_size)
    assert (error.code, error.line, error.column) == ("encoding-error", 3, "b")
    assert "NUL byte" in error.message
    assert "byte offset 11, line 3" in error.message


def test_the_first_of_several_faults_counts(tmp_path: Path) -> None:
    stray_first = usage_file(tmp_path, b'a,b\n1,x"y\n2,\xff\n')
    assert refusal(stray_first).code == "stray-quote"
    wrong_byte_first = usage_file(tmp_path, b'a,b\n2,\xff\n1,x"y\n')
    assert refusal(wrong_byte_first).code == "encoding-error"
