"""What is known of a file beside its bytes: how a person maps it, and which upload it corrects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from usage_pipeline.mapping.fixes import origin_of, own_labels
from usage_pipeline.mapping.headers import headers_of
from usage_pipeline.mapping.map_files import SourceFile
from usage_pipeline.reading import LocatedError
from usage_pipeline.register import Register, UnknownUpload, Upload
from usage_pipeline.register.lines import PIPELINE
from usage_pipeline.schema import EventSchema, known_choices
from usage_pipeline.validation.check_files import CheckedFile


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a file is to be mapped, by whom, and the upload whose bad lines it holds.

    chosen: {field: header}; by and why: who said so, and in which connection.
    fix_of: an upload's key; origin: that upload, None where the register knows none.
    captured_from: the file name that fields are captured from: that of the first of all origins.
    hindrance: why corrected lines may not join it, None where nothing speaks against it.
    """

    chosen: Mapping[str, str] = field(default_factory=dict)
    by: str = PIPELINE
    why: str = ""
    fix_of: str | None = None
    origin: Upload | None = None
    captured_from: str | None = None
    hindrance: str | None = None

    def is_news_of(self, upload: Upload) -> bool:
        """Whether the register does not know this of an upload; a person's word stays."""
        maps = upload.chosen is None and upload.place is None and bool(self.chosen)
        return maps or self.fix_of != upload.fix_of

    def source(self, path: Path, file_name: str, received_at: datetime) -> SourceFile:
        """The file as it is to be mapped. Whatever a corrected file is called, what the schema
        reads from the name is that of the file it corrects.
        """
        return SourceFile(path, file_name, received_at, self.chosen, self.captured_from)


def provenance_of(
    path: Path, schema: EventSchema, register: Register | None, upload: Upload | None = None
) -> Provenance:
    """Look at a file's header row, and at what the register knows of such files.

    What a person said of this very upload counts before what is remembered for its header row;
    a corrected file is mapped as the one it corrects.

    Args:
        register: None where there is none yet.
    """
    rows = headers_of(path, schema)
    fix_of = next((found for row in rows if (found := origin_of(row.labels))), None)
    known = Provenance(fix_of=fix_of)
    if fix_of is not None and register is not None:
        known = _as_fix(known, fix_of, schema, register, upload)
    if upload is not None and (upload.chosen is not None or upload.place is not None):
        return replace(known, chosen=known_choices(schema, upload.chosen))
    if known.chosen:
        return known
    own = [list(own_labels(row)) for row in rows]
    remembered = register.mappings.remembered(schema.name) if register else []
    for one in reversed(remembered):
        chosen = known_choices(schema, one.chosen)
        if one.header in own and chosen:
            why = f"remembered for this header row (mapping {one.id}, of {one.upload})"
            return replace(known, chosen=chosen, by=one.by, why=why)
    return known


def _as_fix(
    known: Provenance,
    fix_of: str,
    schema: EventSchema,
    register: Register,
    upload: Upload | None,
) -> Provenance:
    origin = root = _find(fix_of, schema, register)
    while root is not None and root.fix_of is not None:
        root = _find(root.fix_of, schema, register)
    if origin is None:
        return known
    return replace(
        known,
        chosen=known_choices(schema, chosen_in_force(register, origin)),
        why=f"corrects bad lines of {fix_of}",
        origin=origin,
        captured_from=root.file_name if root else origin.file_name,
        hindrance=_hindrance(origin, schema, register, upload),
    )


def chosen_in_force(register: Register, upload: Upload) -> dict[str, str] | None:
    """The mapping by which the rows of an upload are in; one that was set since may have failed."""
    if upload.followed is None:
        return upload.chosen
    found: dict[str, str] | None = None
    for entry in register.history(upload):
        if entry.id < upload.followed and entry.action == "map" and entry.details:
            found = entry.details["mapping"]
    return found


def _hindrance(
    origin: Upload, schema: EventSchema, register: Register, upload: Upload | None
) -> str | None:
    last = register.last_verdict(origin)
    if last is not None and last.schema_version != origin.schema_version:
        return (
            "which has been read anew since its rows went in, so that it is not sure which of its "
            "lines are bad. Have the newer reading pass or the YAML changed back, and write its "
            "bad lines again."
        )
    if schema.every_line_counts:
        # No key would tell a line that was corrected twice.
        for other in register.uploads(schema.name, ["passed", "confirmed", "ingested"]):
            if other.fix_of == origin.upload and (upload is None or other.upload != upload.upload):
                return (
                    f"as {other.upload} does already. Every line is its own event, so lines could "
                    "count twice. Correct what is still bad in that one, or void it first."
                )
    return None


def with_origin(checked: CheckedFile, known: Provenance) -> CheckedFile:
    """What the checks say, and for corrected lines whether the rows beside them are in."""
    error = _may_not_join(known, checked.schema)
    if error is None:
        return checked
    verdict = checked.verdict
    refused = replace(
        verdict,
        passed=False,
        error_count=verdict.error_count + 1,
        codes=verdict.codes | {error.code: 1},
    )
    return replace(checked, verdict=refused, findings=(error, *checked.findings))


def _may_not_join(known: Provenance, schema: EventSchema) -> LocatedError | None:
    """Why corrected lines may not go in: the other rows of their file are not in.

    They would be billed without the rest, or the rest would be forgotten.
    """
    fix_of, origin = known.fix_of, known.origin
    if fix_of is None:
        return None
    start = f"This file corrects bad lines of {fix_of}"
    if origin is not None and origin.state == "ingested":
        if known.hindrance is None:
            return None
        message = f"{start}, {known.hindrance}"
    elif origin is None:
        message = (
            f"{start}, which was never uploaded to {schema.name}. Drop it where that upload is, or "
            "drop the whole corrected file."
        )
    elif origin.state in ("passed", "confirmed"):
        message = f"{start}, whose good rows are not in yet. Confirm that, then drop it again."
    elif origin.state in ("refused", "voided"):
        message = (
            f"{start}, which is {origin.state}: its other rows do not count. Take it up again "
            "first, or drop the whole corrected file."
        )
    else:
        message = (
            f"{start}, of which no row is in: it is {origin.state}. The whole corrected file is "
            "needed: correct these lines in the file itself, and drop that."
        )
    return LocatedError("incomplete-fix", message, value=fix_of)


def _find(upload: str, schema: EventSchema, register: Register) -> Upload | None:
    try:
        return register.find(upload, schema.name)
    except UnknownUpload:
        return None
