"""The header: the first record that is not blank, as a delimiter splits it."""

from pathlib import Path

import pytest

from usage_pipeline.reading import Header, UnreadableFile, candidate_headers, read_header
from usage_pipeline_tests.reading.usage_files import UTF8, refusal, usage_file


def test_the_header_is_the_first_record(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"id,Storage GB\n1,2\n")
    assert read_header(path, ",", UTF8) == Header(("id", "Storage GB"), 1, ",")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_splits_the_header(tmp_path: Path, delimiter: str) -> None:
    path = usage_file(tmp_path, f'id{delimiter}"a{delimiter}b"\n'.encode())
    assert read_header(path, delimiter, UTF8).labels == ("id", f"a{delimiter}b")


def test_another_delimiter_is_a_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="delimiter"):
        read_header(usage_file(tmp_path, b"a:b\n"), ":", UTF8)


def test_blank_lines_before_the_header_count_as_lines(tmp_path: Path) -> None:
    assert read_header(usage_file(tmp_path, b"\r\n\n\ra,b\n"), ",", UTF8).line == 4


def test_a_byte_order_mark_is_no_part_of_the_first_label(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'\xef\xbb\xbf"id",b\n')
    assert read_header(path, ",", UTF8).labels == ("id", "b")


def test_labels_keep_spaces_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b' id ,"a ""b""\r\nc",\n')
    assert read_header(path, ",", UTF8).labels == (" id ", 'a "b"\r\nc', "")


def test_a_fault_behind_the_header_does_not_concern_the_header(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'id,b\nx"y,2\n\xff\n')
    assert read_header(path, ",", UTF8).labels == ("id", "b")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n\r", b"\xef\xbb\xbf\n"])
def test_a_file_without_any_record_is_empty(tmp_path: Path, content: bytes) -> None:
    assert refusal(usage_file(tmp_path, content)).code == "empty-file"


def test_a_header_that_never_ends_is_refused(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b'\nid,"' + b"x" * (2 << 20)))
    assert (error.code, error.line) == ("unclosed-quote", 2)


def test_a_stray_quote_in_the_header_names_the_cell(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, b'id,a"b\n1,2\n'))
    assert (error.code, error.line, error.column) == ("stray-quote", 1, None)
    assert "cell 2" in error.message


def test_candidates_come_in_the_order_asked(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"a;b,c\n")
    assert candidate_headers(path, [";", ",", "|"], UTF8) == [
        Header(("a", "b,c"), 1, ";"),
        Header(("a;b", "c"), 1, ","),
        Header(("a;b,c",), 1, "|"),
    ]


def test_a_delimiter_under_which_the_header_is_malformed_is_no_candidate(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b'"a";"b"\n')
    assert [header.delimiter for header in candidate_headers(path, [",", ";"], UTF8)] == [";"]


def test_a_header_malformed_under_each_delimiter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as refused:
        candidate_headers(usage_file(tmp_path, b'a"b\n'), [",", ";"], UTF8)
    assert refused.value.error.code == "stray-quote"
