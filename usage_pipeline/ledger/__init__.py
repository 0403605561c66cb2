"""The ledger: which rows count, why, and the proof."""

from usage_pipeline.ledger.follow import (
    ConflictRefused,
    Decided,
    Followed,
    FrameGone,
    Outdated,
    Refusal,
    follow,
)
from usage_pipeline.ledger.standing import Standing, standing, standings
from usage_pipeline.ledger.tables import LedgerLost, LedgerShapeChanged, open_ledger
from usage_pipeline.ledger.verify import Proof, verify

__all__ = [
    "ConflictRefused",
    "Decided",
    "Followed",
    "FrameGone",
    "LedgerLost",
    "LedgerShapeChanged",
    "Outdated",
    "Proof",
    "Refusal",
    "Standing",
    "follow",
    "open_ledger",
    "standing",
    "standings",
    "verify",
]
