"""The exact bytes of wanted records, for the file of bad lines."""

from pathlib import Path

import pyarrow as pa
import pytest

from usage_pipeline.reading import raw_records, read_header
from usage_pipeline_tests.reading.usage_files import UTF8, raw, usage_file

CONTENT = b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r2\n\n"3" ,4'
SOUND = b'a,b\r\n1,"x\r\ny ""z"""\r2\n\n 3 ,\xc3\xa4'


def test_records_come_with_their_exact_bytes_and_without_line_end(tmp_path: Path) -> None:
    path = usage_file(tmp_path, SOUND)
    assert raw(path, [2, 4, 6]) == [(2, b'1,"x\r\ny ""z"""'), (4, b"2"), (6, b" 3 ,\xc3\xa4")]


def test_records_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = usage_file(tmp_path, SOUND)
    assert [line for line, _ in raw(path, [6, 2, 6])] == [2, 6]


def test_wanted_lines_may_be_an_arrow_array(tmp_path: Path) -> None:
    path = usage_file(tmp_path, SOUND)
    wanted = pa.array([4], pa.int64())
    assert list(raw_records(path, read_header(path, ",", UTF8), wanted, UTF8)) == [(4, b"2")]


def test_the_header_can_be_had_without_its_byte_order_mark(tmp_path: Path) -> None:
    assert raw(usage_file(tmp_path, CONTENT), [1]) == [(1, b"a,b")]


@pytest.mark.parametrize("line", [0, 3, 5, 7])
def test_a_wanted_line_on_which_no_record_starts_is_noticed(tmp_path: Path, line: int) -> None:
    with pytest.raises(ValueError, match="on 1 of 2 wanted lines"):
        raw(usage_file(tmp_path, SOUND), [2, line])


def test_reading_stops_behind_the_last_wanted_record(tmp_path: Path) -> None:
    assert raw(usage_file(tmp_path, CONTENT), [4]) == [(4, b"2")]
