"""From what a file holds to the draft of an event schema, and to what only a person can answer.

A question that is open never lets a wrong row in: the draft loads, and until it is answered `check`
says of the rows concerned what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from usage_pipeline.mapping.numbers import PLAIN_SIGNS
from usage_pipeline.reading.faults import FAULTS
from usage_pipeline.schema.cross_checks import EARLIEST_START
from usage_pipeline.schema.metric_checks import RESERVED_GROUPS, RESERVED_METRICS
from usage_pipeline.suggest import roles
from usage_pipeline.suggest.column import Column, Profile, named_like_time
from usage_pipeline.suggest.draft_fields import (
    DraftField,
    Question,
    column_field,
    customer_field,
    no_usage_field,
    time_field,
    usage_field,
)
from usage_pipeline.suggest.event_key import EventKey, find_key
from usage_pipeline.suggest.phrases import list_of, moment, quote, signs_in_words
from usage_pipeline.suggest.text_table import TextTable, in_words
from usage_pipeline.suggest.words import field_names, free_name, metric_name

#: A file with more columns in use keeps those that feed something.
WIDE = 20
_DIMENSIONS_OF_WIDE = 8
#: Longer spans are drafted with windows of a month.
_DAYS = timedelta(days=92)


@dataclass(frozen=True)
class LeftOut:
    """Columns that the draft does not read, and why."""

    why: str
    columns: tuple[Column, ...]


@dataclass
class Draft:
    """An event schema, with remarks and questions beside its keys."""

    name: str
    description: str
    head: list[str]
    start: date
    start_remark: str
    fields: list[DraftField]
    event_key: list[str]
    key_remarks: list[str]
    csv: dict[str, Any]
    csv_remarks: list[str]
    metrics: dict[str, dict[str, Any]]
    left_out: list[LeftOut]
    kind_remark: str | None = None
    asked: list[Question] = field(default_factory=list)

    @property
    def questions(self) -> list[Question]:
        """All of them, in the order of the draft."""
        return [*(one for part in self.fields for one in part.questions), *self.asked]


def make_draft(
    table: TextTable,
    profile: Profile,
    name: str,
    file_name: str,
    encoding: str,
    now: datetime,
) -> Draft:
    """Draft an event schema called `name`; `now` (aware) tells times to come from others."""
    rows = table.sound
    columns = [one for one in profile.columns if not one.empty]
    customers = roles.customers(profile.columns, rows)
    customer = customers[0].column if customers else None
    times = roles.times([one for one in profile.columns if one is not customer], rows)
    time = times[0].column if times else None
    taken = [one for one in (customer, time) if one is not None]
    usage, named = roles.usage([one for one in columns if one not in taken])
    key = find_key(
        table, [one for one in columns if one not in taken], customer, time, profile.null_words
    )
    names = _names(table.header.labels, customer, time)

    fields = [
        customer_field(customer, [one.column.label for one in customers[1:]], file_name),
        time_field(time, [one.column.label for one in times[1:]], now, _named_like_times(columns)),
    ]
    units = {one.cell: roles.unit_column(one, roles.units(columns)) for one in usage}
    used = [one for one in units.values() if one is not None]
    needed = [*key.columns, *used]
    kept = _kept([one for one in columns if one not in taken], taken, needed, usage, rows)
    for column in sorted(kept, key=lambda one: one not in key.columns):
        fields.append(column_field(column, names[column.label], column in key.columns, used, rows))
    metered = [usage_field(column, names[column.label], units[column.cell]) for column in usage]
    fields += metered or [no_usage_field(names.values())]
    if len(metered) > 1 and not named:
        metered[0].ask(
            "None of the headers says that it counts usage. Which of "
            f"{', '.join(one.name for one in metered)} are metered? Take usage: true from the "
            "others, and their metrics out."
        )
    elif metered and not named:
        metered[0].remarks.append("the only number of the file that can be usage")
    draft = Draft(
        name=name,
        description=f"Drafted from {file_name}",
        head=_head(table, file_name),
        start=_start(time),
        start_remark=_start_remark(time),
        fields=fields,
        event_key=_key_fields(key, names),
        key_remarks=_key_remarks(key, rows),
        csv=_csv(profile, encoding),
        csv_remarks=_csv_remarks(profile, kept),
        metrics=_metrics(metered, units, names, time),
        left_out=list(_left_out(profile, [*taken, *kept, *usage], rows)),
        kind_remark=_kind_remark(time, roles.period_ends(columns)),
    )
    draft.asked += _about_all(table, profile, key)
    return draft


def _named_like_times(columns: Sequence[Column]) -> list[str]:
    texts = [one for one in columns if one.type == "string"]
    return [one.label for one in texts if named_like_time(one.label)]


def _names(labels: Sequence[str], customer: Column | None, time: Column | None) -> dict[str, str]:
    names = field_names(labels, taken=("customer_id", "timestamp"))
    if customer is not None:
        names[customer.label] = "customer_id"
    if time is not None:
        names[time.label] = "timestamp"
    return names


def _kept(
    columns: Sequence[Column],
    taken: Sequence[Column],
    needed: Sequence[Column],
    usage: Sequence[Column],
    rows: int,
) -> list[Column]:
    """The columns besides customer, time and usage that become fields, in the file's order."""
    others = [one for one in columns if one not in usage]
    if len(columns) <= WIDE:
        return others
    free = [one for one in others if one not in needed]
    dimensions = roles.dimensions(free, rows, [*taken, *needed])
    chosen = [*needed, *dimensions[:_DIMENSIONS_OF_WIDE]]
    return [one for one in others if one in chosen]


