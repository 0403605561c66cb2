"""Rows cut, split, joined or written otherwise, and files cut at any byte: nothing is misread."""

from __future__ import annotations

from pathlib import Path

import pytest

from usage_pipeline_tests.damage.clean_files import CLEAN_FILES
from usage_pipeline_tests.damage.damage import OF_ROWS
from usage_pipeline_tests.damage.judging import misread_by_the_reader


@pytest.mark.parametrize("kind", OF_ROWS)
@pytest.mark.parametrize("name", CLEAN_FILES)
def test_damage_to_rows_is_never_misread(tmp_path: Path, name: str, kind: str) -> None:
    clean = CLEAN_FILES[name]
    assert misread_by_the_reader(clean, OF_ROWS[kind](clean), tmp_path) == []
