"""dlt's merge into DuckDB, and the two metrics; rows are typed, but nothing else is checked.

`python -m benchmarks.peers.dlt_merge FILE FOLDER`. At its best: arrow batches in, Parquet to the
loader. Of its merge strategies `delete-insert` alone de-duplicates within one load; `upsert` and
`insert-only` are faster and keep both rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import dlt
import pyarrow as pa
import pyarrow.csv

TYPES = {
    "Event ID": pa.string(),
    "Account": pa.string(),
    "When": pa.timestamp("us", "UTC"),
    "API Calls": pa.int64(),
    "Storage GB": pa.decimal128(38, 18),
    "region": pa.string(),
}
BLOCK_BYTES = 32 << 20

#: dlt has made identifiers of the headers.
METRICS = (
    """CREATE TABLE api_calls AS
       SELECT account, date_trunc('day', "when") AS day, region, sum(api_calls), count(*)
       FROM event GROUP BY ALL""",
    """CREATE TABLE peak_storage AS
       SELECT account, date_trunc('month', "when") AS month, max(storage_gb), count(*)
       FROM event GROUP BY ALL""",
)


def main() -> None:
    file, folder = sys.argv[1:]
    pipeline = dlt.pipeline(
        "usage",
        pipelines_dir=folder,
        destination=dlt.destinations.duckdb(f"{folder}/usage.duckdb"),
        dataset_name="main",
    )
    merged = dlt.resource(
        batches(file), name="event", write_disposition="merge", primary_key="Event ID"
    )
    pipeline.run(merged, loader_file_format="parquet")
    with pipeline.sql_client() as client:
        client.execute_sql("SET TimeZone = 'UTC'")
        for metric in METRICS:
            client.execute_sql(metric)


def batches(file: str) -> Iterator[pa.RecordBatch]:
    yield from pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES),
        convert_options=pyarrow.csv.ConvertOptions(column_types=TYPES),
    )


if __name__ == "__main__":
    main()
