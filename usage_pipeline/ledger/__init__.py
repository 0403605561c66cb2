"""The ledger: which rows count, why, and the proof."""

from usage_pipeline.ledger.ingest import (
    Ingested,
    MappedUpload,
    ingest_uploads,
    open_ledger,
    standing,
)
from usage_pipeline.ledger.tables import LedgerShapeChanged
from usage_pipeline.ledger.verify import Proof, verify

__all__ = [
    "Ingested",
    "LedgerShapeChanged",
    "MappedUpload",
    "Proof",
    "ingest_uploads",
    "open_ledger",
    "standing",
    "verify",
]
