"""A row of block characters that shows in one line of a terminal how values went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

BLOCKS = "▁▂▃▄▅▆▇█"
NO_VALUE = "·"

#: Differences of the values are exact up to these many digits, whatever their size.
_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


def sparkline(values: Sequence[Decimal | None], width: int = 32) -> str:
    """One block per value, in order: the largest is `█`, what has no value is `·`.

    The scale begins at 0, or at the smallest value where that is below 0, and ends at the largest.
    Where all values are the same, they are `▄`, and `▁` if they are 0. NaN and infinity count as no
    value.

    More values than `width` are put into `width` buckets of neighbours, as even as can be, and each
    bucket shows the largest of its values: a peak stays to be seen. So the line has
    min(len(values), width) characters.

    Raises ValueError if `width` is below 1.
    """
    if width < 1:
        raise ValueError(f"A sparkline is at least 1 character wide, not {width}")
    shown = list(_largest_of_buckets(values, width))
    known = [value for value in shown if value is not None]
    if not known:
        return NO_VALUE * len(shown)
    low, high = min(known), max(known)
    if low == high:
        same = BLOCKS[0] if high == 0 else BLOCKS[3]
        return "".join(NO_VALUE if value is None else same for value in shown)
    low = min(low, Decimal(0))
    return "".join(NO_VALUE if value is None else _block(value, low, high) for value in shown)


def _largest_of_buckets(values: Sequence[Decimal | None], width: int) -> Iterator[Decimal | None]:
    count = min(len(values), width)
    for bucket in range(count):
        part = values[bucket * len(values) // count : (bucket + 1) * len(values) // count]
        known = (value for value in part if value is not None and value.is_finite())
        yield max(known, default=None)


def _block(value: Decimal, low: Decimal, high: Decimal) -> str:
    # A thousandth of each, so that eight times their distance is still within what a decimal holds.
    low, value, high = (_EXACT.scaleb(one, -3) for one in (low, value, high))
    above = _EXACT.subtract(value, low)
    whole = _EXACT.subtract(high, low)
    level = _EXACT.divide_int(_EXACT.multiply(above, Decimal(len(BLOCKS))), whole)
    return BLOCKS[min(int(level), len(BLOCKS) - 1)]