def _left_out(profile: Profile, read: Sequence[Column], rows: int) -> Iterator[LeftOut]:
    others = [one for one in profile.columns if one not in read]
    empty = tuple(one for one in others if one.empty)
    same = tuple(one for one in others if one.constant)
    rest = tuple(one for one in others if one not in (*empty, *same))
    if empty:
        yield LeftOut("without any value", empty)
    if same:
        yield LeftOut(f"the same in all {rows:,} lines", same)
    if rest:
        yield LeftOut("not needed by anything above", rest)


def _head(table: TextTable, file_name: str) -> list[str]:
    return [
        f"Drafted by `usage-pipeline suggest` from {file_name}: {table.lines:,} lines, "
        f"{len(table.header.labels):,} columns, separated by {in_words(table.header)}s. "
        "What is said of the file here holds for all its lines."
    ]


def _start(time: Column | None) -> date:
    if time is None or time.type != "timestamp" or time.lowest is None:
        return EARLIEST_START
    # A zone east of UTC begins the day earlier.
    first = moment(time.lowest) - (timedelta(days=1) if time.local else timedelta())
    return max(first.date().replace(day=1), EARLIEST_START)


def _start_remark(time: Column | None) -> str:
    if time is None or time.lowest is None or time.type != "timestamp":
        return "an earlier event is an error; no times were read yet"
    return f"an earlier event is an error; the first is of {moment(time.lowest):%Y-%m-%d}"


def _kind_remark(time: Column | None, ends: Sequence[Column]) -> str | None:
    if time is None or not ends:
        return None
    return (
        f"{quote(ends[0].label)} ends a period. If rows are sums that are billable as they are, "
        "write kind: summary, and window: how long one of them is (docs/schema.md)."
    )


def _key_fields(key: EventKey, names: dict[str, str]) -> list[str]:
    if key.every_line:
        return ["upload", "line"]
    first = (["customer_id"] if key.customer else []) + (["timestamp"] if key.time else [])
    columns = [names[one.label] for one in key.columns]
    return [*first, *columns] if key.customer else [*columns, *first]


