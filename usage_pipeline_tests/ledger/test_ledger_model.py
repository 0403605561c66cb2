"""The ledger is a function of the uploads by place: held against a model in plain Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.schema import parse_schema

SCHEMA = parse_schema(
    {
        "name": "model",
        "fields": {
            "customer_id": {"type": "string"},
            "part": {"type": "string", "required": False},
            "timestamp": {"type": "timestamp", "time_zone": "UTC"},
            "amount": {"type": "integer", "usage": True},
        },
        # A part may be missing: a missing value is a value of the key.
        "event_key": ["customer_id", "part"],
        "metrics": {"total": {"aggregation": "sum", "field": "amount", "window": "day"}},
    }
)

Row = tuple[str, str, int, int]

rows = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["", "x", "y"]),
    st.integers(1, 3),
    st.integers(0, 9),
)
uploads = st.lists(st.lists(rows, min_size=1, max_size=8), min_size=1, max_size=5)


def as_csv(upload: list[Row], number: int) -> str:
    lines = ["customer_id,part,timestamp,amount,number"]
    lines += [f"{c},{part},2024-01-0{day},{amount},{number}" for c, part, day, amount in upload]
    return "\n".join(lines) + "\n"


def winners(history: list[list[Row]]) -> dict[tuple[str, str], tuple[int, int, Row]]:
    """{event key: (place, line, row)} of the first row by place and line."""
    first: dict[tuple[str, str], tuple[int, int, Row]] = {}
    for place, upload in enumerate(history, 1):
        for line, row in enumerate(upload, 2):
            first.setdefault(row[:2], (place, line, row))
    return first


def take_in(flow: Flow, folder: Path, text: str, name: str) -> None:
    file = folder / name
    file.write_text(text)
    receipts = flow.receive([file], by="a test")
    found = [upload for upload, _ in flow.check([receipt.upload for receipt in receipts])]
    with flow.warehouse.open() as connection:
        list(flow.settle(connection, found))
        list(flow.refresh(connection))


@settings(max_examples=25, deadline=None)
@given(uploads, st.data())
def test_the_first_row_of_each_event_counts_across_files_and_inside_them(
    history: list[list[Row]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        flow = Flow(SCHEMA, DataFolder(Path(folder) / "data"))
        for number, upload in enumerate(history):
            take_in(flow, Path(folder), as_csv(upload, number), f"{number}.csv")
            again = data.draw(st.integers(0, number), label="taken in again")
            take_in(flow, Path(folder), as_csv(history[again], again), "again.csv")
        expected = winners(history)
        with flow.warehouse.open() as connection:
            table = connection.execute(
                """SELECT place, line, customer_id, coalesce(part, ''),
                          day("timestamp" AT TIME ZONE 'UTC'), amount
                   FROM model.ingestion_table"""
            ).fetchall()
            totals = connection.execute(
                """SELECT customer_id, day(window_start AT TIME ZONE 'UTC'), value, events
                   FROM model.total"""
            ).fetchall()
        assert sorted(table) == sorted(
            (place, line, *row) for place, line, row in expected.values()
        )

        sums: Counter[tuple[str, int]] = Counter()
        events: Counter[tuple[str, int]] = Counter()
        for _, _, (customer, _, day, amount) in expected.values():
            sums[customer, day] += amount
            events[customer, day] += 1
        assert sorted(totals) == sorted((*key, sums[key], events[key]) for key in events)

        won = Counter(place for place, _, _ in expected.values())
        for place, (upload, record) in enumerate(
            zip(history, flow.register.uploads("model"), strict=True), 1
        ):
            assert (record.place, record.ingested) == (place, won[place])
            assert record.duplicates == len(upload) - won[place]


def test_places_are_taken_in_the_order_of_ingestion(tmp_path: Path) -> None:
    flow = Flow(SCHEMA, DataFolder(tmp_path / "data"))
    for number in range(3):
        take_in(flow, tmp_path, as_csv([("a", "x", 1, 1)], number), f"{number}.csv")
    assert [one.place for one in flow.register.uploads("model")] == [1, 2, 3]
