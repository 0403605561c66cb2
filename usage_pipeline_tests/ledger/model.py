"""The ledger in plain Python: what the tables must hold, whatever happened on the way there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from usage_pipeline.schema.event_schema import DuplicatePolicy

Key = tuple[str | None, ...]
Where = tuple[int, int]


class Row(NamedTuple):
    """A valid row of a file: its line, its event key, and everything else that it says."""

    line: int
    key: Key
    content: tuple[Any, ...]


@dataclass
class Model:
    """Uploads by place, each with the rows in force; and those that are active."""

    policy: DuplicatePolicy
    rows: dict[int, list[Row]] = field(default_factory=dict)
    active: set[int] = field(default_factory=set)

    def all_rows(self) -> dict[Where, Row]:
        return {(place, row.line): row for place in self.active for row in self.rows[place]}

    def winners(self) -> dict[Key, Where]:
        """{event key: (place, line)} of the row that counts."""
        best: dict[Key, Where] = {}
        for where, row in sorted(self.all_rows().items(), reverse=self.policy == "keep_last"):
            best.setdefault(row.key, where)
        return best

    def tables(self) -> tuple[set[Where], set[Where]]:
        """The ingestion table and the displaced rows."""
        counting = set(self.winners().values())
        return counting, set(self.all_rows()) - counting

    def counts(self, place: int) -> tuple[int, int, int]:
        """(ingested, duplicates, superseded) of an upload."""
        if place not in self.active:
            return 0, 0, 0
        counting = sum(where[0] == place for where in self.winners().values())
        valid, events = len(self.rows[place]), len({row.key for row in self.rows[place]})
        later = self.policy == "keep_last"
        return (
            counting,
            (valid - events if later else valid - counting),
            (events - counting if later else 0),
        )

    def refuses(self, place: int, rows: Iterable[Row]) -> bool:
        """Whether the policy keeps rows from standing at a place."""
        others = replace(self, rows={**self.rows, place: list(rows)}, active={*self.active, place})
        said = {(row.key, row.content) for row in others.all_rows().values()}
        contents = Counter(key for key, _ in said)
        return self.policy == "refuse" and max(contents.values(), default=0) > 1
