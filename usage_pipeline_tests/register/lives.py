"""Uploads at any point of their lives, without a file or a ledger."""

from __future__ import annotations

from usage_pipeline.register import Register, Upload, Verdict
from usage_pipeline.register.states import State

COUNTS = {"ingested": 3, "duplicates": 0, "superseded": 0}


def verdict(*, passed: bool = True, version: str = "v1") -> Verdict:
    wrong = 0 if passed else 1
    return Verdict(version, passed, 3, 3 - wrong, wrong, wrong, 0, 0)


def brought_to(register: Register, upload: Upload, state: State) -> Upload:
    """The received upload, once it has come to that state."""
    if state == "received":
        return upload
    upload = register.judge(upload, verdict(passed=state != "failed"))
    if state in ("failed", "passed"):
        return upload
    if state == "refused":
        return register.decide(upload, "refuse", "rita", "no", "v1")
    upload = register.decide(upload, "confirm", "rita", None, "v1")
    if state == "confirmed":
        return upload
    upload = followed(register, upload)
    if state == "ingested":
        return upload
    return followed(register, register.decide(upload, "void", "rita", "wrong", "v1"))


def followed(register: Register, upload: Upload) -> Upload:
    """The upload once the ledger has followed the last decision on it."""
    [decision] = register.decisions.due(upload.schema, [upload.upload])
    return register.decisions.followed(
        upload.upload,
        upload.schema,
        decision.id,
        place=upload.place or 1,
        schema_version=decision.schema_version,
        active=decision.active,
        counts=COUNTS if decision.active else dict.fromkeys(COUNTS, 0),
    )
