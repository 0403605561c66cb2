"""How the ledger's rows lie in the warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.ledger.tables import ingestion_table, open_ledger
from usage_pipeline.schema import parse_schema
from usage_pipeline.warehouse import Warehouse


@pytest.mark.parametrize(
    ("event_key", "packed"), [(["event_id"], False), (["event_id", "customer_id"], True)]
)
def test_a_key_that_is_one_text_is_not_packed_and_quick_to_search(
    tmp_path: Path, event_key: list[str], packed: bool
) -> None:
    schema = parse_schema(
        {
            "name": "calls",
            "fields": {
                "event_id": {"type": "string"},
                "customer_id": {"type": "string"},
                "timestamp": {"type": "timestamp"},
                "calls": {"type": "integer", "usage": True},
            },
            "event_key": event_key,
        }
    )
    table = ingestion_table(schema)
    with Warehouse(DataFolder(tmp_path)).open() as connection:
        open_ledger(connection, schema)
        connection.execute(
            f"""INSERT INTO {table} (place, line, event_id)
                SELECT 1, n, 'event ' || n FROM range(200_000) AS row(n)"""
        )
        connection.execute("CHECKPOINT")
        found = connection.execute(
            f"""SELECT DISTINCT compression = 'Uncompressed' FROM pragma_storage_info('{table}')
                WHERE column_name = 'event_id' AND segment_type = 'VARCHAR'"""
        ).fetchall()
    assert found == [(not packed,)]
