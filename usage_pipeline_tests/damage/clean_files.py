"""Sound files of every kind that is read, whose rows are known without reading them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.schema_file import parse_schema

Cells = tuple[str, ...]
Quoting = Literal["never", "needed", "always"]

_LINE_BREAK = re.compile("\r\n|\r|\n")
_TYPES = {
    "timestamp": {"type": "timestamp"},
    "calls": {"type": "integer", "usage": True},
    "gb": {"type": "decimal", "usage": True},
    "paid": {"type": "boolean"},
}


def line_breaks(text: str) -> int:
    """How many line breaks an editor sees in it."""
    return len(_LINE_BREAK.findall(text))


@dataclass(frozen=True)
class CleanFile:
    """A table, whose first row is the header, and how it is written.

    lead: blank lines above the header.
    unread: labels that no field of the schema takes.
    typed: its columns are numbers, times and such; all others are text, so that nothing but the
        structure is judged.
    """

    name: str
    table: tuple[Cells, ...]
    delimiter: str = ","
    end: str = "\n"
    quoting: Quoting = "needed"
    encoding: str = "utf-8"
    lead: str = ""
    unread: frozenset[str] = frozenset()
    typed: bool = False

    @property
    def labels(self) -> Cells:
        return self.table[0]

    @property
    def fields(self) -> tuple[str, ...]:
        """The labels that are read."""
        return tuple(label for label in self.labels if label not in self.unread)

    @cached_property
    def records(self) -> tuple[Cells, ...]:
        """The cells of the header and of each row, as they are written."""
        return tuple(tuple(map(self._written, cells)) for cells in self.table)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The header and each row, as they are written, with their line ends."""
        return tuple(self.delimiter.join(record) + self.end for record in self.records)

    @cached_property
    def lines(self) -> tuple[int, ...]:
        """The line on which the header and each row starts."""
        line, lines = 1 + line_breaks(self.lead), []
        for text in self.texts:
            lines.append(line)
            line += line_breaks(text)
        return tuple(lines)

    @property
    def content(self) -> bytes:
        return self.encoded("".join(self.texts))

    def encoded(self, records: str) -> bytes:
        """A file of other records in the same encoding."""
        return (self.lead + records).encode(self.encoding)

    def read_cells(self, index: int) -> Cells:
        """The cells of one row that a field takes."""
        pairs = zip(self.labels, self.table[index], strict=True)
        return tuple(cell for label, cell in pairs if label not in self.unread)

    @cached_property
    def schema(self) -> EventSchema:
        """A schema that takes every row by itself, so that one bad row costs no other."""
        fields: dict[str, Any] = {
            "timestamp": {"type": "timestamp", "constant": "2024-10-01T10:00:00Z"},
            "events": {"type": "integer", "constant": "1", "usage": True},
        }
        for index, label in enumerate(self.labels):
            if label not in self.unread:
                text = {"type": "string", "required": all(row[index] for row in self.table)}
                fields[label] = _TYPES.get(label, text) if self.typed else text
        named = self.encoding if self.encoding == "cp1252" else "auto"
        return parse_schema(
            {
                "name": "damaged",
                "start": "2024-01-01",
                "fields": fields,
                "event_key": ["upload", "line"],
                "on_invalid": "quarantine_rows",
                "csv": {"delimiter": "auto", "encoding": named},
            }
        )

    def _written(self, cell: str) -> str:
        special = any(sign in cell for sign in (self.delimiter, '"', "\r", "\n"))
        if self.quoting == "always" or (self.quoting == "needed" and special):
            return '"' + cell.replace('"', '""') + '"'
        assert not special
        return cell


PLAIN = (
    ("id", "customer_id", "region", "calls"),
    ("e1", "acme", "eu west", "12"),
    ("e2", "bob", "us", "7"),
    ("e3", "acme", "eu", "310"),
    ("e4", "Łódź ☃", "eu", "4"),
    ("e5", "cy", "ap south", "55"),
)

#: `{}` stands for a line break of the file's own kind, `|` for its delimiter.
_QUOTABLE = (
    ("id", "customer_id", "note", "path", "calls"),
    ("e1", "acme", "a|b", "/x", "12"),
    ("e2", "bob", 'said "hi"', "p|q|r", "7"),
    ("e3", "acme", "two{}lines", "", "310"),
    ("e4", "cy", "", '"{}"|', "4"),
    ("e5", "acme", "plain", "{}", "55"),
    ("e6", "dan", "x", "last{}", "6"),
)

