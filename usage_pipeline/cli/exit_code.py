"""An error that nobody caught, in words, and the exit code that says whose matter it is."""

from __future__ import annotations

import traceback

import duckdb
from sqlalchemy.exc import OperationalError

from usage_pipeline.cli.problems import MACHINE, REFUSED, WRONG_USE, NotComputed, WrongUse
from usage_pipeline.intake import NotAFile, TooLarge
from usage_pipeline.ledger import LedgerLost, LedgerShapeChanged
from usage_pipeline.ledger.explain import WrongKey
from usage_pipeline.ledger.rebuild import RebuildRefused
from usage_pipeline.mapping.choosing import WrongMapping
from usage_pipeline.mapping.customers import CustomersUnusable
from usage_pipeline.metering import MetricFailed
from usage_pipeline.printable import printable
from usage_pipeline.reading import FileChanged
from usage_pipeline.register import UnknownUpload, WrongState
from usage_pipeline.register.mappings import UnknownMapping
from usage_pipeline.schema import InvalidSchema
from usage_pipeline.warehouse import WarehouseBusy, WrongSetting


def exit_code_of(error: Exception) -> tuple[int, str]:
    """(exit code, message) for an error that reached the command line.

    The message is printable but for line breaks of our own.
    """
    match error:
        case InvalidSchema():
            return WRONG_USE, _lines("The event schemas cannot be used:", *error.problems)
        case WrongUse():
            return WRONG_USE, _lines(*error.args)
        case WrongSetting() | UnknownUpload() | NotAFile() | LedgerShapeChanged() | WrongKey():
            return WRONG_USE, printable(str(error))
        case WrongMapping() | UnknownMapping():
            return WRONG_USE, printable(str(error))
        case WrongState() | TooLarge() | MetricFailed():
            return REFUSED, printable(str(error))
        case FileChanged():
            return MACHINE, printable(f"A file changed while it was read; try again: {error}")
        case RebuildRefused():
            return REFUSED, _lines(*error.args)
        case WarehouseBusy() | LedgerLost() | CustomersUnusable() | NotComputed():
            return MACHINE, printable(str(error))
        case duckdb.Error() if "Failed to commit" in str(error):
            return MACHINE, printable(f"The machine refused: {error}")
        case OSError() | duckdb.IOException() | duckdb.OutOfMemoryException():
            return MACHINE, printable(f"The machine refused: {error}")
        case OperationalError():
            return MACHINE, _lines(*f"The register cannot be used: {error.orig}".split("\n"))
    # A mistake of ours: the traceback is what whoever mends it needs.
    return MACHINE, _lines(*"".join(traceback.format_exception(error)).split("\n"))


def _lines(*lines: object) -> str:
    return "\n".join(printable(str(line)) for line in lines)
