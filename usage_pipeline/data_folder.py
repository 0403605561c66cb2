"""Where everything lives: one folder with the drop folder, the stores and Dagster's home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    def register(self) -> Path:
        return self.root / "warehouse" / "register.sqlite"

    @property
    def register_url(self) -> str:
        return f"sqlite:///{self.register}"

    @property
    def scratch(self) -> Path:
        """Where the engine may spill, and where dry runs work."""
        return self.root / "warehouse" / "tmp"

    @property
    def dagster_home(self) -> Path:
        moved = os.environ.get("DAGSTER_HOME")
        return Path(moved).expanduser() if moved else self.root / "dagster_home"


@contextmanager
def folder_for_a_while(folder: Path) -> Iterator[None]:
    """Have a folder within the block; those that had to be made are removed if they stay empty."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for one in made:
            with suppress(OSError):
                one.rmdir()
