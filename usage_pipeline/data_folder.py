"""Where everything lives: one folder with the drop folder, the stores and Dagster's home."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one data folder; nothing is made until it is needed."""

    root: Path

    @classmethod
    def current(cls) -> DataFolder:
        """`USAGE_PIPELINE_DATA`, or `data/` of the project."""
        moved = os.environ.get("USAGE_PIPELINE_DATA")
        return cls(Path(moved).expanduser().resolve() if moved else PROJECT / "data")

    @property
    def drop(self) -> Path:
        return self.root / "drop"

    @property
    def uploads(self) -> Path:
        """The archive: one folder per schema, one below it per upload."""
        return self.root / "uploads"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "usage.duckdb"

    @property
    def register_url(self) -> str:
        return f"sqlite:///{self.root / 'warehouse' / 'register.sqlite'}"

    @property
    def scratch(self) -> Path:
        """Where the engine may spill, and where dry runs work."""
        return self.root / "warehouse" / "tmp"

    @property
    def dagster_home(self) -> Path:
        moved = os.environ.get("DAGSTER_HOME")
        return Path(moved).expanduser() if moved else self.root / "dagster_home"
