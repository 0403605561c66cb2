"""The floor: bare DuckDB reads, de-duplicates, stores and meters; nothing is checked, located,
archived or explained.

`python -m benchmarks.peers.duckdb_alone FILE DATABASE first|any`: which row of a key is kept. The
pipeline keeps the first line of each key, which is the dearer of the two. Months are those of UTC
here, the cheaper way, where the schema asks for those of Berlin.
"""

from __future__ import annotations

import sys

import duckdb

COLUMNS = {
    "Event ID": "VARCHAR",
    "Account": "VARCHAR",
    "When": "TIMESTAMPTZ",
    "API Calls": "BIGINT",
    "Storage GB": "DECIMAL(38,18)",
    "region": "VARCHAR",
}
EVENTS = {
    "first": """
        SELECT * EXCLUDE (line) FROM (SELECT row_number() OVER () AS line, *
                                      FROM read_csv($file, columns = $columns))
        QUALIFY row_number() OVER (PARTITION BY "Event ID" ORDER BY line) = 1""",
    "any": """SELECT DISTINCT ON ("Event ID") * FROM read_csv($file, columns = $columns)""",
}
#: The schema's two metrics, on a table of events with the columns of the file.
METRICS = (
    """CREATE TABLE api_calls AS
       SELECT "Account", date_trunc('day', "When") AS day, region, sum("API Calls"), count(*)
       FROM event GROUP BY ALL""",
    """CREATE TABLE peak_storage AS
       SELECT "Account", date_trunc('month', "When") AS month, max("Storage GB"), count(*)
       FROM event GROUP BY ALL""",
)


def main() -> None:
    file, database, kept = sys.argv[1:]
    with duckdb.connect(database) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"CREATE TABLE event AS {EVENTS[kept]}", {"file": file, "columns": COLUMNS}
        )
        for metric in METRICS:
            connection.execute(metric)


if __name__ == "__main__":
    main()
