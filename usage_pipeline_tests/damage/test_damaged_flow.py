"""Damaged files on the whole way to their verdict: what counts in the end is as undamaged."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline_tests.damage.clean_files import CLEAN_FILES, CleanFile
from usage_pipeline_tests.damage.damage import (
    OF_CELLS,
    OF_ROWS,
    Damage,
    delimiters_of_header_changed,
)
from usage_pipeline_tests.damage.judging import misread_by_the_flow

#: Of each kind of damage to each file, so many.
_EACH = 2


def some_damages(clean: CleanFile) -> list[Damage]:
    """A few of each kind, from all over the file."""
    some: list[Damage] = []
    for number, kind in enumerate(chain(OF_CELLS.values(), OF_ROWS.values())):
        damages = list(kind(clean))
        step = max(1, len(damages) // _EACH)
        some += damages[number % step :: step][:_EACH]
    return some


@pytest.mark.parametrize("name", CLEAN_FILES)
def test_nothing_of_a_damaged_file_counts_that_was_misread(tmp_path: Path, name: str) -> None:
    clean = CLEAN_FILES[name]
    flow = Flow(clean.schema, DataFolder(tmp_path))
    assert misread_by_the_flow(clean, some_damages(clean), flow) == []


@pytest.mark.parametrize("name", CLEAN_FILES)
def test_nothing_counts_where_the_header_alone_has_another_delimiter(
    tmp_path: Path, name: str
) -> None:
    clean = CLEAN_FILES[name]
    flow = Flow(clean.schema, DataFolder(tmp_path))
    damages = list(delimiters_of_header_changed(clean))
    assert misread_by_the_flow(clean, damages, flow) == []
