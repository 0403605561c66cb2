"""pandas and Great Expectations, as one would write it first: read, expect, de-duplicate, store.

`python -m benchmarks.peers.pandas_expectations FILE DATABASE`. At its best: of the parsers `c`
and `pyarrow` and the result formats SUMMARY, BASIC and BOOLEAN_ONLY these are the fastest; columns
of arrow's own types take ten times as long to validate. Storage is a float here, months are those
of UTC, and an expectation that fails does not say in which line.
"""

from __future__ import annotations

import sys

import duckdb
import great_expectations as gx
import pandas as pd

REGIONS = ["us-east", "us-west", "eu-west", "ap-south"]


def main() -> None:
    file, database = sys.argv[1:]
    events = pd.read_csv(file, engine="pyarrow", parse_dates=["When"])
    expect(events)
    events = events.drop_duplicates("Event ID")
    day = events["When"].dt.floor("D")
    month = events["When"].dt.tz_localize(None).dt.to_period("M").dt.to_timestamp()
    calls = events.groupby(["Account", day, "region"])["API Calls"].agg(["sum", "count"])
    storage = events.groupby(["Account", month])["Storage GB"].agg(["max", "count"])
    with duckdb.connect(database) as connection:
        connection.register("events", events)
        connection.register("calls", calls.reset_index())
        connection.register("storage", storage.reset_index())
        connection.execute("CREATE TABLE event AS FROM events")
        connection.execute("CREATE TABLE api_calls AS FROM calls")
        connection.execute("CREATE TABLE peak_storage AS FROM storage")


def expect(events: pd.DataFrame) -> None:
    """What the schema `api_usage` asks of a row, but for the types, which pandas has guessed."""
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("usage").add_dataframe_asset("events")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": events})
    suite = gx.ExpectationSuite(
        name="usage",
        expectations=[
            gx.expectations.ExpectColumnValuesToNotBeNull(column="Event ID"),
            gx.expectations.ExpectColumnValuesToBeUnique(column="Event ID"),
            gx.expectations.ExpectColumnValuesToNotBeNull(column="Account"),
            gx.expectations.ExpectColumnValuesToNotBeNull(column="When"),
            gx.expectations.ExpectColumnValuesToBeBetween(column="API Calls", min_value=0),
            gx.expectations.ExpectColumnValuesToBeBetween(column="Storage GB", min_value=0),
            gx.expectations.ExpectColumnValuesToBeInSet(column="region", value_set=REGIONS),
        ],
    )
    outcome = batch.validate(suite, result_format="BOOLEAN_ONLY")
    if not outcome.success:
        raise SystemExit(str(outcome))


if __name__ == "__main__":
    main()
