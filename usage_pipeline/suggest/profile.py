"""What each column of a file holds: its type by the very casts that will read it, on every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from usage_pipeline.mapping.casts import Cast, with_steps
from usage_pipeline.mapping.casts import cast as cast_of
from usage_pipeline.mapping.numbers import BLANKS, PLAIN_SIGNS, NumberSigns
from usage_pipeline.schema import FieldSpec
from usage_pipeline.schema.event_schema import FieldType
from usage_pipeline.suggest.column import Column, Misfit, Profile, named_like_time
from usage_pipeline.suggest.number_signs import SIGNS, Written, signs_of
from usage_pipeline.suggest.patterns import promising
from usage_pipeline.suggest.text_table import TextTable
from usage_pipeline.warehouse.sql import literal

#: What people and programs write where there is no value.
NULL_WORDS = (
    *("", "NULL", "null", "Null", "N/A", "n/a", "#N/A", "NA", "None", "none", "nil", "NaN", "nan"),
    *("-", "--", "\\N", "(null)", "(blank)", "?"),
)
#: The most values of a column that are worth a list.
FEW = 12
#: So many of at least so many values make a type; those that do not fit are asked about.
_NEARLY, _ENOUGH = 0.95, 20
#: How many values a pattern is tried on before all of them are.
_TRIED = 200
_LONGEST_TIME = 40


#: From 2000 to 2100, in which a count since 1970 may be taken for a time.
_EPOCHS = {
    "epoch_seconds": (946_684_800, 4_102_444_800),
    "epoch_milliseconds": (946_684_800_000, 4_102_444_800_000),
}
#: No number is written with anything else, whatever the signs.
_NUMBERISH = "[ \t]*[+-]?[0-9.,'’ _\u00a0\u202f]+(?:[eE][+-]?[0-9]+)?[ \t]*"
_PLAIN = r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_SCALES = (18, 12, 6, 2, 0, 24, 30, 36)
_EARLIEST, _LATEST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def profile(table: TextTable) -> Profile:
    """Look at every cell of a file; nothing is concluded from a part of the rows."""
    labels = table.header.labels
    found = [_text(table, label, NULL_WORDS) for label in labels]
    written = _signs(table, found)
    # Where the signs are open the numbers are numbers all the same.
    tried = written.ambiguous[0] if written.ambiguous else written.signs
    typed = [_typed(table, column, tried) for column in found]
    used = {word for one in typed if one.type != "string" for word, n in one.nulls.items() if n}
    words = tuple(word for word in NULL_WORDS if word in used | {""})
    columns = [one if one.type != "string" else _text(table, one.label, words) for one in typed]
    if written.ambiguous:
        columns = [
            replace(one, unfit_signs=_plain(table, one) < one.values) if one.numeric else one
            for one in columns
        ]
    return Profile(tuple(columns), words, written.signs, written.ambiguous)


def values_of(table: TextTable, columns: Sequence[Column], nulls: Sequence[str]) -> str:
    """What to select from: `line`, and the value of each column under the name of its cell.

    Times without an offset are read as UTC: which are equal does not depend on the zone.
    """
    texts = ", ".join(f"{_or_null(one.cell, nulls)} AS {_name(one.cell)}" for one in columns)
    casts = {one.cell: _cast(one.spec(), _name(one.cell), PLAIN_SIGNS) for one in columns}
    values = ", ".join(f"{value.value} AS {cell}" for cell, value in casts.items())
    source = with_steps(f"(SELECT line, {texts} FROM {table.rows})", casts.values())
    return f"(SELECT line, {values} FROM {source})"


def _name(cell: str) -> str:
    return f'"text:{cell}"'


def _or_null(cell: str, nulls: Sequence[str]) -> str:
    words = ", ".join(literal(word) for word in nulls)
    return f"CASE WHEN {cell} NOT IN ({words}) THEN {cell} END"


def _cast(spec: FieldSpec, cell: str, signs: NumberSigns) -> Cast:
    return cast_of(spec, cell, earliest=_EARLIEST, latest=_LATEST, signs=signs)


def _rows(table: TextTable, cell: str, nulls: Sequence[str]) -> str:
    return f"(SELECT line, {_or_null(cell, nulls)} AS cell FROM {table.rows})"


def _text(table: TextTable, label: str, nulls: Sequence[str]) -> Column:
    cell = table.column(label)
    counted = ", ".join(f"count(*) FILTER ({cell} = {literal(word)})" for word in nulls)
    text = _or_null(cell, nulls)
    [(values, distinct, longest, numberish, plain, *absent)] = table.ask(
        f"SELECT count({text}), approx_count_distinct({text}),"
        f" coalesce(max(length({text})), 0),"
        f" count(*) FILTER (regexp_full_match({text}, {literal(_NUMBERISH)})),"
        f" count(*) FILTER (regexp_full_match({text}, {literal(_PLAIN)})),"
        f" {counted} FROM {table.rows}"
    )
    few: dict[str, int] | None = None
    if cast(int, distinct) <= 2 * FEW and cast(int, longest) <= 1000:
        groups = table.ask(
            f"SELECT cell, count(*) FROM {_rows(table, cell, nulls)} WHERE cell IS NOT NULL"
            f" GROUP BY cell ORDER BY count(*) DESC, cell LIMIT {FEW + 1}"
        )
        if len(groups) <= FEW:
            few = {str(value): cast(int, count) for value, count in groups}
    nulls_found = {word: cast(int, n) for word, n in zip(nulls, absent, strict=True) if n}
    sizes = cast(tuple[int, int, int], (values, distinct, longest))
    numbers = cast(tuple[int, int], (numberish, plain))
    return Column(label, cell, sizes[0], nulls_found, sizes[1], sizes[2], few, *numbers)


def _signs(table: TextTable, columns: Sequence[Column]) -> Written:
    """Which signs the numbers of the file are written with."""
    numbers = [
        one
        for one in columns
        if one.values and one.numberish == one.values and one.longest <= 100 and not one.id_like
    ]
    others = []
    for column in numbers:
        if column.plain < column.values:
            counts = _readings(table, column, SIGNS)
            whole = {one: total for one, (count, total) in counts.items() if count == column.values}
            others += [whole] if whole else []
    plain_too = set(SIGNS)
    for column in numbers if others else ():
        if column.plain == column.values:
            # Whole numbers read alike by all signs; a number with a point does not.
            counts = _readings(table, column, [PLAIN_SIGNS, *SIGNS])
            plain_too &= {one for one in SIGNS if counts[one] == counts[PLAIN_SIGNS]}
    return signs_of(others, plain_too)


def _readings(
    table: TextTable, column: Column, ways: Sequence[NumberSigns]
) -> dict[NumberSigns, tuple[int, object]]:
    """By each way of writing: how many values are numbers, and a digest of which."""
    casts = [_cast(FieldSpec(type="decimal"), "cell", signs) for signs in ways]
    asked = ", ".join(f"count({one.value}), {_digest(one.value)}" for one in casts)
    source = with_steps(_rows(table, column.cell, NULL_WORDS), casts)
    [row] = table.ask(f"SELECT {asked} FROM {source}")
    return {
        signs: (cast(int, row[2 * index]), row[2 * index + 1]) for index, signs in enumerate(ways)
    }


def _digest(value: str) -> str:
    """What two readings of the same cells share only where they give the same values."""
    return f"sum(CAST(hash({value}) % 1000000007 AS HUGEINT)) FILTER ({value} IS NOT NULL)"


def _plain(table: TextTable, column: Column) -> int:
    return _readings(table, column, [PLAIN_SIGNS])[PLAIN_SIGNS][0]


def _typed(table: TextTable, column: Column, signs: NumberSigns) -> Column:
    if column.empty:
        return column
    if column.few and {value.strip(BLANKS).lower() for value in column.few} <= {"true", "false"}:
        return replace(column, type="boolean")
    if not _nearly(column.numberish, column.values):
        return _timestamp(table, column) or column
    specs = [FieldSpec(type="integer"), FieldSpec(type="decimal")]
    counts = _read(table, column, [_cast(spec, "cell", signs) for spec in specs])
    integers, decimals = counts
    if decimals == column.values and (time := _as_time(table, column, integers)):
        return time
    if _digits_are_text(table, column, max(integers, decimals)):
        return column
    if integers == column.values:
        return _number(table, replace(column, type="integer"), signs)
    if decimals == column.values:
        return _number(table, replace(column, type="decimal"), signs)
    if time := _timestamp(table, column):
        return time
    for kind, count in (("integer", integers), ("decimal", decimals)):
        if _nearly(count, column.values):
            near = replace(column, type=cast(FieldType, kind))
            misfit = _misfit(table, column, _cast(near.spec(), "cell", signs), count)
            if kind == "integer" and decimals > integers:
                continue  # what is no whole number is a number all the same
            return _number(table, replace(near, misfit=misfit), signs)
    return _wide_decimal(table, column, signs) or column


def _read(table: TextTable, column: Column, casts: Sequence[Cast]) -> list[int]:
    """How many values each cast reads."""
    source = with_steps(_rows(table, column.cell, NULL_WORDS), casts)
    asked = ", ".join(f"count({one.value})" for one in casts)
    [row] = table.ask(f"SELECT {asked} FROM {source}")
    return [cast(int, count) for count in row]


def _nearly(count: int, values: int) -> bool:
    return count == values or (values >= _ENOUGH and count >= _NEARLY * values)


def _digits_are_text(table: TextTable, column: Column, numbers: int) -> bool:
    """Whether digits are no number: `007` is not 7, and nobody adds account numbers up."""
    if not numbers:
        return False
    if column.id_like:
        return True
    padded = f"count(*) FILTER (regexp_full_match(cell, {literal('0[0-9]+')}))"
    [(count,)] = table.ask(f"SELECT {padded} FROM {_rows(table, column.cell, NULL_WORDS)}")
    return bool(count)


def _number(table: TextTable, column: Column, signs: NumberSigns) -> Column:
    value = _cast(column.spec(), "cell", signs)
    source = with_steps(_rows(table, column.cell, NULL_WORDS), [value])
    [(lowest, highest, negative)] = table.ask(
        f"SELECT min(v), max(v), count(*) FILTER (v < 0) FROM (SELECT {value.value} AS v"
        f" FROM {source})"
    )
    return replace(
        column,
        lowest=cast(Decimal, lowest),
        highest=cast(Decimal, highest),
        negative=cast(int, negative),
    )


def _wide_decimal(table: TextTable, column: Column, signs: NumberSigns) -> Column | None:
    """Numbers that need more digits before or behind the point than a decimal has by default."""
    if column.longest > 60:
        return None
    specs = [FieldSpec(type="decimal", precision=38, scale=scale) for scale in _SCALES]
    counts = _read(table, column, [_cast(spec, "cell", signs) for spec in specs])
    for scale, count in zip(_SCALES, counts, strict=True):
        if count == column.values:
            return _number(table, replace(column, type="decimal", scale=scale), signs)
    return None


def _as_time(table: TextTable, column: Column, integers: int) -> Column | None:
    """Times written in digits alone, where the name of the column says that it holds times."""
    if not named_like_time(column.label):
        return None
    value = _cast(FieldSpec(type="decimal"), "cell", PLAIN_SIGNS)
    source = with_steps(_rows(table, column.cell, NULL_WORDS), [value])
    [(lowest, highest)] = table.ask(
        f"SELECT min(v), max(v) FROM (SELECT {value.value} AS v FROM {source})"
    )
    for form, (first, last) in _EPOCHS.items():
        if lowest is not None and first <= cast(Decimal, lowest) <= cast(Decimal, highest) <= last:
            return _spanned(table, replace(column, type="timestamp", format=form))
    return _timestamp(table, column) if integers == column.values else None


def _timestamp(table: TextTable, column: Column) -> Column | None:
    tried = table.ask(
        f"SELECT DISTINCT cell FROM {_rows(table, column.cell, NULL_WORDS)}"
        f" WHERE cell IS NOT NULL LIMIT {_TRIED}"
    )
    formats = promising(sorted(str(text)[: 2 * _LONGEST_TIME] for (text,) in tried))
    counts: dict[str, tuple[int, object]] = {}
    for form in formats:
        counts[form] = _times(table, column, form)
        if form == "iso8601" and counts[form][0] == column.values:
            formats = [form]  # ISO 8601 has no other reading
            break
    if not counts:
        return None
    most = max(count for count, _ in counts.values())
    if not _nearly(most, column.values):
        return None
    best = [form for form in formats if counts[form][0] == most]
    chosen = replace(
        column,
        type="timestamp",
        format=best[0],
        rivals={form: count for form, (count, _) in counts.items() if 0 < count < most},
    )
    if len({counts[form][1] for form in best}) > 1:
        chosen = replace(chosen, orders=tuple(best))
    if most < column.values:
        read = _cast(chosen.spec(), "cell", PLAIN_SIGNS)
        chosen = replace(chosen, misfit=_misfit(table, column, read, most))
    return _spanned(table, chosen)


def _times(table: TextTable, column: Column, form: str) -> tuple[int, object]:
    read = _cast(FieldSpec(type="timestamp", format=form, time_zone="UTC"), "cell", PLAIN_SIGNS)
    source = with_steps(_rows(table, column.cell, NULL_WORDS), [read])
    [(count, digest)] = table.ask(
        f"SELECT count(v), {_digest('v')} FROM (SELECT {read.value} AS v FROM {source})"
    )
    return cast(int, count), digest


def _spanned(table: TextTable, column: Column) -> Column:
    """With the first and last time, and how many are written without an offset."""
    read = _cast(column.spec(), "cell", PLAIN_SIGNS)
    placed = _cast(column.spec(time_zone=None), "cell", PLAIN_SIGNS)
    source = with_steps(_rows(table, column.cell, NULL_WORDS), [read, placed])
    [(count, with_offset, lowest, highest)] = table.ask(
        "SELECT count(v), count(o), epoch_us(min(v)), epoch_us(max(v)) FROM"
        f" (SELECT {read.value} AS v, {placed.value} AS o FROM {source})"
    )
    local = cast(int, count) - cast(int, with_offset)
    return replace(
        column, local=local, lowest=cast(int | None, lowest), highest=cast(int | None, highest)
    )


def _misfit(table: TextTable, column: Column, read: Cast, count: int) -> Misfit:
    source = with_steps(_rows(table, column.cell, NULL_WORDS), [read])
    [(line, value)] = table.ask(
        f"SELECT line, cell FROM {source} WHERE cell IS NOT NULL AND {read.value} IS NULL"
        " ORDER BY line LIMIT 1"
    )
    return Misfit(column.values - count, cast(int, line), str(value))
