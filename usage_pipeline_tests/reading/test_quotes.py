"""Quotes are RFC 4180's, or the file is refused at the exact line."""

from pathlib import Path

import pytest

from usage_pipeline_tests.reading.usage_files import read, refusal, usage_file


def test_delimiters_quotes_and_line_breaks_inside_quotes_belong_to_the_value(
    tmp_path: Path,
) -> None:
    path = usage_file(tmp_path, b'a,b\n"x,y","p ""q"""\n"1\r\n2","3\r4\n5"\n')
    assert read(path).cells == [("x,y", 'p "q"'), ("1\r\n2", "3\r4\n5")]


def test_lines_are_exact_behind_quoted_line_breaks(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'a,b\n1,"x\ny"\n2,"\r\n\r"\n3,z\n')
    assert read(path).lines == [2, 4, 7]


def test_an_empty_quoted_cell_is_an_empty_text(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, b'a,b\n"",""""\n')).cells == [("", '"')]


def test_a_quoted_cell_may_end_the_file(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, b'a,b\n1,"x"')).cells == [("1", "x")]


def test_a_backslash_escapes_nothing(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, b'a,b\n\\,"\\"\n')).cells == [("\\", "\\")]


@pytest.mark.parametrize("cell", [b'x"y', b'x"', b' "x"', b'x""y'])
def test_a_quote_inside_an_unquoted_cell_refuses_the_file(tmp_path: Path, cell: bytes) -> None:
    error = refusal(usage_file(tmp_path, b"a,b\n1,2\n3," + cell + b"\n4,5\n"))
    assert (error.code, error.line, error.column) == ("stray-quote", 3, "b")
    assert error.value == cell.decode()


@pytest.mark.parametrize("cell", [b'"x"y', b'"x" ', b'"x""y"z', b'""x'])
def test_text_behind_a_closing_quote_refuses_the_file(tmp_path: Path, cell: bytes) -> None:
    error = refusal(usage_file(tmp_path, b"a,b\n1,2\n" + cell + b",3\n4,5\n"))
    assert (error.code, error.line, error.column) == ("stray-quote", 3, "a")
    assert "text follows" in error.message


def test_a_stray_quote_is_located_where_its_record_starts(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b'a,b\n"x\ny",z\n"p\nq",r"s\n'))
    assert error.line == 4
    assert "line 5" in error.message


def test_delimiters_inside_quotes_do_not_mislead_about_the_column(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b'a,b,c\n"x,y","1\r\n,2",z"w\n'))
    assert (error.line, error.column, error.value) == (2, "c", 'z"w')
    assert 'In "c", line 3,' in error.message


def test_the_first_of_a_long_record_and_a_stray_quote_counts(tmp_path: Path) -> None:
    long, stray = b'1,"23456789"\n', b'1,x"y\n'
    long_first = refusal(usage_file(tmp_path, b"a,b\n" + long + stray), max_record_size=8)
    assert (long_first.code, long_first.line) == ("unclosed-quote", 2)
    stray_first = refusal(usage_file(tmp_path, b"a,b\n" + stray + long), max_record_size=8)
    assert (stray_first.code, stray_first.line) == ("stray-quote", 2)


def test_a_stray_quote_outside_the_selected_columns_refuses_the_file(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'a,b\n1,x"y\n')
    error = read(path, columns=[0]).refusal
    assert error is not None
    assert error.code == "stray-quote"


def test_a_quote_never_closed_names_where_it_opened(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b'a,b,c\n1,2,3\n"x\ny","z,4\n5,6,7\n'))
    assert (error.code, error.line, error.column) == ("unclosed-quote", 3, "b")
    assert 'opened in "b", line 4' in error.message


@pytest.mark.parametrize("max_record_size", [30, 1000])
def test_doubled_quotes_do_not_mislead_about_where_it_opened(
    tmp_path: Path, max_record_size: int
) -> None:
    content = b'a,b\n1,"ac\nme ""x"" y\nfoo\nbar ""baz\n' + b"z\n" * 9
    error = refusal(usage_file(tmp_path, content), max_record_size=max_record_size)
    assert (error.code, error.line, error.column) == ("unclosed-quote", 2, "b")
    if max_record_size == 1000:
        assert 'opened in "b", line 2' in error.message


def test_a_record_longer_than_allowed_is_refused_where_it_begins(tmp_path: Path) -> None:
    content = b'a,b\n1,2\n3,"' + b"x\n" * 5000 + b'"\n'
    for block_size in (7, 1 << 20):
        path = usage_file(tmp_path, content)
        error = refusal(path, block_size=block_size, max_record_size=2000)
        assert (error.code, error.line) == ("unclosed-quote", 3)
        assert "longer than 2,000 bytes" in error.message


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""])
@pytest.mark.parametrize("block_size", [1, 3, 1 << 20])
def test_a_record_just_as_long_as_allowed_is_read(
    tmp_path: Path, end: bytes, block_size: int
) -> None:
    path = usage_file(tmp_path, b"a,b\n1,234567" + end)
    assert read(path, block_size=block_size, max_record_size=8).cells == [("1", "234567")]
    assert refusal(path, block_size=block_size, max_record_size=7).line == 2


def test_a_message_never_holds_a_whole_cell(tmp_path: Path) -> None:
    label = b"L" * 5000
    error = refusal(usage_file(tmp_path, label + b",b\n" + b"x" * 5000 + b'"y,2\n'))
    assert len(error.message) < 400
    assert error.value is not None
    assert len(error.value) == 200
