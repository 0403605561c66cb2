"""Which columns may be the customer, the time of the event, and usage: by name and by content.

Points only order the candidates and say when there is none; a person reads the draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from usage_pipeline.mapping.headers import normal_label
from usage_pipeline.mapping.likeness import words_of
from usage_pipeline.suggest.column import Column
from usage_pipeline.suggest.words import has, hints, last_part

_CUSTOMER = {
    "customer": 10,
    "client": 9,
    "tenant": 9,
    "account": 8,
    "subscriber": 8,
    "merchant": 8,
    "organization": 7,
    "organisation": 7,
    "org": 7,
    "company": 7,
    "subscription": 6,
    "owner": 5,
    "workspace": 5,
    "consumer": 5,
    "user": 4,
    "project": 4,
    "team": 4,
    "partner": 4,
    "payer": 3,
    "department": 3,
    "buyer": 5,
}
_CUSTOMER_BESIDE = {"id": 3, "sub": 2, "usage": 2, "billing": -2, "payer": -2, "name": -1}
_CUSTOMER_BESIDE |= {"agent": -9, "type": -9, "email": -1, "status": -9, "version": -9}
#: With fewer points a column is no customer, and a person is asked.
_CUSTOMER_LEAST = 4

_TIME = {
    "timestamp": 8,
    "occurred": 8,
    "when": 7,
    "event": 4,
    "time": 4,
    "datetime": 5,
    "date": 3,
    "start": 5,
    "begin": 5,
    "started": 5,
    "ts": 5,
    "at": 2,
    "day": 2,
    "usage": 3,
    "charge": 2,
    "created": 2,
    "end": -3,
    "ended": 1,
    "finished": 1,
    "until": -3,
    "expiry": -6,
    "expires": -6,
    "updated": -2,
    "modified": -2,
    "billing": -4,
    "bill": -3,
    "invoice": -4,
    "due": -4,
    "birth": -6,
    "ingested": -3,
    "received": -1,
    "loaded": -3,
    "exported": -4,
}

_USAGE = {"count", "call", "amount", "quantity", "qty", "token", "usage", "used", "consumed"}
_USAGE |= {"consumption", "request", "byte", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib"}
_USAGE |= {"hour", "minute", "second", "duration", "unit", "volume", "cost", "message", "credit"}
_USAGE |= {"transaction", "transfer", "storage", "charge", "total", "kwh", "mwh", "seat", "hit"}
_USAGE |= {"operation", "query", "ms", "millis", "sms", "impression", "click", "download", "fee"}
_NO_USAGE = {"rate", "price", "percent", "percentage", "pct", "ratio", "factor", "year", "month"}
_NO_USAGE |= {"day", "version", "port", "status", "latitude", "longitude", "lat", "lon", "index"}
_NO_USAGE |= {"rank", "level", "line", "row", "limit", "quota", "threshold", "temperature", "code"}
_NO_USAGE |= {"average", "avg", "mean", "median", "discount", "multiplier", "week", "quarter"}

_UNITS = {"unit", "uom"}
_CURRENCY = {"currency"}
_MONEY = {"cost", "price", "charge", "fee", "revenue", "amortized", "total"}
_UNIT_OF = {
    "gb": "GB",
    "mb": "MB",
    "kb": "KB",
    "tb": "TB",
    "gib": "GiB",
    "mib": "MiB",
    "tib": "TiB",
    "token": "token",
    "call": "call",
    "request": "request",
    "byte": "byte",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
    "message": "message",
    "kwh": "kWh",
    "click": "click",
    "seat": "seat",
    "transaction": "transaction",
    "query": "query",
    "ms": "ms",
}

_EVENT = {
    "uuid": 9,
    "guid": 9,
    "id": 5,
    "event": 5,
    "record": 4,
    "identity": 4,
    "key": 3,
    "hash": 4,
    "request": 3,
    "transaction": 4,
    "message": 2,
    "line": 2,
    "item": 2,
    "reference": 2,
    "ref": 2,
    "number": 2,
    "interval": 3,
    "invoice": 1,
    "resource": 1,
    "sku": 1,
    "name": -3,
    "url": -2,
    "description": -8,
    "comment": -8,
    "note": -8,
    "tag": -8,
    "unit": -4,
    "currency": -6,
}


_DIMENSION = {
    "region": 6,
    "service": 5,
    "product": 5,
    "category": 4,
    "sku": 4,
    "tier": 4,
    "plan": 4,
    "usage": 3,
    "type": 3,
    "class": 3,
    "operation": 3,
    "model": 4,
    "endpoint": 3,
    "zone": 2,
    "environment": 3,
    "family": 2,
    "kind": 3,
    "status": 2,
    "description": -9,
    "comment": -9,
    "billing": -3,
    "invoice": -5,
    "issuer": -5,
    "publisher": -3,
    "frequency": -2,
    "name": -1,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column for a role; the most points come first."""

    column: Column
    points: float


