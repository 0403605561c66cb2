"""What the profile says before the rows go in is what the ledger does with them."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.ledger import Followed
from usage_pipeline.register import Upload
from usage_pipeline.schema import EventSchema, parse_schema
from usage_pipeline.schema.event_schema import DuplicatePolicy
from usage_pipeline.validation.check_files import CheckedFile
from usage_pipeline.validation.profile import Arrival, BesideLedger
from usage_pipeline.warehouse import Warehouse

#: customer, part, day, amount
Line = tuple[str, str, int, str]

lines = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["", "x"]),
        st.integers(1, 2),
        st.sampled_from(["1", "2.5"]),
    ),
    min_size=1,
    max_size=6,
)


def schema_with(policy: DuplicatePolicy, confirm: str = "manual") -> EventSchema:
    return parse_schema(
        {
            "name": "life",
            "fields": {
                "customer_id": {"type": "string"},
                "part": {"type": "string", "required": False},
                "timestamp": {"type": "timestamp", "time_zone": "UTC"},
                "amount": {"type": "decimal", "usage": True},
            },
            "event_key": ["customer_id", "part"],
            "on_duplicate": policy,
            "confirm": confirm,
        }
    )


def file_of(folder: Path, number: int, content: list[Line]) -> Path:
    rows = [f"{c},{part},2024-01-0{day},{amount},{number}" for c, part, day, amount in content]
    file = folder / f"{number}.csv"
    file.write_text("\n".join(["customer_id,part,timestamp,amount,number", *rows]) + "\n")
    return file


def received(flow: Flow, file: Path) -> Upload:
    [receipt] = flow.receive([file], by="a test")
    return receipt.upload


def checked(flow: Flow, upload: Upload) -> tuple[Upload, CheckedFile]:
    [(now, found)] = flow.check([upload])
    assert isinstance(found, CheckedFile), found
    return now, found


def beside(found: CheckedFile) -> BesideLedger:
    assert found.profile is not None
    assert found.profile.beside is not None, found.profile.not_compared
    return found.profile.beside


def let_in(flow: Flow, upload: Upload) -> Followed:
    """Confirm an upload and have its rows in."""
    flow.confirm(upload.upload, "rita", None)
    with flow.warehouse.open() as connection:
        outcomes = {one.upload: outcome for one, outcome in flow.settle(connection)}
    followed = outcomes[upload.upload]
    assert isinstance(followed, Followed)
    return followed


def superseded(flow: Flow) -> int:
    return sum(one.superseded or 0 for one in flow.register.uploads("life"))


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from(["keep_first", "keep_last", "refuse"]), st.lists(lines, min_size=2, max_size=3)
)
def test_what_would_happen_is_what_happens(
    policy: DuplicatePolicy, history: list[list[Line]]
) -> None:
    with TemporaryDirectory() as folder:
        flow = Flow(schema_with(policy), DataFolder(Path(folder) / "data"))
        for number, content in enumerate(history):
            file = file_of(Path(folder), number, content)
            [dry] = flow.dry_run([file], 10)
            upload, found = checked(flow, received(flow, file))
            said = beside(found).arrival
            assert beside(dry).arrival == said
            assert dry.verdict.passed == found.verdict.passed
            if upload.state == "failed":
                assert policy == "refuse"
                assert said.conflicts > 0
                continue
            before = superseded(flow)
            followed = let_in(flow, upload)
            assert followed.standing is not None
            assert followed.losses is not None
            assert followed.standing.ingested == said.ingested
            lost = followed.losses.duplicates, followed.losses.conflicts
            assert lost == (said.duplicates, said.conflicts)
            assert superseded(flow) - before == said.replaced
            assert said.ingested + said.duplicates + said.conflicts == len(content)


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(schema_with("keep_last"), DataFolder(tmp_path / "data"))


def test_a_corrected_row_is_told_from_one_that_says_the_same(flow: Flow, tmp_path: Path) -> None:
    first = file_of(tmp_path, 0, [("a", "x", 1, "1"), ("b", "x", 1, "1")])
    let_in(flow, checked(flow, received(flow, first))[0])
    second = file_of(tmp_path, 1, [("a", "x", 1, "1"), ("b", "x", 1, "2"), ("c", "x", 1, "3")])
    _, found = checked(flow, received(flow, second))
    assert beside(found).arrival == Arrival(1, 2, 1, 0, 0)


def test_it_says_what_is_there_in_the_time_span_of_the_file(flow: Flow, tmp_path: Path) -> None:
    first = [("a", "x", 1, "1.5"), ("b", "x", 3, "2.25"), ("c", "x", 3, "1"), ("b", "", 9, "7")]
    let_in(flow, checked(flow, received(flow, file_of(tmp_path, 0, first)))[0])
    second = file_of(tmp_path, 1, [("d", "x", 2, "1"), ("d", "y", 4, "1")])
    _, found = checked(flow, received(flow, second))
    there = beside(found).there
    assert (there.rows, there.customers, there.totals) == (2, 2, {"amount": Decimal("3.25")})
    assert (there.first, there.last) == (datetime(2024, 1, 3, tzinfo=UTC),) * 2


def test_only_valid_rows_are_profiled(tmp_path: Path) -> None:
    flow = Flow(
        schema_with("keep_first").model_copy(update={"on_invalid": "quarantine_rows"}),
        DataFolder(tmp_path / "data"),
    )
    content = [("a", "x", 1, "1"), ("b", "x", 9, "many"), ("a", "y", 2, "2.5")]
    [dry] = flow.dry_run([file_of(tmp_path, 0, content)], 10)
    assert dry.profile is not None
    in_file = dry.profile.in_file
    assert (in_file.rows, in_file.customers) == (2, 1)
    assert in_file.totals == {"amount": Decimal("3.5")}
    assert (in_file.first, in_file.last) == (
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 2, tzinfo=UTC),
    )


def test_totals_are_exact_beyond_what_the_column_can_hold(flow: Flow, tmp_path: Path) -> None:
    most = "99999999999999999999.999999999999999999"
    content = [("a", str(n), 1, most) for n in range(3)]
    [dry] = flow.dry_run([file_of(tmp_path, 0, content)], 10)
    assert dry.profile is not None
    exact = Decimal("299999999999999999999.999999999999999997")
    assert str(dry.profile.in_file.totals["amount"]) == str(exact)


@pytest.mark.parametrize(
    ("scale", "amount", "total"),
    [(0, "6" + "0" * 37, "24" + "0" * 37), (38, "-0." + "9" * 38, "-3." + "9" * 37 + "6")],
)
def test_totals_are_exact_where_all_digits_are_on_one_side_of_the_point(
    tmp_path: Path, scale: int, amount: str, total: str
) -> None:
    schema = schema_with("keep_last")
    wide = schema.fields["amount"].model_copy(update={"precision": 38, "scale": scale})
    schema = schema.model_copy(update={"fields": {**schema.fields, "amount": wide}})
    flow = Flow(schema, DataFolder(tmp_path / "data"))
    content = [("a", str(n), 1, amount) for n in range(4)]
    [dry] = flow.dry_run([file_of(tmp_path, 0, content)], 10)
    assert dry.profile is not None
    assert dry.profile.in_file.totals["amount"] == Decimal(total)


def test_a_newer_reading_is_held_against_the_others_only(flow: Flow, tmp_path: Path) -> None:
    upload, _ = checked(flow, received(flow, file_of(tmp_path, 0, [("a", "x", 1, "1")])))
    let_in(flow, upload)
    changed = flow.schema.model_copy(update={"start": datetime(2021, 1, 1, tzinfo=UTC).date()})
    newer = Flow(changed, flow.folder)
    assert newer.version != flow.version
    _, found = checked(newer, newer.register.find(upload.upload))
    assert beside(found).arrival == Arrival(1, 0, 0, 0, 0)
    assert beside(found).there.rows == 0


def test_comparing_leaves_the_tables_as_they_are(flow: Flow, tmp_path: Path) -> None:
    upload, _ = checked(flow, received(flow, file_of(tmp_path, 0, [("a", "x", 1, "1")])))
    let_in(flow, upload)
    before = flow.folder.warehouse.read_bytes()
    chance = random.Random(1)  # noqa: S311
    content = [(chance.choice("abc"), str(n), 1, "2") for n in range(5000)]
    checked(flow, received(flow, file_of(tmp_path, 1, [*content, ("a", "x", 1, "5")])))
    checked(flow, upload)
    assert flow.folder.warehouse.read_bytes() == before
    assert not Path(f"{flow.folder.warehouse}.wal").exists()


@pytest.mark.parametrize("confirm", ["automatic", "manual"])
def test_only_what_a_person_decides_on_is_held_against_the_ledger(
    tmp_path: Path, confirm: str
) -> None:
    flow = Flow(schema_with("keep_first", confirm), DataFolder(tmp_path / "data"))
    _, found = checked(flow, received(flow, file_of(tmp_path, 0, [("a", "x", 1, "1")])))
    assert found.profile is not None
    assert (found.profile.beside is not None) == (confirm == "manual")
    assert found.profile.in_file.rows == 1


def test_a_busy_warehouse_costs_the_comparison_and_nothing_else(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", "0")
    flow.open_ledger()
    uploads = [received(flow, file_of(tmp_path, n, [("a", str(n), 1, "1")])) for n in range(2)]
    with flow.warehouse.open():
        found = list(flow.check(uploads))
    assert [upload.state for upload, _ in found] == ["passed", "passed"]
    for _, one in found:
        assert isinstance(one, CheckedFile)
        assert one.profile is not None
        assert "The warehouse is in use by" in str(one.profile.not_compared)


def test_many_small_uploads_are_compared_at_one_opening(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.open_ledger()
    uploads = [received(flow, file_of(tmp_path, n, [("a", str(n), 1, "1")])) for n in range(5)]
    openings = []
    whole = Warehouse.open

    def counted(self: Warehouse, *folders: Path, wait: float | None = None) -> Any:
        openings.append(wait)
        return whole(self, *folders, wait=wait)

    monkeypatch.setattr(Warehouse, "open", counted)
    found = list(flow.check(uploads))
    assert [beside(one).arrival.new for _, one in found if isinstance(one, CheckedFile)] == [1] * 5
    assert len(openings) == 1
