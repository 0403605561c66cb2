"""What the words of a header hint at, and the field names made of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from usage_pipeline.mapping.headers import normal_label
from usage_pipeline.mapping.likeness import words_of
from usage_pipeline.schema.cross_checks import RESERVED_FIELDS, RESERVED_SCHEMAS
from usage_pipeline.schema.metric_checks import RESERVED_METRICS

#: Names of metrics add a few words, and no name may have more than 63 characters.
_LONGEST_FIELD = 44
_LONGEST_SCHEMA = 63
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PATH = re.compile(r"[/.:]")
#: Words that people run together with others: `usageaccountid`.
_FOUND_INSIDE = 6


def hints(label: str) -> set[str]:
    """The words of a header, plurals also without their s."""
    words = set(words_of(label))
    return words | {word[:-1] for word in words if len(word) > 3 and word.endswith("s")}


def has_any(label: str, wanted: Collection[str]) -> bool:
    """Whether a header has one of the words, a long one also as part of another."""
    return any(has(label, word) for word in wanted)


def has(label: str, word: str) -> bool:
    """Whether a header has the word, a long one also as part of another."""
    found = hints(label)
    return word in found or (len(word) >= _FOUND_INSIDE and any(word in one for one in found))


def last_part(label: str) -> str:
    """What a header says itself, where it begins with the group it belongs to: `lineItem/…`."""
    return _PATH.split(label)[-1].strip() or label


def field_names(labels: Collection[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A field name for each header: snake_case, none twice, none reserved or in `taken`.

    No name is that of another column: a field takes the column of its own name too, and two
    columns for one field are an error. Where headers are paths, their last part names the field
    unless that is the name of several.
    """
    shorts = {label: _snake(last_part(label)) for label in labels}
    spellings = {normal_label(label) for label in labels}
    names: dict[str, str] = {}
    for label in labels:
        short = shorts[label]
        repeated = sum(other == short for other in shorts.values()) > 1
        base = _snake(label) if repeated or not short else short
        base = base or f"column_{list(labels).index(label) + 1}"
        others = spellings - {normal_label(label)}
        names[label] = free_name(base, {*taken, *names.values(), *others, *RESERVED_FIELDS})
    return names


def free_name(base: str, taken: Collection[str]) -> str:
    """`base`, with a number behind it where it is taken."""
    base = _cut(base, _LONGEST_FIELD)
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def metric_name(field: str, window: str) -> str:
    """What the sum of a field per window is called."""
    return f"{field}_per_{window}"


def schema_name(file_name: str, taken: Collection[str]) -> str:
    """A name for the schema of a file, taken from the file's."""
    stem = re.sub(r"(\.\w{1,8})+$", "", file_name)
    words = re.split(r"[\W_]+", stem)
    # A word with digits at either end is mostly the day, the part or the owner of this one file.
    while len(words) > 1 and re.search(r"\d", words[-1]):
        words.pop()
    while len(words) > 1 and words[0].isdigit():
        words.pop(0)
    named = any(re.search(r"[A-Za-z]", word) for word in words)
    base = (_snake("_".join(words)) if named else "") or "usage_file"
    return free_name(base[:_LONGEST_SCHEMA], {*taken, *RESERVED_SCHEMAS, *RESERVED_METRICS})


def _snake(text: str) -> str:
    plain = unicodedata.normalize("NFKD", _CAMEL.sub("_", text[:200]).replace("ß", "ss"))
    ascii_only = plain.encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")
    if name and not name[0].isalpha():
        name = f"n_{name}"
    return _cut(name, _LONGEST_FIELD)


def _cut(name: str, most: int) -> str:
    return name[:most].rstrip("_")
