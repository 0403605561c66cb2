"""A delimiter or a quote too many, too few or another, at every cell: nothing is misread."""

from __future__ import annotations

from pathlib import Path

import pytest

from usage_pipeline_tests.damage.clean_files import CLEAN_FILES
from usage_pipeline_tests.damage.damage import OF_CELLS, OF_ROWS
from usage_pipeline_tests.damage.judging import misread_by_the_reader, read_records


@pytest.mark.parametrize("name", CLEAN_FILES)
def test_the_clean_file_itself_is_read_exactly(tmp_path: Path, name: str) -> None:
    clean = CLEAN_FILES[name]
    path = tmp_path / "usage.csv"
    path.write_bytes(clean.content)
    account = read_records(path, clean.schema, clean.fields, block_size=1 << 16)
    assert (account.refusal, account.errors) == ([], [])
    rows = {clean.lines[index]: clean.read_cells(index) for index in range(1, len(clean.table))}
    assert account.rows == rows


@pytest.mark.parametrize("kind", OF_CELLS)
@pytest.mark.parametrize("name", CLEAN_FILES)
def test_damage_to_a_cell_is_never_misread(tmp_path: Path, name: str, kind: str) -> None:
    clean = CLEAN_FILES[name]
    assert misread_by_the_reader(clean, OF_CELLS[kind](clean), tmp_path) == []


def test_more_than_10000_different_damaged_files_are_tried() -> None:
    kinds = [*OF_CELLS.values(), *OF_ROWS.values()]
    tried = {
        damage.content for clean in CLEAN_FILES.values() for kind in kinds for damage in kind(clean)
    }
    assert len(tried) > 10_000
