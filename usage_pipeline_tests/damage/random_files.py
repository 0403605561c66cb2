"""Random files, from noise to CSV with little wrong, packed, encoded and damaged at will."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from usage_pipeline.schema import CsvOptions
from usage_pipeline_tests.packing import zipped, zstd

MARK = codecs.BOM_UTF8
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_NAMED = ["auto", "utf-8", "cp1252", "latin-1", "shift_jis", "gb18030"]
_NAMED += ["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp037"]
_WRITTEN = ["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"]
_WRITTEN += ["shift_jis", "latin-1", "iso2022_jp"]

_SIGNS = [",", ",", ";", "\t", "|", '"', '"', '""', "\n", "\n", "\r\n", "\r", " ", "a", "b1", "7"]
_SIGNS += ["é", "日", "😀", "€", "\ufeff", "\0", "\x07", "\x7f", "\x85"]
_HEADS = [
    "customer_id,note\n",
    "customer_id;note\r\n",
    '"customer_id"|"note"\n',
    "note,customer_id\r",
]
_HEADS += ["", "", "Title\n\ncustomer_id,note\n", "customer_id\n"]
_RECORDS = [
    "a,b\n",
    '"x,y",z\r\n',
    '"two\nlines",é\n',
    ",\n",
    "a;b\n",
    "a|b\n",
    "\n",
    "a\n",
    "a,b,c\n",
]

noise = st.binary(max_size=80)
written = st.builds(
    lambda head, parts, encoding: (head + "".join(parts)).encode(encoding, "replace"),
    st.sampled_from(_HEADS),
    st.lists(st.one_of(st.sampled_from(_RECORDS), st.sampled_from(_SIGNS)), max_size=25),
    st.sampled_from(_WRITTEN),
)
contents = st.one_of(noise, written, written, st.builds(bytes.__add__, written, noise))


def _plain(content: bytes) -> bytes:
    return content


def _cut(data: bytes, at: int, _: int) -> bytes:
    return data[: at % (len(data) + 1)]


def _flip(data: bytes, at: int, bit: int) -> bytes:
    if not data:
        return data
    flipped = bytearray(data)
    flipped[at % len(data)] ^= 1 << bit
    return bytes(flipped)


def _put_in(data: bytes, at: int, byte: int) -> bytes:
    at %= len(data) + 1
    return data[:at] + bytes([byte * 31]) + data[at:]


def _take_out(data: bytes, at: int, size: int) -> bytes:
    at %= len(data) + 1
    return data[:at] + data[at + size :]


@st.composite
def _damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    data = draw(files)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        damage: Callable[[bytes, int, int], bytes] = draw(
            st.sampled_from([_cut, _flip, _put_in, _take_out])
        )
        data = damage(data, draw(st.integers(0, 400)), draw(st.integers(0, 7)))
    return data


def packed(ways: list[Callable[[bytes], bytes]]) -> st.SearchStrategy[bytes]:
    return st.builds(lambda way, content: way(content), st.sampled_from(ways), contents)


files = _damaged(packed([_plain, _plain, gzip.compress, zstd]))
zip_files = _damaged(packed([zipped]))

csv_options = st.fixed_dictionaries(
    {},
    optional={
        "delimiter": st.sampled_from(["auto", ",", ";", "\t", "|"]),
        "encoding": st.sampled_from(_NAMED),
        "max_file_size": st.sampled_from([40, 400]),
        "max_expanded_size": st.sampled_from([30, 300]),
        "max_ratio": st.sampled_from([1, 500]),
        "max_record_size": st.sampled_from([5, 25]),
        "max_field_length": st.sampled_from([1, 4]),
        "max_columns": st.sampled_from([1, 2]),
    },
)

block_sizes = st.one_of(st.integers(1, 40), st.just(1 << 16))


def text_of(data: bytes, csv: dict[str, Any]) -> bytes:
    """What a file says, as UTF-8 without a mark, by other means than the reader's."""
    options = CsvOptions(**csv)
    content = _expanded(data)
    encoding, mark = "utf-8" if options.encoding == "auto" else options.encoding, b""
    for candidate, name in _MARKS.items():
        if content.startswith(candidate):
            encoding, mark = name, candidate
            break
    # Without a mark, the order of bytes that most machines have.
    encoding = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding)
    return content[len(mark) :].decode(encoding).encode("utf-8")


def _expanded(data: bytes) -> bytes:
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd") or data[1:4] == b"\x2a\x4d\x18":
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            expanded: bytes = stream.read()
            return expanded
    if data.startswith((b"PK\3\4", b"PK\5\6")):
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return file.read(file.infolist()[0])
    return data
