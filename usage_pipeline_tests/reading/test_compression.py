"""Compressed files are read as what they expand to, or refused; and they fill no memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from usage_pipeline.reading import LocatedError, UnreadableFile, beginning_of
from usage_pipeline.reading.source import open_source
from usage_pipeline.schema import CsvOptions
from usage_pipeline_tests.packing import archive, stored, zipped, zstd
from usage_pipeline_tests.reading.usage_files import UTF8, read, refusal, usage_file

CONTENT = 'id,name\r\n1,Łódź\n2,"two\nlines"\n'.encode()
ROWS = [("1", "Łódź"), ("2", "two\nlines")]

#: What `zstd --check` makes of "id,b\n1,x\n2,y\n"; pyarrow writes no checksum.
ZSTD_WITH_CHECKSUM = bytes.fromhex("28b52ffd240d69000069642c620a312c780a322c790afa7ea88c")

Compress = Callable[[bytes], bytes]


def bomb(expanded: int) -> bytes:
    """Gzip members of a megabyte each, a thousandth of that when compressed."""
    member = gzip.compress(b"1,2\n" * (1 << 18))
    return gzip.compress(b"a,b\n") + member * (expanded >> 20)


def expansion(path: Path, options: CsvOptions) -> tuple[int, LocatedError | None]:
    """How many bytes come out of a file, and why no more do."""
    given, view = 0, memoryview(bytearray(64 << 10))
    with open_source(path, options) as source:
        try:
            while count := source.fill(view):
                given += count
        except UnreadableFile as refused:
            return given, refused.error
    return given, None


compressions = pytest.mark.parametrize("compress", [gzip.compress, zstd, zipped, stored])


@compressions
@pytest.mark.parametrize("block_size", [1, 5, 1 << 20])
def test_a_compressed_file_is_read_exactly(
    tmp_path: Path, compress: Compress, block_size: int
) -> None:
    reading = read(usage_file(tmp_path, compress(CONTENT)), block_size=block_size)
    assert (reading.header.labels, reading.cells) == (("id", "name"), ROWS)
    assert reading.lines == [2, 3]


@pytest.mark.parametrize(
    ("compress", "name"), [(gzip.compress, "gzip"), (zstd, "zstd"), (zipped, "zip")]
)
def test_what_a_file_begins_with_tells_its_compression_not_its_name(
    tmp_path: Path, compress: Compress, name: str
) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(compress(CONTENT))
    assert beginning_of(path, UTF8, 7).compression == name


def test_a_plain_file_may_be_called_anything(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv.gz"
    path.write_bytes(CONTENT)
    assert read(path).cells == ROWS


@pytest.mark.parametrize("join", [gzip.compress, zstd])
@pytest.mark.parametrize("cut", range(0, len(CONTENT), 6))
def test_parts_compressed_one_by_one_are_one_file(tmp_path: Path, join: Compress, cut: int) -> None:
    path = usage_file(tmp_path, join(CONTENT[:cut]) + join(CONTENT[cut:]))
    assert read(path, block_size=7).cells == ROWS


def test_a_compressed_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    path = usage_file(tmp_path, gzip.compress(CONTENT.decode().encode("utf-16")))
    assert read(path).cells == ROWS


@compressions
def test_a_byte_offset_counts_in_what_the_file_expands_to(
    tmp_path: Path, compress: Compress
) -> None:
    error = refusal(usage_file(tmp_path, compress(b"a,b\n1,2\n3,\xff\n")))
    assert (error.code, error.line) == ("encoding-error", 3)
    assert "byte offset 10, line 3" in error.message


@compressions
def test_a_compressed_file_cut_anywhere_is_refused(tmp_path: Path, compress: Compress) -> None:
    whole = compress(CONTENT)
    # Of less than its mark nobody can tell what it was.
    for size in range(4, len(whole)):
        error = refusal(usage_file(tmp_path, whole[:size]))
        assert error.code == "compression-error", size


@pytest.mark.parametrize("compress", [gzip.compress, zstd, zipped, stored])
@pytest.mark.parametrize("garbage", [b"\0", b"x", b"1,2\n", b"\x1f\x8b", b"PK\x03\x04", b"\0" * 9])
def test_garbage_behind_compressed_data_refuses_the_file(
    tmp_path: Path, compress: Compress, garbage: bytes
) -> None:
    path = usage_file(tmp_path, compress(CONTENT) + garbage)
    assert refusal(path).code == "compression-error"


def test_of_two_zips_one_behind_the_other_none_is_passed_over(tmp_path: Path) -> None:
    error = refusal(usage_file(tmp_path, zipped(CONTENT) + zipped(CONTENT)))
    assert error.code == "compression-error"
    assert "more in the file than one zip" in error.message


def test_a_zip_may_have_a_comment(tmp_path: Path) -> None:
    data = archive(("usage.csv", CONTENT), comment=b"exported in October")
    assert read(usage_file(tmp_path, data)).cells == ROWS


@compressions
def test_what_is_compressed_twice_is_refused_for_that(tmp_path: Path, compress: Compress) -> None:
    error = refusal(usage_file(tmp_path, compress(gzip.compress(CONTENT))))
    assert error.code == "compression-error"
    assert "twice" in error.message


@pytest.mark.parametrize(
    "data", [gzip.compress(CONTENT, mtime=0), ZSTD_WITH_CHECKSUM], ids=["gzip", "zstd"]
)
def test_a_flipped_bit_never_gives_other_rows(tmp_path: Path, data: bytes) -> None:
    sound = read(usage_file(tmp_path, data)).rows
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            reading = read(usage_file(tmp_path, bytes(flipped)))
        except UnreadableFile:
            continue
        assert reading.refusal is not None or reading.rows == sound, bit


@pytest.mark.parametrize("compress", [zipped, stored])
def test_a_flipped_bit_of_a_zip_never_gives_other_rows(tmp_path: Path, compress: Compress) -> None:
    test_a_flipped_bit_never_gives_other_rows(tmp_path, compress(CONTENT))


@pytest.mark.parametrize("compress", [gzip.compress, zipped, stored])
def test_a_wrong_checksum_refuses_the_file(tmp_path: Path, compress: Compress) -> None:
    data = compress(CONTENT)
    checksum = data[-8:-4] if compress is gzip.compress else data[14:18]
    wrong = data.replace(checksum, bytes(4))
    assert wrong != data
    assert refusal(usage_file(tmp_path, wrong)).code == "compression-error"


def test_a_refusal_says_how_far_the_data_was_sound(tmp_path: Path) -> None:
    whole = gzip.compress(CONTENT)
    message = refusal(usage_file(tmp_path, whole[:-9])).message
    assert message.startswith("The gzip data is damaged or cut, not before byte ")


def test_a_bomb_is_refused_while_it_expands(tmp_path: Path) -> None:
    path = usage_file(tmp_path, bomb(1100 << 20))
    size = path.stat().st_size
    assert size < 2 << 20
    given, error = expansion(path, CsvOptions(max_ratio=20))
    assert error is not None
    assert error.code == "compression-error"
    assert "more than 20 times" in error.message
    assert given <= 20 * size + (64 << 10)


def test_a_file_that_expands_a_thousand_times_is_refused_without_any_setting(
    tmp_path: Path,
) -> None:
    path = usage_file(tmp_path, bomb(20 << 20))
    given, error = expansion(path, UTF8)
    assert error is not None
    assert error.code == "compression-error"
    assert given < 12 << 20


def test_a_refused_bomb_gives_no_rows_the_consumer_could_keep(tmp_path: Path) -> None:
    path = usage_file(tmp_path, bomb(20 << 20))
    assert refusal(path, max_ratio=100).code == "compression-error"


@pytest.mark.parametrize("compress", [zstd, zipped])
def test_bombs_of_all_kinds_are_refused(tmp_path: Path, compress: Compress) -> None:
    path = usage_file(tmp_path, compress(b"a,b\n" + b"1,2\n" * (1 << 20)))
    given, error = expansion(path, UTF8)
    assert error is not None
    assert error.code == "compression-error"
    assert given < 3 << 20


def test_a_zip_bomb_fills_no_memory(tmp_path: Path) -> None:
    path = usage_file(tmp_path, archive(("usage.csv", b"a,b\n" + b"1,2\n" * (4 << 20))))
    tracemalloc.start()
    _, error = expansion(path, UTF8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error is not None
    assert peak < 4 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_by_what_expands_without_bound_is_refused(tmp_path: Path, method: int) -> None:
    error = refusal(usage_file(tmp_path, archive(("usage.csv", CONTENT), method=method)))
    assert error.code == "compression-error"
    assert "unusual" in error.message


def test_zstd_without_a_checksum_is_read_with_a_warning(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, ZSTD_WITH_CHECKSUM)).warnings == []
    assert read(usage_file(tmp_path, zstd(CONTENT))).warnings == [("no-checksum", None)]
    assert read(usage_file(tmp_path, gzip.compress(CONTENT))).warnings == []


def test_a_frame_that_zstd_skips_hides_no_checksum(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    assert read(usage_file(tmp_path, skipped + ZSTD_WITH_CHECKSUM)).warnings == []
    assert read(usage_file(tmp_path, skipped + zstd(CONTENT))).warnings == [("no-checksum", None)]


@compressions
def test_a_small_file_may_expand_as_much_as_it_likes(tmp_path: Path, compress: Compress) -> None:
    path = usage_file(tmp_path, compress(b"a,b\n" + b"1,2\n" * 100_000))
    assert read(path, max_ratio=1).records.lines == 100_000


@compressions
def test_what_expands_to_just_the_limit_is_read(tmp_path: Path, compress: Compress) -> None:
    path = usage_file(tmp_path, compress(CONTENT))
    assert read(path, max_expanded_size=len(CONTENT)).cells == ROWS


@compressions
def test_what_expands_to_more_than_the_limit_is_refused(tmp_path: Path, compress: Compress) -> None:
    path = usage_file(tmp_path, compress(CONTENT))
    error = refusal(path, max_expanded_size=len(CONTENT) - 1)
    assert error.code == "file-too-large"
    assert "csv.max_expanded_size" in error.message


def test_a_plain_file_expands_to_nothing(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, CONTENT), max_expanded_size=1, max_ratio=1).cells == ROWS


def test_a_file_of_just_the_size_allowed_is_read(tmp_path: Path) -> None:
    assert read(usage_file(tmp_path, CONTENT), max_file_size=len(CONTENT)).cells == ROWS


def test_a_file_too_large_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = usage_file(tmp_path, b"\xff" * 100)
    error = refusal(path, max_file_size=99)
    assert error.code == "file-too-large"
    assert "The file has 100 bytes; at most 99 are taken (csv.max_file_size)" in error.message


def test_a_zip_of_two_files_is_refused_with_their_names(tmp_path: Path) -> None:
    path = usage_file(tmp_path, archive(("a.csv", CONTENT), ("b.csv", CONTENT)))
    error = refusal(path)
    assert error.code == "compression-error"
    assert "holds 2 files (a.csv, b.csv)" in error.message


@pytest.mark.parametrize("members", [(), (("folder/", b""),)])
def test_a_zip_without_a_file_is_refused(
    tmp_path: Path, members: tuple[tuple[str, bytes], ...]
) -> None:
    error = refusal(usage_file(tmp_path, archive(*members)))
    assert error.code == "compression-error"
    assert "holds 0 files (none)" in error.message


@pytest.mark.parametrize("name", ["usage.txt", "a/b/usage.csv", "../../usage.csv", "C:\\u.csv"])
def test_what_the_file_in_a_zip_is_called_does_not_matter(tmp_path: Path, name: str) -> None:
    path = usage_file(tmp_path, archive((name, CONTENT)))
    assert read(path).cells == ROWS
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_macos_adds_to_a_zip_does_not_count(tmp_path: Path) -> None:
    members = (("folder/", b""), ("folder/u.csv", CONTENT), ("__MACOSX/folder/._u.csv", b"\0\5"))
    assert read(usage_file(tmp_path, archive(*members))).cells == ROWS


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(CONTENT))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    error = refusal(usage_file(tmp_path, bytes(data)))
    assert error.code == "compression-error"
    assert "encrypted" in error.message


def test_a_zip_packed_in_an_unknown_way_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(CONTENT))
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + place] = 97
    assert refusal(usage_file(tmp_path, bytes(data))).code == "compression-error"


def test_a_workbook_is_called_by_its_name(tmp_path: Path) -> None:
    members = (("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"))
    error = refusal(usage_file(tmp_path, archive(*members)))
    assert error.code == "compression-error"
    assert "workbook (.xlsx)" in error.message


def test_a_zip_with_a_comment_is_read(tmp_path: Path) -> None:
    path = usage_file(tmp_path, archive(("u.csv", CONTENT), comment=b"made by hand"))
    assert read(path).cells == ROWS


@compressions
def test_a_compressed_file_without_content_is_empty(tmp_path: Path, compress: Compress) -> None:
    assert refusal(usage_file(tmp_path, compress(b""))).code == "empty-file"
