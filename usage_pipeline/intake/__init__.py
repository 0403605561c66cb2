"""Files come in: who they are, and where their bytes are kept."""

from usage_pipeline.intake.archive import Archive, NotAFile, TooLarge, read_in_blocks
from usage_pipeline.intake.identity import (
    captured_values,
    identity_of,
    safe_name,
    shown_name,
    upload_key,
)
from usage_pipeline.intake.receive import receive_files

__all__ = [
    "Archive",
    "NotAFile",
    "TooLarge",
    "captured_values",
    "identity_of",
    "read_in_blocks",
    "receive_files",
    "safe_name",
    "shown_name",
    "upload_key",
]
