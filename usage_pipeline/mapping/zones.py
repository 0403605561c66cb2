"""From local time to UTC, with the offsets of Python's zoneinfo and of nothing else.

DuckDB brings a time zone database of its own; were both asked, an update of one would move
invoices. So the offsets are worked out here and written into the SQL as constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

_MARGIN = timedelta(days=2)
# No two real clock changes of any zone, from 1900 on, are less than 95 hours apart.
_STEP = timedelta(hours=12)
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LocalSpan:
    """A stretch of local time, up to and without `until` (None: for ever).

    `offset` is what to subtract to get UTC; None where the local time does not exist or is there
    twice.
    """

    until: datetime | None
    offset: timedelta | None


def local_spans(zone: str, earliest: datetime, latest: datetime) -> tuple[LocalSpan, ...]:
    """All local time of `zone`, cut where its offset changes, gaps and repeated hours cut out.

    Clock changes are known from two days before `earliest` to two days after `latest` (aware).
    Beyond, the nearest offset goes on: a time there still lands outside `earliest` to `latest`,
    but not on the true instant, so it must be refused for that.
    """
    begin = max(earliest.astimezone(UTC), _FIRST + _MARGIN) - _MARGIN
    end = min(latest.astimezone(UTC), _LAST - _MARGIN) + _MARGIN
    return _spans_of_years(zone, begin.year, max(begin.year, end.year))


@lru_cache(maxsize=256)
def _spans_of_years(zone: str, first: int, last: int) -> tuple[LocalSpan, ...]:
    # Whole years: `latest` moves with every file, and finding the changes is slow.
    tz = ZoneInfo(zone)
    begin, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    changes = list(_changes(tz, begin, end))
    offsets = [_offset(tz, begin), *(_offset(tz, change) for change in changes)]
    return tuple(_local_spans(changes, offsets))


def offset_microseconds(wall: str, spans: Sequence[LocalSpan]) -> str:
    """SQL: the offset from UTC in force at the local TIMESTAMP `wall`, in microseconds.

    NULL where `wall` is NULL, does not exist or is ambiguous. `wall` is mentioned once for each
    level of a search tree: make it a name, not an expression.
    """
    if len(spans) == 1:
        return _microseconds(spans[0].offset)
    middle = len(spans) // 2
    before, after = spans[:middle], spans[middle:]
    return (
        f"CASE WHEN {wall} < TIMESTAMP '{before[-1].until}'"
        f" THEN {offset_microseconds(wall, before)} ELSE {offset_microseconds(wall, after)} END"
    )


def _microseconds(offset: timedelta | None) -> str:
    return "NULL" if offset is None else str(offset // timedelta(microseconds=1))


def _offset(tz: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(tz).utcoffset()
    assert offset is not None
    return offset


def _changes(tz: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The instants, to the second, from which another offset is in force."""
    here = begin
    while here < end:
        there = min(here + _STEP, end)
        if _offset(tz, here) != _offset(tz, there):
            yield _first_with_other_offset(tz, here, there)
        here = there


def _first_with_other_offset(tz: ZoneInfo, before: datetime, after: datetime) -> datetime:
    old = _offset(tz, before)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        before, after = (middle, after) if _offset(tz, middle) == old else (before, middle)
    return after


def _local_spans(changes: Sequence[datetime], offsets: Sequence[timedelta]) -> Iterator[LocalSpan]:
    # Every offset holds from one local time to another; where the next one begins later there is
    # a gap, where it begins earlier the clock shows the same time twice.
    moments = [change.replace(tzinfo=None) for change in changes]
    begins = [datetime.min] + [at + offset for at, offset in zip(moments, offsets[1:], strict=True)]
    ends = [at + offset for at, offset in zip(moments, offsets, strict=False)] + [datetime.max]
    cuts = sorted({*begins, *ends})
    for begin, end in pairwise(cuts):
        in_force = [
            offset
            for first, last, offset in zip(begins, ends, offsets, strict=True)
            if first <= begin < last
        ]
        yield LocalSpan(
            until=None if end == datetime.max else end,
            offset=in_force[0] if len(in_force) == 1 else None,
        )
