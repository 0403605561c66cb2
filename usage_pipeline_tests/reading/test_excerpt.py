"""A record is shown as it stands, on one line, with the bad cells marked."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from usage_pipeline.reading import Excerpt, Header, cell_spans, excerpts, quoted_lines
from usage_pipeline.schema import CsvOptions

UTF8 = CsvOptions()
HEADER = Header(("id", "name"), 1, ",")


def only(record: str, *cells: int, width: int = 80) -> Excerpt:
    [excerpt] = excerpts(record, ",", cells, width)
    return excerpt


def shown(record: str, *cells: int, width: int = 80) -> tuple[str, str]:
    """What stands on the two lines."""
    excerpt = only(record, *cells, width=width)
    return excerpt.text, excerpt.marks


class TestMarks:
    def test_the_bad_cell_is_marked(self) -> None:
        assert shown("e1,-20,x", 1) == ("e1,-20,x", "   ^^^")

    def test_the_pieces_say_which_cell_is_bad(self) -> None:
        pieces = [(piece.text, piece.marked) for piece in only("e1,-20,x", 1).pieces]
        assert pieces == [("e1,", False), ("-20", True), (",x", False)]

    def test_several_bad_cells_share_a_line(self) -> None:
        assert shown("e1,-20,x,y", 0, 3) == ("e1,-20,x,y", "^^       ^")

    def test_a_record_without_a_bad_cell_has_no_marks(self) -> None:
        assert shown("e1,-20,x") == ("e1,-20,x", "")

    @pytest.mark.parametrize(
        ("record", "cell", "marks"),
        [(",a,b", 0, "^"), ("a,,b", 1, "  ^"), ("a,b,", 2, "    ^"), ("", 0, "^")],
    )
    def test_an_empty_cell_has_a_mark_in_its_place(
        self, record: str, cell: int, marks: str
    ) -> None:
        assert shown(record, cell) == (record, marks)

    def test_empty_neighbours_have_a_mark_each(self) -> None:
        assert shown("a,,,b", 1, 2) == ("a,,,b", "  ^^")

    def test_a_cell_that_is_not_there_marks_the_end(self) -> None:
        assert shown("a,b", 5) == ("a,b", "   ^")

    def test_the_end_is_marked_once(self) -> None:
        assert shown("a,", 1, 5, 6) == ("a,", "  ^")

    def test_a_quoted_cell_is_marked_with_its_quotes(self) -> None:
        assert shown('e1,"1,250.5",x', 1) == ('e1,"1,250.5",x', "   ^^^^^^^^^")

    def test_marks_stand_below_wide_letters(self) -> None:
        assert shown("日本,語,x", 1) == ("日本,語,x", "     ^^")

    def test_letters_without_width_move_no_mark(self) -> None:
        assert shown("e\u0301,x", 1) == ("e\u0301,x", "  ^")

    def test_marks_stand_below_escapes(self) -> None:
        assert shown("\x1b,\u202e,x", 1) == (r"\x1b,\u202e,x", "     ^^^^^^")

    def test_line_breaks_in_a_record_break_no_line(self) -> None:
        assert shown('"a\r\nb",x', 1) == (r'"a\r\nb",x', "         ^")


class TestClipping:
    def test_what_is_beside_the_cell_is_clipped_on_both_sides(self) -> None:
        assert shown("a" * 50 + ",BAD," + "b" * 50, 1, width=15) == ("…aaaa,BAD,bbbb…", "      ^^^")

    def test_room_that_one_side_does_not_need_goes_to_the_other(self) -> None:
        assert shown("x,BAD," + "b" * 50, 1, width=15) == ("x,BAD,bbbbbbbb…", "  ^^^")
        assert shown("a" * 50 + ",BAD,x", 1, width=15) == ("…aaaaaaaa,BAD,x", "          ^^^")

    def test_a_cell_that_is_too_long_is_clipped_itself(self) -> None:
        assert shown("x," + "9" * 50 + ",y", 1, width=12) == ("…999999999…", " ^^^^^^^^^^")

    def test_what_follows_a_cell_that_fills_the_line_is_not_forgotten(self) -> None:
        assert shown("x," + "9" * 10 + ",y", 1, width=12) == ("…9999999999…", " ^^^^^^^^^^")

    def test_a_record_without_a_bad_cell_is_clipped_at_its_end(self) -> None:
        assert shown("a" * 50, width=10) == ("aaaaaaaaa…", "")

    def test_cells_too_far_apart_have_a_line_each(self) -> None:
        record = "BAD," + "x" * 50 + ",WORSE"
        assert [(one.text, one.marks) for one in excerpts(record, ",", [0, 2], 12)] == [
            ("BAD,xxxxxxx…", "^^^"),
            ("…xxxxx,WORSE", "       ^^^^^"),
        ]

    def test_no_escape_is_cut_in_two(self) -> None:
        assert shown("\x1b" * 9 + ",BAD", 1, width=14) == (r"…\x1b\x1b,BAD", " " * 10 + "^^^")

    @given(
        st.text(st.sampled_from('a9",;\n\x1b\u202e日\u0301🙂'), max_size=80),
        st.sets(st.integers(0, 9)),
        st.integers(8, 60),
    )
    def test_no_line_is_wider_than_allowed(self, record: str, cells: set[int], width: int) -> None:
        for excerpt in excerpts(record, ",", cells, width):
            assert cell_len(excerpt.text) <= width
            assert cell_len(excerpt.marks) <= width + 1
            assert excerpt.text.isprintable()

    @given(
        st.lists(st.text(st.sampled_from("a9 日\n"), max_size=9), min_size=1),
        st.data(),
        st.integers(8, 60),
    )
    def test_every_bad_cell_is_marked(
        self, cells: list[str], data: st.DataObject, width: int
    ) -> None:
        bad = data.draw(st.sets(st.integers(0, len(cells) - 1)))
        marked = [
            piece
            for excerpt in excerpts(",".join(cells), ",", bad, width)
            for piece in excerpt.pieces
            if piece.marked
        ]
        assert len(marked) == len(bad)


class TestCells:
    @pytest.mark.parametrize(
        ("record", "cells"),
        [
            ('a,"b,""c""",d', ["a", '"b,""c"""', "d"]),
            ('a,b"c,d', ["a", 'b"c', "d"]),
            ('a,"b"c,d', ["a", '"b"c', "d"]),
            ('a,"b,c', ["a", '"b,c']),
            ("", [""]),
        ],
    )
    def test_cells_are_found_as_a_person_sees_them(self, record: str, cells: list[str]) -> None:
        assert [record[start:end] for start, end in cell_spans(record, ",")] == cells


