"""The figures of `make bench` are what they are said to be, and never silently none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import goals
from benchmarks.clean_file import NOT_INSTALLED
from benchmarks.measure import measure
from benchmarks.table import Figure, Row, Section, markdown, print_table
from benchmarks.usage_file import write_bad_file
from usage_pipeline_tests.workplace import Workplace


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    ours, floor = Figure(3, each=(2, 30, 3)), Figure(10, each=(1, 10, 2))
    assert Row("", ours, floor).ratio == 2


@pytest.mark.parametrize(("seconds", "met"), [(1.8, True), (1.9, False)])
def test_a_ratio_meets_its_goal_up_to_the_limit(seconds: float, met: bool) -> None:
    assert Row("", Figure(seconds), Figure(1), goal=goals.CLEAN_FILE).met is met


@pytest.mark.parametrize(("megabytes", "met"), [(1_500, True), (1_501, False)])
def test_a_figure_alone_meets_a_goal_of_its_own_unit(megabytes: float, met: bool) -> None:
    assert Row("", Figure(megabytes, "MB"), goal=goals.CLEAN_FILE_MEMORY).met is met


def test_what_has_nothing_to_compare_with_neither_meets_nor_misses() -> None:
    assert Row("", Figure(1), None, NOT_INSTALLED, goals.FASTER).met is None


def test_the_table_says_how_to_install_a_peer_that_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    section = Section("clean", [Row("same", Figure(1), None, NOT_INSTALLED)])
    print_table([section], [])
    assert NOT_INSTALLED in capsys.readouterr().out
    assert NOT_INSTALLED in markdown([section], [])


def test_a_command_that_fails_stops_the_benchmark_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        measure(sys.executable, "-c", "raise ValueError('no such thing')", data=tmp_path)


def test_bad_rows_are_bad_in_every_way_and_the_others_good(work: Workplace) -> None:
    file = work.files / "bad.csv"
    write_bad_file(file, 1_200, every=100)
    [checked] = work.check(file)
    assert checked["lines"] == 1_200
    assert checked["invalid"] == 12
    assert checked["codes"] == {
        "type-error": 2,
        "constraint-error": 4,
        "timestamp-format": 2,
        "required-value": 2,
        "missing-cell": 2,
    }
