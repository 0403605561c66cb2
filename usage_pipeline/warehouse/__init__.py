"""The engine. No other package opens a database connection."""

from usage_pipeline.warehouse.connection import Warehouse, scratch_connection
from usage_pipeline.warehouse.lock import WarehouseBusy, WrongSetting
from usage_pipeline.warehouse.sql import column_list, literal, quoted

__all__ = [
    "Warehouse",
    "WarehouseBusy",
    "WrongSetting",
    "column_list",
    "literal",
    "quoted",
    "scratch_connection",
]
