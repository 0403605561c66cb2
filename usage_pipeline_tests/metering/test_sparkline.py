"""A sparkline: one block per value, as high as the value is."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.metering.sparkline import BLOCKS, NO_VALUE, sparkline

numbers = st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.integers(
    -(10**38), 10**38
).map(Decimal)
values = st.lists(numbers | st.none(), max_size=80)
widths = st.integers(1, 90)


def of(*numbers: int | None) -> str:
    return sparkline([None if number is None else Decimal(number) for number in numbers])


def level(block: str) -> int:
    return BLOCKS.index(block)


def test_a_rise_from_nothing_climbs_through_all_blocks() -> None:
    assert of(0, 1, 2, 3, 4, 5, 6, 7) == "▁▂▃▄▅▆▇█"


def test_the_scale_begins_at_nothing_so_that_small_changes_look_small() -> None:
    assert of(98, 99, 100) == "███"
    assert of(50, 75, 100) == "▅▇█"


def test_below_nothing_the_scale_begins_at_the_smallest() -> None:
    assert of(-10, 0, 10) == "▁▅█"
    assert of(-10, -5, -2) == "▁▆█"


@pytest.mark.parametrize(
    ("numbers", "line"), [((5, 5, 5), "▄▄▄"), ((-5, -5), "▄▄"), ((0, 0), "▁▁"), ((7,), "▄")]
)
def test_values_that_are_all_the_same_are_neither_high_nor_a_failure(
    numbers: tuple[int, ...], line: str
) -> None:
    assert of(*numbers) == line


def test_no_value_is_not_zero() -> None:
    assert of(0, None, 8) == "▁·█"
    assert of(None, None) == "··"
    assert of(3, None, 3) == "▄·▄"
    assert of() == ""


def test_what_is_no_number_is_no_value() -> None:
    assert sparkline([Decimal("NaN"), Decimal("Infinity"), Decimal(0), Decimal(1)]) == "··▁█"


def test_a_peak_among_many_values_stays_to_be_seen() -> None:
    quiet = [Decimal(0)] * 1000
    quiet[637] = Decimal(9)
    assert sparkline(quiet, 10) == "▁▁▁▁▁▁█▁▁▁"


def test_a_bucket_without_any_value_is_shown_as_that() -> None:
    assert sparkline([Decimal(0), None, None, None, Decimal(4), Decimal(2)], 3) == "▁·█"


def test_sizes_that_no_float_holds_are_told_apart() -> None:
    huge = Decimal("1e400")
    assert sparkline([Decimal(0), huge / 2, huge]) == "▁▅█"
    end = "9.9e999999999999999999"
    assert sparkline([Decimal(f"-{end}"), Decimal(0), Decimal(end)]) == "▁▅█"
    eighth = 10**37
    assert sparkline([Decimal(n) for n in (0, eighth - 1, eighth, eighth * 8)]) == "▁▁▂█"


def test_a_line_has_room_for_something() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        sparkline([Decimal(1)], 0)


@given(values, widths)
def test_a_line_is_as_long_as_its_values_and_never_longer_than_its_room(
    values: list[Decimal | None], width: int
) -> None:
    line = sparkline(values, width)
    assert len(line) == min(len(values), width)
    assert set(line) <= {*BLOCKS, NO_VALUE}


@given(values)
def test_a_larger_value_never_has_a_lower_block(values: list[Decimal | None]) -> None:
    line = sparkline(values, len(values) or 1)
    known = sorted((v, level(b)) for v, b in zip(values, line, strict=True) if v is not None)
    levels = [block for _, block in known]
    assert levels == sorted(levels)


@given(values, widths)
def test_the_largest_has_the_full_block_unless_all_are_the_same(
    values: list[Decimal | None], width: int
) -> None:
    line = sparkline(values, width)
    blocks = set(line) - {NO_VALUE}
    assert len(blocks) <= 1 or max(blocks) == "█"
    if len(values) <= width and len(set(values) - {None}) > 1:
        largest = max(value for value in values if value is not None)
        assert {line[at] for at, value in enumerate(values) if value == largest} == {"█"}


@given(st.lists(numbers, min_size=2, max_size=30).filter(lambda some: len(set(some)) > 1))
def test_a_block_stands_for_its_eighth_of_the_scale(values: list[Decimal]) -> None:
    low = Fraction(min(Decimal(0), *values))
    whole = Fraction(max(values)) - low
    for value, block in zip(values, sparkline(values), strict=True):
        eighth = (Fraction(value) - low) / whole * 8
        assert level(block) == min(int(eighth), 7)
