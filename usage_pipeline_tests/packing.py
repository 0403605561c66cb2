"""Content packed as files arrive packed."""

from __future__ import annotations

import io
import zipfile

import pyarrow as pa


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(content, asbytes=True)
    return packed


def archive(
    *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    """A zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        file.comment = comment
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content, method)
    return packed.getvalue()


def zipped(content: bytes, name: str = "usage.csv") -> bytes:
    return archive((name, content))


def stored(content: bytes) -> bytes:
    return archive(("usage.csv", content), method=zipfile.ZIP_STORED)
