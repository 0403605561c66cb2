"""What ingestion would do with a checked file, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from usage_pipeline.printable import grouped, plain_number, printable
from usage_pipeline.register import Upload
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.profile import Arrival, Totals


def arrival_of(checked: CheckedFile, known: Upload | None) -> Arrival | None:
    """What would become of its valid rows; None where they were not held against the ledger.

    Args:
        known: the upload that has these bytes already.
    """
    if checked.profile is None or checked.profile.beside is None:
        return None
    arrival = checked.profile.beside.arrival
    return arrival.again if known is not None and known.state == "ingested" else arrival


def prospects(checked: CheckedFile, known: Upload | None) -> dict[str, Any]:
    """For a program; `null` for what is unknown."""
    arrival, profile = arrival_of(checked, known), checked.profile
    beside = profile.beside if profile else None
    fates = ("new", "duplicates", "conflicts", "replaced", "corrected")
    return {
        "upload": known and known.upload,
        "state": known and known.state,
        **{fate: None if arrival is None else getattr(arrival, fate) for fate in fates},
        "profile": None if profile is None else _totals(profile.in_file),
        "in_already": None if beside is None else _totals(beside.there),
        "not_compared": profile and profile.not_compared,
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "rows": totals.rows,
        "customers": totals.customers,
        "first": totals.first,
        "last": totals.last,
        # Strings whatever the type: a total may have more digits than a program's numbers.
        "totals": {name: plain_number(value) for name, value in totals.totals.items()},
    }


def prospect_lines(checked: CheckedFile, known: Upload | None) -> Iterator[Text]:
    """For a person, below the counts."""
    if known is not None:
        yield Text(f"  These bytes are upload {known.upload} already ({known.state}).")
    profile = checked.profile
    if profile is None or profile.in_file.rows == 0:
        return
    yield _words("in this file", profile.in_file, "valid row")
    arrival = arrival_of(checked, known)
    if profile.beside is None or arrival is None:
        if profile.not_compared is not None:
            why = printable(profile.not_compared)
            yield Text(f"  Not compared with what is in already: {why}", style="yellow")
        return
    yield _words("in already, same time span", profile.beside.there, "row")
    would = "would be" if checked.verdict.passed else "would be, if the file did not fail"
    words = f"  they {would}: {arrival.new:,} new"
    if arrival.replaced:
        words += (
            f", {arrival.replaced:,} in place of rows that count now ({arrival.corrected:,} of "
            "them with other content)"
        )
    lost = _count(arrival.duplicates, "duplicate"), _count(arrival.conflicts, "conflict")
    yield Text(f"{words}, {', '.join(lost)}")


def _words(where: str, totals: Totals, noun: str) -> Text:
    words = f"  {where}: {_count(totals.rows, noun)} of {_count(totals.customers, 'customer')}"
    if totals.first is not None and totals.last is not None:
        words += f", {_moment(totals.first)} to {_moment(totals.last)}"
    for name, value in totals.totals.items():
        words += f"; {name} {grouped(value)}"
    return Text(words)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
