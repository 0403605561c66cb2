"""Files with bad rows, of six kinds, beside a clean file of the same size."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import goals, ours
from benchmarks.goals import Goal
from benchmarks.measure import Measured, say
from benchmarks.situations import Situation
from benchmarks.usage_file import write_bad_file
from usage_pipeline.schema.schema_file import schemas_folder

REFUSE = "on_invalid: refuse_file"
QUARANTINE = "on_invalid: quarantine_rows"


def situations_with_bad_rows(work: Path, rows: int) -> list[Situation]:
    """A hundredth bad, refused and quarantined; and all bad."""
    say(f"writing files of {rows:,} rows, of which 1 % and all are bad")
    one_percent, all_bad = work / "bad-1.csv", work / "bad-100.csv"
    write_bad_file(one_percent, rows, every=100)
    write_bad_file(all_bad, rows, every=1)
    quarantine = _schemas_with_quarantine(work / "schemas")

    def case(
        what: str, file: Path, goal: Goal, ingested: int = 0, schemas: Path | None = None
    ) -> Situation:
        def ingest(_: Path) -> Measured:
            return ours.ingest(file, work / "bad", ingested=ingested, schemas=schemas)

        return Situation(what, ingest, goal)

    good = rows - rows // 100
    return [
        case(f"1 % bad rows, {REFUSE}", one_percent, goals.ONE_PERCENT_BAD),
        case(f"1 % bad rows, {QUARANTINE}", one_percent, goals.ONE_PERCENT_BAD, good, quarantine),
        case(f"100 % bad rows, {REFUSE}", all_bad, goals.ALL_BAD),
    ]


def _schemas_with_quarantine(folder: Path) -> Path:
    """The schemas that ship, but for what becomes of bad rows."""
    shutil.copytree(schemas_folder(), folder, dirs_exist_ok=True)
    file = folder / ours.SCHEMA / "defs.yaml"
    shipped = file.read_text(encoding="utf-8")
    assert REFUSE in shipped
    file.write_text(shipped.replace(REFUSE, QUARANTINE), encoding="utf-8")
    return folder
