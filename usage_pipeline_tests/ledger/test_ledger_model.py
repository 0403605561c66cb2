"""The ledger is a function of the uploads by place: held against a model in plain Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.schema.event_schema import DuplicatePolicy
from usage_pipeline_tests.ledger.ledger_machine import schema_with
from usage_pipeline_tests.ledger.model import Model, Row

POLICIES: list[DuplicatePolicy] = ["keep_first", "keep_last"]

#: customer, part, day, amount
Line = tuple[str, str, int, int]

rows = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["", "x", "y"]),
    st.integers(1, 3),
    st.integers(0, 9),
)
uploads = st.lists(st.lists(rows, min_size=1, max_size=8), min_size=1, max_size=5)


def as_csv(upload: list[Line], number: int) -> str:
    lines = ["customer_id,part,timestamp,amount,number"]
    lines += [f"{c},{part},2024-01-0{day},{amount},{number}" for c, part, day, amount in upload]
    return "\n".join(lines) + "\n"


def model_of(policy: DuplicatePolicy, history: list[list[Line]]) -> Model:
    """The files, each in at its place."""
    return Model(
        policy,
        rows={
            place: [
                Row(line, (customer, part or None), (day, amount))
                for line, (customer, part, day, amount) in enumerate(upload, 2)
            ]
            for place, upload in enumerate(history, 1)
        },
        active=set(range(1, len(history) + 1)),
    )


def take_in(flow: Flow, folder: Path, text: str, name: str) -> None:
    file = folder / name
    file.write_text(text)
    receipts = flow.receive([file], by="a test")
    found = [upload for upload, _ in flow.check([receipt.upload for receipt in receipts])]
    with flow.warehouse.open() as connection:
        list(flow.settle(connection, found))
        list(flow.refresh(connection))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(POLICIES), uploads, st.data())
def test_the_right_row_of_each_event_counts_across_files_and_inside_them(
    policy: DuplicatePolicy, history: list[list[Line]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        flow = Flow(schema_with(policy), DataFolder(Path(folder) / "data"))
        for number, upload in enumerate(history):
            take_in(flow, Path(folder), as_csv(upload, number), f"{number}.csv")
            again = data.draw(st.integers(0, number), label="taken in again")
            take_in(flow, Path(folder), as_csv(history[again], again), "again.csv")
        with flow.warehouse.open() as connection:
            table = connection.execute(
                """SELECT place, line, customer_id, part,
                          day("timestamp" AT TIME ZONE 'UTC'), amount
                   FROM model.ingestion_table"""
            ).fetchall()
            totals = connection.execute(
                """SELECT customer_id, day(window_start AT TIME ZONE 'UTC'), value, events
                   FROM model.total"""
            ).fetchall()
        model = model_of(policy, history)
        counting = [(where, model.all_rows()[where]) for where in model.winners().values()]
        assert Counter(table) == Counter(
            (*where, *row.key, *row.content) for where, row in counting
        )

        amounts: dict[tuple[str | None, int], list[int]] = {}
        for _, row in counting:
            day, amount = row.content
            amounts.setdefault((row.key[0], day), []).append(amount)
        assert sorted(totals) == sorted((*key, sum(one), len(one)) for key, one in amounts.items())

        for place, record in enumerate(flow.register.uploads("model"), 1):
            counts = (record.ingested, record.duplicates, record.superseded)
            assert (record.place, counts) == (place, model.counts(place))


def test_places_are_taken_in_the_order_of_ingestion(tmp_path: Path) -> None:
    flow = Flow(schema_with("keep_first"), DataFolder(tmp_path / "data"))
    for number in range(3):
        take_in(flow, tmp_path, as_csv([("a", "x", 1, 1)], number), f"{number}.csv")
    assert [one.place for one in flow.register.uploads("model")] == [1, 2, 3]