_TRICKY = (
    ("id", "customer_id", "note"),
    ('"', '"', '"'),
    ("|", "|", "|"),
    ("", "\n", ""),
    ('""', '"|"', '|"|'),
    ("\n|\n", '"\n"', '\n"|"\n'),
    ("e", "c", "n"),
)

_EMPTY_LAST = (
    ("id", "customer_id", "region", "calls", "spare"),
    ("e1", "acme", "eu", "12", ""),
    ("e2", "bob", "", "7", ""),
    ("e3", "acme", "eu", "310", ""),
    ("e4", "cy", "", "4", ""),
    ("e5", "dan", "us", "55", ""),
)

_TYPED = (
    ("id", "customer_id", "timestamp", "calls", "gb", "paid"),
    ("e1", "acme", "2024-10-01T10:00:00Z", "12", "0.5", "true"),
    ("e2", "bob", "2024-10-01T11:30:00Z", "7", "12.25", "false"),
    ("e3", "acme", "2024-10-02T00:00:00+02:00", "310", "100", "true"),
    ("e4", "cy", "2024-10-03T23:59:59Z", "4", "3.75", "false"),
)


def _table(pattern: tuple[Cells, ...], delimiter: str, line_break: str) -> tuple[Cells, ...]:
    def cell(text: str) -> str:
        return text.replace("|", delimiter).replace("{}", line_break)

    return tuple(tuple(map(cell, row)) for row in pattern)


def _wide(columns: int, rows: int) -> tuple[Cells, ...]:
    labels = ("customer_id", *(f"column_{index}" for index in range(1, columns)))
    return (labels, *(tuple(f"{row}{index}" for index in range(columns)) for row in range(rows)))


CLEAN_FILES = {
    clean.name: clean
    for clean in (
        CleanFile("plain", PLAIN, quoting="never"),
        CleanFile("semicolons", PLAIN, ";", quoting="never", lead="\n\n"),
        CleanFile("tabs and CRLF", PLAIN, "\t", "\r\n", "never"),
        CleanFile("bars and CR", PLAIN, "|", "\r", "never"),
        CleanFile(
            "decimal commas",
            (
                ("id", "customer_id", "gb", "rate"),
                ("e1", "acme", "1,5", "2"),
                ("e2", "bob", "0,25", "1,125"),
                ("e3", "cy", "3", "0,5"),
            ),
            ";",
        ),
        CleanFile("two columns", (("id", "customer_id"), ("1", "ab"), ("2", "cd"), ("3", "ef"))),
        CleanFile(
            "other signs in the text", (("id", "customer_id"), ("1", "a;b"), ("2", "c"), ("3", "d"))
        ),
        CleanFile("one column", (("customer_id",), ("acme",), ("bob",), ("cy",)), quoting="never"),
        CleanFile("one quoted column", (("customer_id",), ("a\nb",), ("c",), ('"',))),
        CleanFile("one row", PLAIN[:2]),
        CleanFile("many columns", _wide(12, 3)),
        CleanFile("unread columns", PLAIN, unread=frozenset({"region", "calls"})),
        CleanFile("an empty last column", _EMPTY_LAST),
        CleanFile("an empty last column, unread", _EMPTY_LAST, unread=frozenset({"spare"})),
        CleanFile("an empty last column, quoted", _EMPTY_LAST, ";", "\r\n", "always"),
        CleanFile("quoted", PLAIN, quoting="always"),
        CleanFile("quoted, with line breaks", _table(_QUOTABLE, ",", "\n"), quoting="always"),
        CleanFile(
            "quoted, with CRLF", _table(_QUOTABLE, ";", "\r\n"), ";", "\r\n", "always", "utf-8-sig"
        ),
        CleanFile("partly quoted", _table(_QUOTABLE, ",", "\n")),
        CleanFile("partly quoted, with CRLF", _table(_QUOTABLE, "|", "\r\n"), "|", "\r\n"),
        CleanFile("partly quoted, with CR", _table(_QUOTABLE, "\t", "\r"), "\t", "\r"),
        CleanFile("nothing but signs", _table(_TRICKY, ",", "\n")),
        CleanFile("nothing but signs, quoted", _table(_TRICKY, ",", "\n"), quoting="always"),
        CleanFile("UTF-16", _table(_QUOTABLE[:5], ",", "\n"), encoding="utf-16"),
        CleanFile(
            "cp1252",
            (("id", "customer_id", "town"), ("1", "Ünal", "Köln"), ("2", "Åse", "Þórr €")),
            ";",
            "\r\n",
            encoding="cp1252",
        ),
        CleanFile("typed", _TYPED, typed=True),
        CleanFile("typed and quoted", _TYPED, ";", "\r\n", "always", typed=True),
    )
}
