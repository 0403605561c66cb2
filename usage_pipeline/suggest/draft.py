"""From what a file holds to the draft of an event schema, and to what only a person can answer.

A question that is open never lets a wrong row in: the draft loads, and until it is answered `check`
says of the rows concerned what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from usage_pipeline.mapping.numbers import NumberSigns
from usage_pipeline.reading import clip
from usage_pipeline.reading.faults import FAULTS
from usage_pipeline.schema.cross_checks import EARLIEST_START, RESERVED_GROUPS, RESERVED_METRICS
from usage_pipeline.suggest import roles
from usage_pipeline.suggest.event_key import EventKey, find_key
from usage_pipeline.suggest.profile import Column, Profile
from usage_pipeline.suggest.text_table import TextTable, in_words
from usage_pipeline.suggest.words import field_names, free_name, hints, metric_name

#: A file with more columns in use keeps those that feed something.
WIDE = 20
_DIMENSIONS_OF_WIDE = 8
#: When the values of a column are taken for all there may be.
_OFTEN_ENOUGH, _SHARE_OF_ROWS, _LONGEST_WORD = 5, 20, 40
#: Longer spans are drafted with windows of a month.
_DAYS = timedelta(days=92)
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Question:
    """What the file does not say.

    about: the field, or the key of the schema, that the answer goes to.
    codes: what `check` says of the file until it is answered; none where the draft works as it is.
    """

    about: str
    text: str
    codes: tuple[str, ...] = ()


@dataclass
class DraftField:
    """One field of the draft: its keys, and what is said beside it."""

    name: str
    keys: dict[str, Any]
    role: str
    column: Column | None = None
    remarks: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def ask(self, text: str, *codes: str) -> None:
        self.questions.append(Question(self.name, text, codes))


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
        _customer(customer, [one.column.label for one in customers[1:]], file_name),
        _time(time, [one.column.label for one in times[1:]], now),
    ]
    units = {one.cell: roles.unit_column(one, roles.units(columns)) for one in usage}
    used = [one for one in units.values() if one is not None]
    needed = [*key.columns, *used]
    kept = _kept([one for one in columns if one not in taken], taken, needed, usage, rows)
    for column in sorted(kept, key=lambda one: one not in key.columns):
        fields.append(_field(column, names[column.label], column in key.columns, used, rows))
    metered = [_usage(column, names[column.label], units[column.cell]) for column in usage]
    fields += metered or [_no_usage(names.values())]
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


def _names(labels: Sequence[str], customer: Column | None, time: Column | None) -> dict[str, str]:
    names = field_names(labels, taken=("customer_id", "timestamp"))
    if customer is not None:
        names[customer.label] = "customer_id"
    if time is not None:
        names[time.label] = "timestamp"
    return names


def _customer(column: Column | None, others: Sequence[str], file_name: str) -> DraftField:
    if column is None:
        part = DraftField("customer_id", {"type": "string"}, "customer")
        part.ask(
            "No column says whose usage a row is. If the whole file belongs to one customer, add "
            "constant: NAME; if the name of the file says whose it is, add "
            f"from_file_name: '{_in_file_name(file_name)}', or the expression that finds it. "
            "Or name the column: from: [HEADER]. Until then every file is refused.",
            "missing-label",
        )
        return part
    part = DraftField(
        "customer_id", {"type": "string", **_from(column, "customer_id")}, "customer", column
    )
    if others:
        part.remarks.append(f"could also be {_list(others)}")
    if column.missing:
        part.ask(
            f"{_lines(column.missing)} no customer in {_quote(column.label)}. Whose are they? "
            "Until the file says so they are errors; on_invalid: quarantine_rows keeps just them "
            "out.",
            "required-value",
        )
    return part


def _time(column: Column | None, others: Sequence[str], now: datetime) -> DraftField:
    if column is None:
        part = DraftField("timestamp", {"type": "timestamp"}, "timestamp")
        part.ask(
            "No column holds times that can be read. When did a row happen? Name the column, and "
            "how it is written: from: [HEADER], format: PATTERN (docs/schema.md, timestamps). "
            "Until then every file is refused.",
            "missing-label",
        )
        return part
    part = DraftField(
        "timestamp", {"type": "timestamp", **_from(column, "timestamp")}, "timestamp", column
    )
    if others:
        part.remarks.append(f"could also be {_list(others)}")
    if column.type != "timestamp":
        part.ask(
            f"The texts in {_quote(column.label)} are no times that are read as they are"
            f"{_example(column)}. How are they written? Add format: PATTERN, or name another "
            "column: from: [HEADER]. Until then every line is an error.",
            "timestamp-format",
            "timestamp-no-zone",
            "precision-loss",
            "required-value",
        )
        return part
    _about_times(part, column)
    if column.missing:
        part.ask(
            f"{_lines(column.missing)} no time in {_quote(column.label)}; they are errors. Is "
            "another column always filled in?",
            "required-value",
        )
    if column.lowest is not None and column.highest is not None:
        if _moment(column.highest) > now:
            part.ask(
                f"There are times to come, up to {_moment(column.highest):%Y-%m-%d %H:%M}; more "
                "than 5 minutes ahead is an error. If they are meant, add future_limit: 24h, or "
                "as much as it takes.",
                "future-timestamp",
            )
        if _moment(column.lowest).date() <= EARLIEST_START:
            part.ask(
                f"There are times from {_moment(column.lowest):%Y-%m-%d} on, but no schema starts "
                f"before {EARLIEST_START}: earlier ones are errors.",
                "past-timestamp",
            )
    return part


def _about_times(part: DraftField, column: Column) -> None:
    """Format and zone of a column of times."""
    if column.orders:
        part.ask(
            f"Day and month cannot be told apart: all {column.values:,} values can be read as "
            f"{' and as '.join(column.orders)}, and mean other days then. Add the right one: "
            f'format: "{column.orders[0]}". Until then they are errors.',
            "timestamp-format",
            "timestamp-no-zone",
            "precision-loss",
        )
    elif column.format != "iso8601":
        part.keys["format"] = column.format
        for pattern, count in column.rivals.items():
            deciding = column.values - count
            part.remarks.append(
                f"{deciding:,} of {column.values:,} values decide against {pattern}"
            )
    if column.local and not (column.format.startswith("epoch") or "time_zone" in part.keys):
        part.ask(
            f"In which time zone are the times in {_quote(column.label)}? {column.local:,} of "
            f"{column.values:,} have no offset such as Z or +02:00. Add "
            "time_zone: UTC, or the zone, such as Europe/Berlin. Until then they are errors.",
            "timestamp-no-zone",
        )
    _about_misfits(part, column)


def _about_misfits(part: DraftField, column: Column) -> None:
    if column.misfit is None:
        return
    what = {"timestamp": "times", "integer": "whole numbers", "decimal": "numbers"}[column.type]
    count = column.misfit.count
    part.ask(
        f"{count:,} of {column.values:,} values in {_quote(column.label)} "
        f"{'is' if count == 1 else 'are'} unlike the others, which are {what}: the first is "
        f"{_quote(column.misfit.value)} on line {column.misfit.line:,}. Correct the file, add the "
        "text to csv.null_values if it means no value, or make the field a string.",
        "type-error",
        "precision-loss",
        "timestamp-format",
    )


def _field(
    column: Column, name: str, in_key: bool, units: Sequence[Column], rows: int
) -> DraftField:
    role = "event key" if in_key else "unit" if column in units else "dimension"
    if column.numeric:
        role = "number"
    elif column.type == "timestamp" and not in_key:
        role = "time"
    part = DraftField(name, {"type": column.type, **_from(column, name)}, role, column)
    if column.missing:
        part.keys["required"] = False
    if column.type == "timestamp":
        _about_times(part, column)
    else:
        _size(part, column)
        _about_misfits(part, column)
    if allowed := _allowed(column, rows, unit=column in units):
        part.keys["allowed"] = allowed
        part.remarks.append("allowed: what all lines of this file have; add what else may come")
    return part


def _usage(column: Column, name: str, unit: Column | None) -> DraftField:
    part = DraftField(name, {"type": column.type, **_from(column, name)}, "usage", column)
    part.keys["usage"] = True
    if column.missing:
        part.keys["required"] = False
    word = roles.unit_word(column.label)
    if word is not None and unit is None:
        part.keys["unit"] = word
    _size(part, column)
    if column.negative:
        part.remarks.append(f"{column.negative:,} of {column.values:,} values are negative")
    else:
        part.keys["minimum"] = 0
    _about_misfits(part, column)
    return part


def _no_usage(names: Collection[str]) -> DraftField:
    name = free_name("quantity", set(names))
    part = DraftField(name, {"type": "decimal", "usage": True}, "usage")
    part.ask(
        "No column looks like usage. Name the one that is metered: from: [HEADER]; or count rows: "
        'constant: "1". Until then every file is refused.',
        "missing-label",
    )
    return part


def _size(part: DraftField, column: Column) -> None:
    if column.type == "decimal" and column.scale != 18:
        part.keys |= {"precision": column.precision, "scale": column.scale}
        part.remarks.append("needs other digits than the 20 before and 18 behind the point")


def _allowed(column: Column, rows: int, *, unit: bool) -> list[str] | None:
    if column.type != "string" or column.few is None:
        return None
    if not unit and (column.id_like or len(column.few) == 1):
        return None
    if hints(column.label) & {"name", "description"}:
        return None
    often = all(count >= _OFTEN_ENOUGH for count in column.few.values())
    words = all(_is_word(value) for value in column.few)
    if often and words and rows >= _SHARE_OF_ROWS * len(column.few):
        return sorted(column.few)
    return None


def _is_word(value: str) -> bool:
    """Whether a value names a kind of something, and is neither a number nor a sentence."""
    short = len(value) <= _LONGEST_WORD and len(value.split()) <= 4
    return short and value.strip() == value and not re.fullmatch(r"[\d.,-]+", value)


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
    first = _moment(time.lowest) - (timedelta(days=1) if time.local else timedelta())
    return max(first.date().replace(day=1), EARLIEST_START)


def _start_remark(time: Column | None) -> str:
    if time is None or time.lowest is None or time.type != "timestamp":
        return "an earlier event is an error; no times were read yet"
    return f"an earlier event is an error; the first is of {_moment(time.lowest):%Y-%m-%d}"


def _kind_remark(time: Column | None, ends: Sequence[Column]) -> str | None:
    if time is None or not ends:
        return None
    return (
        f"{_quote(ends[0].label)} ends a period. If rows are sums that are billable as they are, "
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
        yield Question(
            "event_key",
            f"What tells one event from another? None of {key.tried} sets of columns that were "
            f"counted has each value once.{equal} So every line is its own event, which is a last "
            "resort: the same event in two files is billed twice. If there is a key, name it; "
            "lines that it has twice then count once.",
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
            f"How are numbers written? They can be read with {_signs(profile.ambiguous_signs)}, "
            "and are other numbers then. Add to csv: decimal_sign and thousands_sign. Until then "
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
    for word in profile.null_words[1:]:
        numbers = [one for one in profile.columns if one.type != "string" and one.nulls.get(word)]
        texts = [one for one in kept if one.type == "string" and one.nulls.get(word)]
        also = f"; it then means so in {_list([one.label for one in texts])} too" if texts else ""
        where = _list([one.label for one in numbers])
        remarks.append(f"{_quote(word)} stands for no value in {where}{also}")
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
        and _moment(time.highest) - _moment(time.lowest) > _DAYS
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


def _from(column: Column, name: str) -> dict[str, list[str]]:
    return {} if column.label == name else {"from": [column.label]}


def _in_file_name(file_name: str) -> str:
    """An expression that finds what may tell one file from another: its last word with a digit."""
    stem, dot, ending = file_name.partition(".")
    begin, _, last = stem.rpartition("_")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", stem) or not re.fullmatch(r"[A-Za-z0-9.]*", ending):
        return "^([^.]+)"
    head = f"{begin}_" if begin else ""
    return f"^{re.escape(head)}([^._]+){re.escape(dot + ending)}$" if last else "^([^.]+)"


def _moment(microseconds: Any) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))


def _signs(ways: Sequence[NumberSigns]) -> str:
    return " and with ".join(
        f"decimal_sign '{one.decimal}'"
        + (f" and thousands_sign '{one.thousands}'" if one.thousands else "")
        for one in ways
    )


def _lines(count: int) -> str:
    return "1 line has" if count == 1 else f"{count:,} lines have"


def _example(column: Column) -> str:
    value = next(iter(column.few), None) if column.few else None
    return f", such as {_quote(value)}" if value else ""


def _quote(text: str) -> str:
    return f"'{clip(text, _SHOWN)}'"


def _list(labels: Sequence[str]) -> str:
    shown = [_quote(label) for label in labels[:4]]
    more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
    return ", ".join(shown) + more
