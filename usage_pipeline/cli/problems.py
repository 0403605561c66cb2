"""What went wrong, in words, and the exit code that says whose matter it is.

0 done, 1 the data is refused, 2 wrong use, 3 the machine (lock, disk).
"""

from __future__ import annotations

import traceback

import duckdb
from sqlalchemy.exc import OperationalError

from usage_pipeline.intake import NotAFile
from usage_pipeline.ledger import LedgerShapeChanged
from usage_pipeline.register import UnknownUpload, WrongState
from usage_pipeline.schema import InvalidSchema
from usage_pipeline.warehouse import WarehouseBusy, WrongSetting

DONE, REFUSED, WRONG_USE, MACHINE = 0, 1, 2, 3


class WrongUse(ValueError):
    """The command was called with something that cannot be meant."""


def exit_code_of(error: Exception) -> tuple[int, str]:
    """(exit code, message) for an error that reached the command line."""
    match error:
        case InvalidSchema():
            return WRONG_USE, f"The event schemas cannot be used:\n{error}"
        case WrongUse() | WrongSetting() | UnknownUpload() | NotAFile() | LedgerShapeChanged():
            return WRONG_USE, str(error)
        case WrongState():
            return REFUSED, str(error)
        case WarehouseBusy():
            return MACHINE, str(error)
        case OSError() | duckdb.IOException() | duckdb.OutOfMemoryException():
            return MACHINE, f"The machine refused: {error}"
        case OperationalError():
            return MACHINE, f"The register cannot be used: {error.orig}"
    # A mistake of ours: the traceback is what whoever mends it needs.
    return MACHINE, "".join(traceback.format_exception(error))
