"""What a reviewer is shown on an upload's partition of `mapped_events`: how the file was read,
what it would bring, and how to decide on it.

Texts of the file go into text and table values only, with what cannot be printed as its escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from usage_pipeline.mapping.headers import HeaderMatch
from usage_pipeline.printable import grouped, printable
from usage_pipeline.reading import clip
from usage_pipeline.register import Upload
from usage_pipeline.register.states import next_step
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.profile import Arrival, Profile, Totals

_CONFIRM = (
    "To let it in: under Jobs open {schema}_confirm_upload and its Launchpad, choose the partition "
    "{upload}, write your name behind `by` and a `note` if there is one, Launch Run. In a "
    "terminal: `usage-pipeline confirm {upload} --by NAME --note TEXT`."
)
_REFUSE = (
    "To keep it out: the job {schema}_refuse_upload in the same way, with `by` and `reason`. In a "
    "terminal: `usage-pipeline refuse {upload} --by NAME --reason WHY`."
)
_WAITS = "It waits for confirmation."
_NEWER_WAITS = "Its rows are in; a newer reading of them waits for confirmation."


def mapping_metadata(match: HeaderMatch, schema: EventSchema) -> dict[str, Any]:
    """Which header feeds which field and how it was matched, and which columns feed none."""
    labels = match.header.labels
    unmapped = [index for index in range(len(labels)) if index not in match.columns.values()]
    return {
        **_table("mapping", list(_mapping(match, schema))),
        **_table(
            "unmapped_columns",
            [
                {"column": index + 1, "header": _text(labels[index]), "what": "not read"}
                for index in unmapped
            ],
        ),
    }


def _mapping(match: HeaderMatch, schema: EventSchema) -> Iterator[dict[str, Any]]:
    mapping = match.mapping
    for name, field in schema.fields.items():
        if name in mapping:
            header, how = _text(mapping[name]), str(match.matched[name])
        elif field.constant is not None:
            header, how = None, "constant of the schema"
        elif field.from_file_name is not None:
            header, how = None, "file name"
        else:
            header, how = None, "no column"
        yield {"field": name, "header": header, "matched_by": how}


def profile_metadata(checked: CheckedFile) -> dict[str, Any]:
    """What the valid rows are, what is there already in their time span, and what they would do."""
    profile, schema = checked.profile, checked.schema
    if profile is None:
        return {}
    shown = _table("profile", list(_profile(profile, schema)))
    if profile.beside is not None and checked.verdict.passed:
        shown |= _table("would_happen", list(would_happen(profile.beside.arrival, schema)))
        shown["compared_at"] = dg.MetadataValue.timestamp(profile.beside.at)
    elif profile.not_compared is not None:
        shown["would_happen"] = dg.MetadataValue.text(
            f"Not compared with what is in already: {printable(profile.not_compared)} "
            "Materialize mapped_events for this partition to compare it."
        )
    elif not checked.verdict.passed:
        shown["would_happen"] = dg.MetadataValue.text("Nothing: the file failed its checks.")
    return shown


def _profile(profile: Profile, schema: EventSchema) -> Iterator[dict[str, Any]]:
    here = list(_numbers(profile.in_file, schema))
    there = list(_numbers(profile.beside.there, schema)) if profile.beside else []
    for index, (what, value) in enumerate(here):
        row = {"what": what, "in this file": value}
        if there:
            row["in already, same time span"] = there[index][1]
        yield row


def _numbers(totals: Totals, schema: EventSchema) -> Iterator[tuple[str, str]]:
    yield "valid rows", f"{totals.rows:,}"
    yield "customers", f"{totals.customers:,}"
    yield "first timestamp", _moment(totals.first)
    yield "last timestamp", _moment(totals.last)
    for name, field in schema.usage_fields.items():
        unit = f" ({field.unit})" if field.unit else ""
        yield f"total {name}{unit}", grouped(totals.totals[name])


def would_happen(arrival: Arrival, schema: EventSchema) -> Iterator[dict[str, Any]]:
    """A row for each thing that would become of valid rows, in words for a person."""
    yield _fate("new", arrival.new, "events that are not in yet; they will count")
    if schema.policy == "keep_last" or arrival.replaced:
        yield _fate(
            "replaced",
            arrival.replaced,
            f"they will count instead of rows that count now; {arrival.corrected:,} say otherwise "
            "than those",
        )
    yield _fate(
        "duplicates", arrival.duplicates, "the same event with the same content; they won't count"
    )
    yield _fate(
        "conflicts", arrival.conflicts, "the same event with other content; they won't count"
    )


def _fate(what: str, rows: int, words: str) -> dict[str, Any]:
    return {"rows": rows, "what": what, "that is": words}


def next_step_here(upload: Upload, *, reading_waits: bool = False) -> str:
    """What is to be done with an upload now; to a decision, the way button by button."""
    if reading_waits:
        words = [_NEWER_WAITS, _CONFIRM]
    elif upload.state == "passed":
        words = [_WAITS, _CONFIRM, _REFUSE]
    else:
        words = [next_step(upload.state, upload.schema, upload.upload)]
    return " ".join(words).format(schema=upload.schema, upload=upload.upload)


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _text(text: str) -> str:
    return clip(printable(text))


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    # Dagster takes no table without rows.
    return (
        {name: dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])} if rows else {}
    )