def quoted(
    path: Path, *lines: int, header: Header | None = HEADER, options: CsvOptions = UTF8
) -> list[tuple[int, str, bool]]:
    return list(quoted_lines(path, header, lines, options))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


class TestLines:
    def test_records_come_whole_from_where_they_start(self, file: Path) -> None:
        file.write_text('id,name\n1,"a\nb"\n2,c\n')
        assert quoted(file, 4, 2) == [(2, '1,"a\nb"', True), (4, "2,c", True)]

    def test_a_line_on_which_no_record_starts_is_left_out(self, file: Path) -> None:
        file.write_text("id,name\n\n1,a\n")
        assert quoted(file, 2, 3, 99) == [(3, "1,a", True)]

    def test_of_a_file_that_is_no_csv_the_line_is_shown(self, file: Path) -> None:
        file.write_text('id,name\n1,a\n2,b"c\n3,d\n')
        assert quoted(file, 2, 3) == [(2, "1,a", True), (3, '2,b"c', False)]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    def test_lines_are_counted_as_an_editor_does(self, file: Path, end: str, number: int) -> None:
        file.write_bytes(end.join(["one", "two", "", "four"]).encode())
        [(line, text, is_record)] = quoted(file, number, header=None)
        assert (line, text, is_record) == (number, ["one", "two", "", "four"][number - 1], False)

    def test_a_line_is_found_far_down(self, file: Path) -> None:
        lines = [f"{number}\r\n" for number in range(1, 400_001)]
        file.write_bytes("".join(lines).encode())
        assert quoted(file, 300_000, 399_999, header=None) == [
            (300_000, "300000", False),
            (399_999, "399999", False),
        ]

    @pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20])
    def test_a_line_end_that_two_chunks_share_counts_once(self, file: Path, size: int) -> None:
        file.write_bytes(b"x" * size + b"\r\ntwo\r\n")
        assert quoted(file, 2, header=None) == [(2, "two", False)]

    def test_a_line_without_end_is_cut(self, file: Path) -> None:
        file.write_bytes(b"x" * 5_000_000)
        [(_, text, _)] = quoted(file, 1, header=None)
        assert 10_000 < len(text) <= 1 << 17

    def test_bytes_that_are_no_text_are_shown_as_numbers(self, file: Path) -> None:
        file.write_bytes(b"id,name\n1,caf\xe9\n")
        assert quoted(file, 2) == [(2, r"1,caf\xe9", False)]

    def test_the_file_may_be_compressed_and_in_another_encoding(self, file: Path) -> None:
        file.write_bytes(gzip.compress('id,name\n1,café\n2,"x\n'.encode("cp1252")))
        options = CsvOptions(encoding="cp1252")
        assert quoted(file, 2, 3, options=options) == [(2, "1,café", True), (3, '2,"x', False)]

    def test_of_what_cannot_be_expanded_nothing_is_shown(self, file: Path) -> None:
        file.write_bytes(gzip.compress(b"id,name\n1,a\n" * 1000)[:30])
        assert quoted(file, 2000) == []

    def test_of_a_file_that_is_gone_nothing_is_shown(self, file: Path) -> None:
        assert quoted(file, 2) == []
