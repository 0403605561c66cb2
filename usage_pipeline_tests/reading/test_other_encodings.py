"""Other encodings, named or known by their mark: a wrong byte is found where it stands."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from usage_pipeline.reading import beginning_of
from usage_pipeline.reading import text as text_module
from usage_pipeline.schema import CsvOptions
from usage_pipeline_tests.reading.usage_files import UTF8, read, refusal, usage_file

TEXT = 'id,name\r\n1,é\n2,"two\nlines"\n'
ROWS = [("1", "é"), ("2", "two\nlines")]
JAPANESE = "id,name\n1,日本語\n2,表ソ|\n"

chunk_sizes = pytest.mark.parametrize("chunk", [4, 5, 6, 7, 9, 13, 1 << 20])
block_sizes = pytest.mark.parametrize("block_size", [1, 3, 8, 1 << 20])


def encoding_of(path: Path, named: str) -> str:
    return beginning_of(path, CsvOptions(encoding=named), 4).encoding


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
)
@block_sizes
def test_utf_16_with_its_mark_is_read(
    tmp_path: Path, mark: bytes, encoding: str, block_size: int
) -> None:
    path = usage_file(tmp_path, mark + (TEXT + "3,😀\n").encode(encoding))
    reading = read(path, block_size=block_size)
    assert (reading.header.labels, reading.cells) == (("id", "name"), [*ROWS, ("3", "😀")])
    assert reading.lines == [2, 3, 5]


@pytest.mark.parametrize("named", ["cp1252", "latin-1", "iso8859-15", "shift_jis", "utf-16-be"])
def test_a_named_encoding_is_read(tmp_path: Path, named: str) -> None:
    text = JAPANESE if named == "shift_jis" else TEXT
    rows = [("1", "日本語"), ("2", "表ソ|")] if named == "shift_jis" else ROWS
    assert read(usage_file(tmp_path, text.encode(named)), encoding=named).cells == rows


def test_cp1252_and_latin_1_are_told_apart(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n1,\x80\n")
    assert read(path, encoding="cp1252").cells == [("1", "€")]
    assert read(path, encoding="latin-1").faults == [(2, "control-character")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_bytes_of_a_character_are_no_delimiters(tmp_path: Path, delimiter: str) -> None:
    # In Shift JIS the second byte of ポ is a vertical bar; in UTF-16 a byte of ⰻ is a semicolon.
    table = f"id{delimiter}b\n1{delimiter}ポⰻЬ\n"
    path = usage_file(tmp_path, codecs.BOM_UTF16_LE + table.encode("utf-16-le"))
    assert read(path, delimiter).cells == [("1", "ポⰻЬ")]
    path = usage_file(tmp_path, table.replace("ⰻЬ", "").encode("shift_jis"))
    assert read(path, delimiter, encoding="shift_jis").cells == [("1", "ポ")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "shift_jis", "gb18030", "utf-32"])
@chunk_sizes
@block_sizes
def test_a_character_is_never_split(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
    chunk: int,
    block_size: int,
) -> None:
    monkeypatch.setattr(text_module, "_CHUNK", chunk)
    path = usage_file(tmp_path, JAPANESE.encode(encoding))
    reading = read(path, encoding=encoding, block_size=block_size)
    assert reading.cells == [("1", "日本語"), ("2", "表ソ|")]


#: encoding, sound text before the wrong bytes, the wrong bytes, the byte that is named
WRONG_BYTES = [
    ("cp1252", 'id,b\n"é\n€",1\n2,ß', b"\x81", 0x81),
    ("ascii", 'id,b\n"x\ny",1\n2,z', b"\xe9", 0xE9),
    ("shift_jis", 'id,b\n"日\n本",1\n2,表', b"\x80", 0x80),
    ("shift_jis", 'id,b\n"日\n本",1\n2,表', b"\x81\x20", 0x81),
    ("euc_jp", 'id,b\n"日\n本",1\n2,表', b"\xff", 0xFF),
    ("utf-16-le", 'id,b\n"é\n😀",1\n2,ß', b"\x00\xd8", 0x00),
    ("utf-16-be", 'id,b\n"é\n😀",1\n2,ß', b"\xdc\x00", 0xDC),
]


@pytest.mark.parametrize(("encoding", "before", "wrong", "byte"), WRONG_BYTES)
@chunk_sizes
@block_sizes
def test_the_first_byte_that_is_no_text_is_located(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
    before: str,
    wrong: bytes,
    byte: int,
    chunk: int,
    block_size: int,
) -> None:
    monkeypatch.setattr(text_module, "_CHUNK", chunk)
    sound = before.encode(encoding)
    path = usage_file(tmp_path, sound + wrong + "\n3,x\n".encode(encoding))
    error = refusal(path, encoding=encoding, block_size=block_size)
    assert (error.code, error.line, error.column) == ("encoding-error", 4, "b")
    name = codecs.lookup(encoding).name.upper()
    assert f"Not {name}: byte 0x{byte:02X} is not {name} text" in error.message
    assert f"at byte offset {len(sound)}, line 4." in error.message


@pytest.mark.parametrize(
    ("encoding", "cut"), [("utf-16-le", 1), ("utf-16-le", 3), ("shift_jis", 1), ("utf-32-be", 2)]
)
@chunk_sizes
def test_a_character_cut_off_by_the_end_of_the_file_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, cut: int, chunk: int
) -> None:
    monkeypatch.setattr(text_module, "_CHUNK", chunk)
    last = "表" if encoding == "shift_jis" else "😀"
    sound = "id,b\n1,x\n2,".encode(encoding)
    path = usage_file(tmp_path, sound + last.encode(encoding)[:cut])
    error = refusal(path, encoding=encoding)
    assert (error.code, error.line, error.column) == ("encoding-error", 3, "b")
    assert f"at byte offset {len(sound)}, line 3." in error.message


def test_a_byte_offset_counts_the_mark(tmp_path: Path) -> None:
    sound = codecs.BOM_UTF16_LE + "a,b\n1,".encode("utf-16-le")
    error = refusal(usage_file(tmp_path, sound + b"\x00\xdc\n\0"))
    assert (
        f"Not UTF-16-LE: byte 0x00 is not UTF-16-LE text, at byte offset {len(sound)}, line 2"
        in (error.message)
    )


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "shift_jis"])
@chunk_sizes
def test_a_nul_character_is_located(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, chunk: int
) -> None:
    monkeypatch.setattr(text_module, "_CHUNK", chunk)
    sound = "id,b\n1,x\n2,y".encode(encoding)
    path = usage_file(tmp_path, sound + "\0z\n".encode(encoding))
    error = refusal(path, encoding=encoding)
    assert (error.code, error.line, error.column) == ("encoding-error", 3, "b")
    assert "NUL character" in error.message
    assert f"at byte offset {len(sound)}, line 3." in error.message


def test_a_fault_before_the_wrong_byte_counts(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'a,b\n1,x"y\n2,\x81\n')
    assert refusal(path, encoding="cp1252").code == "stray-quote"


def test_the_records_before_a_wrong_byte_are_delivered_first(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a,b\n1,\xe9\n2,x\n3,\x81\n")
    for block_size in (1, 5, 1 << 20):
        assert read(path, encoding="cp1252", block_size=block_size).lines == [2, 3]


@pytest.mark.parametrize("named", ["cp1252", "latin-1", "shift_jis", "utf-16-be", "utf-8", "auto"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "UTF-8"),
        (codecs.BOM_UTF16_LE, "UTF-16-LE"),
        (codecs.BOM_UTF16_BE, "UTF-16-BE"),
    ],
)
def test_a_mark_says_more_than_the_schema(
    tmp_path: Path, mark: bytes, encoding: str, named: str
) -> None:
    path = usage_file(tmp_path, mark + TEXT.encode(encoding))
    assert encoding_of(path, named) == encoding
    assert read(path, encoding=named).cells == ROWS


@pytest.mark.parametrize(
    ("named", "encoding"),
    [
        ("auto", "UTF-8"),
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16-LE"),
        ("utf-32", "UTF-32-LE"),
        ("latin-1", "ISO8859-1"),
        ("windows-1252", "CP1252"),
    ],
)
def test_without_a_mark_the_schema_says_it(tmp_path: Path, named: str, encoding: str) -> None:
    path = usage_file(tmp_path, TEXT.encode(encoding))
    assert encoding_of(path, named) == encoding
    assert read(path, encoding=named).cells == ROWS


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_that_nobody_named_and_no_mark_tells_is_refused(
    tmp_path: Path, encoding: str
) -> None:
    error = refusal(usage_file(tmp_path, TEXT.replace("é", "e").encode(encoding)))
    assert (error.code, error.line) == ("encoding-error", 1)
    assert "UTF-16" in error.message


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
@pytest.mark.parametrize("named", ["auto", "utf-8", "utf-16", "cp1252"])
def test_utf_32_is_refused_unless_it_is_named(tmp_path: Path, mark: bytes, named: str) -> None:
    encoding = "utf-32-le" if mark == codecs.BOM_UTF32_LE else "utf-32-be"
    path = usage_file(tmp_path, mark + TEXT.encode(encoding))
    error = refusal(path, encoding=named)
    assert (error.code, error.line) == ("encoding-error", 1)
    assert "UTF-32" in error.message
    assert read(path, encoding="utf-32").cells == ROWS


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_utf_32_without_a_mark_can_be_named(tmp_path: Path, encoding: str) -> None:
    assert read(usage_file(tmp_path, TEXT.encode(encoding)), encoding=encoding).cells == ROWS


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "utf-32"])
def test_only_the_mark_at_the_start_of_the_file_is_dropped(tmp_path: Path, encoding: str) -> None:
    inner = "" if encoding == "cp1252" else "\ufeff"
    path = usage_file(tmp_path, f"a,b\n{inner}1,x\n".encode(encoding))
    assert read(path, encoding=encoding).cells == [(f"{inner}1", "x")]


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_a_file_shorter_than_any_mark_is_read(tmp_path: Path, size: int) -> None:
    content = b"abc"[:size]
    assert beginning_of(usage_file(tmp_path, content), UTF8, 10).content == content


@pytest.mark.parametrize("chunk", [4, 7, 1 << 20])
def test_utf8_under_the_name_of_another_encoding_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("usage_pipeline.reading.text._CHUNK", chunk)
    path = usage_file(tmp_path, "a,b\r\n1,2\r\n3,Müller\n4,Łódź\n".encode())
    error = refusal(path, encoding="cp1252")
    assert (error.code, error.line) == ("encoding-error", 3)
    assert "the file is UTF-8" in error.message
    assert "the first at byte offset 13, line 3" in error.message


def test_one_character_that_utf8_has_not_is_enough_to_believe_the_schema(tmp_path: Path) -> None:
    path = usage_file(tmp_path, "a,b\n1,Ã¼\n2,ü\n".encode("cp1252"))
    assert read(path, encoding="cp1252").cells == [("1", "Ã¼"), ("2", "ü")]


def test_a_file_of_ascii_may_be_called_anything(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, b"a,b\n1,2\n"), encoding="cp1252").cells == [("1", "2")]