def customers(columns: Iterable[Column], rows: int) -> list[Candidate]:
    """The columns that may say whose usage a row is, best first."""
    found = []
    for column in columns:
        if normal_label(column.label) == "customer_id":
            found.append(Candidate(column, 100))
            continue
        if column.empty or column.type not in ("string", "integer") or column.longest > 200:
            continue
        points: float = _points(column.label, _CUSTOMER)
        if points <= 0:
            continue
        points += _points(column.label, _CUSTOMER_BESIDE, add=True)
        points -= 8 * column.missing / rows
        points -= 5 if rows > 1 and column.distinct > 0.9 * rows else 0
        points -= 1 if column.constant else 0
        if points >= _CUSTOMER_LEAST:
            found.append(Candidate(column, points))
    return _best_first(found)


def times(columns: Iterable[Column], rows: int) -> list[Candidate]:
    """The columns that may say when an event happened, best first."""
    found = []
    for column in columns:
        if normal_label(column.label) == "timestamp":
            found.append(Candidate(column, 100))
        elif column.type == "timestamp" and not column.empty:
            points: float = _points(column.label, _TIME, add=True)
            points -= 8 * column.missing / rows
            points -= 4 if rows > 20 and column.few is not None and len(column.few) <= 3 else 0
            found.append(Candidate(column, points))
    return _best_first(found)


def usage(columns: Iterable[Column]) -> tuple[list[Column], bool]:
    """The numbers that may be metered, and whether their names say so."""
    numbers = [
        one
        for one in columns
        if one.numeric and not one.id_like and not hints(last_part(one.label)) & _NO_USAGE
    ]
    named = [one for one in numbers if hints(last_part(one.label)) & _USAGE]
    return (named, True) if named else (numbers, len(numbers) == 1)


def units(columns: Iterable[Column]) -> list[Column]:
    """The columns that say in what unit or currency a number of the same row is."""
    return [
        one
        for one in columns
        if one.type == "string"
        and not one.empty
        and one.longest <= 60
        and hints(one.label) & (_UNITS | _CURRENCY)
        and not one.numeric
    ]


def unit_column(of: Column, candidates: Sequence[Column]) -> Column | None:
    """The column that says what one of a number is; the one with most words in common."""
    wanted = _CURRENCY if hints(of.label) & _MONEY else _UNITS
    fitting = [one for one in candidates if hints(one.label) & wanted]
    return max(fitting, key=lambda one: len(hints(one.label) & hints(of.label)), default=None)


def unit_word(label: str) -> str | None:
    """What one of a number is, where its name says so."""
    words = hints(label)
    found = {unit for word, unit in _UNIT_OF.items() if word in words}
    # Of two words, such as `GB hours`, neither says it alone.
    return found.pop() if len(found) == 1 else None


def keys(columns: Iterable[Column], rows: int) -> list[Candidate]:
    """The columns that may tell one event from another, best first; numbers never do."""
    found = []
    for column in columns:
        if column.empty or column.longest > 300 or column.type not in ("string", "timestamp"):
            continue
        if column.misfit or column.orders or column.constant:
            continue
        points: float = _points(column.label, _EVENT, add=True)
        points -= 6 * column.missing / rows
        points += 3 * min(1.0, column.distinct / rows)
        found.append(Candidate(column, points))
    return _best_first(found)


def dimensions(columns: Iterable[Column], rows: int, known: Iterable[Column]) -> list[Column]:
    """The texts that usage may be split by, best first; one of a name and a code for the same.

    `known` are columns that the draft has anyway.
    """
    found = [
        one
        for one in columns
        if one.type in ("string", "boolean")
        and not one.empty
        and not one.constant
        and one.longest <= 100
        and one.distinct <= max(1, min(200, rows / 5))
        and one.missing <= rows / 2
    ]
    points = {one.cell: _points(last_part(one.label), _DIMENSION, add=True) for one in found}
    said = {_subject(one.label) for one in known}
    best = []
    for column in sorted(found, key=lambda one: -points[one.cell]):
        if points[column.cell] > 0 and _subject(column.label) not in said:
            said.add(_subject(column.label))
            best.append(column)
    return best


def _subject(label: str) -> str:
    """What a column is about, whether by name, by code or by id."""
    return re.sub(r"(_|\b)?(name|code|id)$", "", "_".join(words_of(last_part(label))))


def period_ends(columns: Iterable[Column]) -> list[Column]:
    """Times at which something ends: with a beginning, a row may sum a period up."""
    return [
        one
        for one in columns
        if one.type == "timestamp" and hints(one.label) & {"end", "ended", "until", "to"}
    ]


def _points(label: str, table: Mapping[str, int], *, add: bool = False) -> int:
    found = [points for word, points in table.items() if has(label, word)]
    return sum(found) if add else max(found, default=0)


def _best_first(found: Sequence[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda one: -one.points)