def _key_remarks(key: EventKey, rows: int) -> list[str]:
    if key.every_line:
        return []
    few = " But so few lines say little." if rows < 20 else ""
    return [f"counted: no two of the {rows:,} lines have the same.{few}"]


def _about_all(table: TextTable, profile: Profile, key: EventKey) -> Iterator[Question]:
    if key.every_line:
        equal = (
            f" {key.equal_rows:,} lines say, cell for cell, what an earlier line says."
            if key.equal_rows
            else ""
        )
        counted = (
            f"None of {key.tried} sets of columns that were counted has each value once."
            if key.tried
            else "No column is named like an id, and no set could be counted."
        )
        yield Question(
            "event_key",
            f"What tells one event from another? {counted}{equal} So every line is its own event, "
            "which is a last resort: the same event in two files is billed twice. If there is a "
            "key, name it; lines that it has twice then count once.",
        )
    if key.time_alone:
        yield Question(
            "event_key",
            "Can a customer have two events at the same moment? No two lines of this file have "
            "the same time, but a time is no id: of two such events one would count. If it can "
            "be, name what tells them apart, or write [upload, line].",
        )
    if profile.ambiguous_signs:
        yield Question(
            "csv",
            "How are numbers written? They can be read with "
            f"{signs_in_words(profile.ambiguous_signs)}, and are other numbers then. Add to "
            "csv: decimal_sign and thousands_sign. Until then "
            "those with a sign that is not plain are errors.",
            ("type-error",),
        )
    if table.faulty:
        first = table.faults[0]
        yield Question(
            "file",
            f"{table.faulty:,} of {table.lines:,} lines do not fit the header, and nothing is said "
            f"of them here. The first is line {first.line}: {first.message} Correct the file, or "
            "add on_invalid: quarantine_rows to keep just such lines out.",
            tuple(code for code in FAULTS if code),
        )


def _csv(profile: Profile, encoding: str) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if encoding != "auto":
        keys["encoding"] = encoding
    if profile.null_words != ("",):
        keys["null_values"] = list(profile.null_words)
    if profile.signs.decimal != ".":
        keys["decimal_sign"] = profile.signs.decimal
    if profile.signs.thousands is not None:
        keys["thousands_sign"] = profile.signs.thousands
    return keys


def _csv_remarks(profile: Profile, kept: Sequence[Column]) -> list[str]:
    remarks = []
    for one in profile.columns if profile.signs != PLAIN_SIGNS else ():
        if one.numeric and one.plain < one.values:
            remarks.append(
                f"{one.values - one.plain:,} of {one.values:,} values in {quote(one.label)} are "
                "written with these signs"
            )
    for word in profile.null_words[1:]:
        numbers = [one for one in profile.columns if one.type != "string" and one.nulls.get(word)]
        texts = [one for one in kept if one.type == "string" and one.nulls.get(word)]
        also = f"; it then means so in {list_of([one.label for one in texts])} too" if texts else ""
        where = list_of([one.label for one in numbers])
        remarks.append(f"{quote(word)} stands for no value in {where}{also}")
    return remarks


def _metrics(
    metered: Sequence[DraftField],
    units: dict[str, Column | None],
    names: dict[str, str],
    time: Column | None,
) -> dict[str, dict[str, Any]]:
    long = (
        time is not None
        and time.type == "timestamp"
        and time.lowest is not None
        and time.highest is not None
        and moment(time.highest) - moment(time.lowest) > _DAYS
    )
    window = "month" if long else "day"
    metrics: dict[str, dict[str, Any]] = {}
    for part in metered:
        name = free_name(metric_name(part.name, window), {*metrics, *RESERVED_METRICS})
        metrics[name] = {"aggregation": "sum", "field": part.name, "window": window}
        unit = units[part.column.cell] if part.column is not None else None
        if unit is not None and names[unit.label] not in RESERVED_GROUPS:
            metrics[name]["group_by"] = [names[unit.label]]
    return metrics
