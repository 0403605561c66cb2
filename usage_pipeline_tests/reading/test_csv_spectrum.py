"""csv-spectrum: eleven files that every reader must get right."""

import json
from pathlib import Path

import pytest

from usage_pipeline_tests.reading.usage_files import read

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "csv_corpus"
NAMES = [
    "comma_in_quotes",
    "empty",
    "empty_crlf",
    "escaped_quotes",
    "json",
    "newlines",
    "newlines_crlf",
    "quotes_and_newlines",
    "simple",
    "simple_crlf",
    "utf8",
]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the csv-spectrum files are not beside the project")
@pytest.mark.parametrize("block_size", [1, 11, 1 << 20])
@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_read_exactly(name: str, block_size: int) -> None:
    reading = read(CORPUS / "csv" / f"{name}.csv", block_size=block_size)
    right = json.loads((CORPUS / "json" / f"{name}.json").read_text("utf-8"))
    labels = reading.header.labels
    assert [dict(zip(labels, cells or (), strict=True)) for cells in reading.cells] == right
