"""Real usage files through the whole flow: every row and every metric value, exactly."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.partitions import window_partitions
from usage_pipeline_tests.real_usage import oracle
from usage_pipeline_tests.real_usage.oracle import AWS, FOCUS, LLM, LOAD_BALANCER, REAL_FILES
from usage_pipeline_tests.workplace import Workplace

REAL_USAGE = PROJECT.parent / "shared" / "real_usage"
SCHEMAS = Path(__file__).parent / "schemas"
TIMES = {"timestamp", "window_start", "window_end"}

pytestmark = pytest.mark.skipif(
    not REAL_USAGE.is_dir(), reason="the folder shared/real_usage beside the project is absent"
)


@dataclass
class Office:
    """A workplace that knows all schemas and takes each real file in once."""

    work: Workplace
    taken: dict[str, RealUsage] = field(default_factory=dict)

    def take(self, real: oracle.RealFile) -> RealUsage:
        if real.schema not in self.taken:
            file = REAL_USAGE / real.name
            [answer] = self.work.ingest(file, schema=real.schema)
            events = oracle.events_of(file, real)
            self.taken[real.schema] = RealUsage(self.work, real, file, answer, events)
        return self.taken[real.schema]


@dataclass(frozen=True)
class RealUsage:
    """A real file after its ingestion: what the pipeline answered, and what the oracle expects."""

    work: Workplace
    real: oracle.RealFile
    file: Path
    answer: dict[str, Any]
    expected: dict[int, oracle.Row]

    def counts(self) -> dict[str, int]:
        names = ("lines", "valid", "invalid", "ingested", "duplicates", "superseded")
        return {name: self.answer[name] for name in names}

    def ingestion_table(self) -> list[oracle.Row]:
        listed = self.work.listing("events", "--schema", self.real.schema)
        return [exact(row, self.real.decimals) for row in listed]

    def expected_table(self) -> list[oracle.Row]:
        upload = self.answer["upload"]
        return [{"upload": upload, "line": line} | row for line, row in self.expected.items()]

    def values(self, metric: str) -> list[oracle.Row]:
        listed = self.work.values(metric, "--schema", self.real.schema)
        decimals = {"value"} if self.real.metrics[metric].field in self.real.decimals else set()
        return [exact(row, decimals) for row in listed]

    def expected_values(self, metric: str) -> list[oracle.Row]:
        return oracle.metric_rows(metric, self.real.metrics[metric], self.expected.values())

    def materialized_windows(
        self, metric: str, instance: dg.DagsterInstance
    ) -> set[tuple[datetime, datetime]]:
        """The time windows whose partitions the Dagster UI shows as materialized."""
        schema = self.work.flow(self.real.schema).schema
        partitions = window_partitions(schema, schema.all_metrics[metric])
        keys = instance.get_materialized_partitions(dg.AssetKey([schema.name, metric]))
        windows = [partitions.time_window_for_partition_key(key) for key in keys]
        return {(window.start.astimezone(UTC), window.end.astimezone(UTC)) for window in windows}

    def state(self) -> list[Any]:
        """Everything a user can list of this schema."""
        uploads = [u for u in self.work.listing("uploads") if u["schema"] == self.real.schema]
        table = self.work.listing("events", "--schema", self.real.schema)
        return [uploads, table, *(self.values(metric) for metric in self.real.metrics)]


def exact(row: dict[str, Any], decimals: Set[str]) -> oracle.Row:
    """A row of JSON with its types back: decimals are written as texts, times with an offset."""
    typed: oracle.Row = dict(row)
    for name in decimals & row.keys():
        assert row[name] is None or isinstance(row[name], str), f"{name} is no decimal text"
        typed[name] = None if row[name] is None else Decimal(row[name])
    for name in TIMES & row.keys():
        moment = datetime.fromisoformat(row[name])
        assert moment.tzinfo is not None, f"{name} has no offset"
        typed[name] = moment
    assert not any(isinstance(value, float) for value in row.values()), "a number is a float"
    return typed


def differences(found: list[oracle.Row], expected: list[oracle.Row]) -> list[str]:
    """The first rows that only one side has, or has more often; none when both are the same."""
    has, wants = (Counter(frozenset(row.items()) for row in rows) for rows in (found, expected))
    surplus = [("unexpected", row) for row in has - wants]
    missing = [("missing", row) for row in wants - has]
    return [f"{what}: {sorted(row, key=str)}" for what, row in [*surplus[:3], *missing[:3]]]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The shipped schemas, and beside them one for each real file they are not made for."""
    home = tmp_path_factory.mktemp("real_usage")
    work = Workplace(home / "files", home / "data", home / "defs")
    for folder in (work.files, work.data):
        folder.mkdir()
    shutil.copytree(PROJECT / "usage_pipeline" / "defs", work.defs)
    for schema in SCHEMAS.glob("*.yaml"):
        work.describe(schema.stem, schema.read_text(encoding="utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USAGE_PIPELINE_DATA", str(work.data))
        patch.setenv("USAGE_PIPELINE_DEFS", str(work.defs))
        patch.setenv("DAGSTER_HOME", "")
        patch.delenv("DAGSTER_HOME")
        yield Office(work)


@pytest.fixture(scope="module", params=REAL_FILES, ids=str)
def usage(office: Office, request: pytest.FixtureRequest) -> RealUsage:
    """Each real file in turn, ingested."""
    return office.take(request.param)


@pytest.fixture
def focus(office: Office) -> RealUsage:
    return office.take(FOCUS)


@pytest.fixture
def aws(office: Office) -> RealUsage:
    return office.take(AWS)


@pytest.fixture
def llm(office: Office) -> RealUsage:
    return office.take(LLM)


@pytest.fixture
def load_balancer(office: Office) -> RealUsage:
    return office.take(LOAD_BALANCER)


def test_every_line_is_valid_and_counts_once(usage: RealUsage) -> None:
    assert usage.counts() == {
        "lines": usage.real.lines,
        "valid": usage.real.lines,
        "invalid": 0,
        "ingested": len(usage.expected),
        "duplicates": usage.real.lines - len(usage.expected),
        "superseded": 0,
    }


def test_the_upload_is_ingested(usage: RealUsage) -> None:
    assert usage.answer["state"] == "ingested"


def test_the_ingestion_table_holds_every_row_of_the_file(usage: RealUsage) -> None:
    assert differences(usage.ingestion_table(), usage.expected_table()) == []


def test_the_oracle_knows_every_metric(usage: RealUsage) -> None:
    schema = usage.work.flow(usage.real.schema).schema
    assert schema.all_metrics.keys() == usage.real.metrics.keys()


def test_every_value_of_every_metric_is_exact(usage: RealUsage) -> None:
    for metric in usage.real.metrics:
        assert differences(usage.values(metric), usage.expected_values(metric)) == []


def test_every_window_with_usage_is_a_materialized_partition(usage: RealUsage) -> None:
    with open_instance(usage.work.folder) as instance:
        for metric in usage.real.metrics:
            expected = usage.expected_values(metric)
            windows = {(row["window_start"], row["window_end"]) for row in expected}
            assert usage.materialized_windows(metric, instance) == windows, metric


def test_verify_proves_every_promise(usage: RealUsage) -> None:
    outcome = usage.work.run("verify", "--schema", usage.real.schema, "--format", "json")
    assert outcome.exit_code == 0
    assert outcome.json["ok"] is True


def test_the_same_file_again_changes_nothing(load_balancer: RealUsage) -> None:
    before = load_balancer.state()
    load_balancer.work.ingest(load_balancer.file, schema=LOAD_BALANCER.schema)
    assert load_balancer.state() == before


def test_the_same_file_again_is_answered_with_the_upload_it_is(focus: RealUsage) -> None:
    again = focus.work.file("FOCUS export (copy).csv", focus.file.read_bytes())
    assert focus.work.ingest(again, schema=FOCUS.schema) == [focus.answer]


def test_columns_no_field_takes_are_only_warnings(aws: RealUsage) -> None:
    [report] = aws.work.check(aws.file, schema=AWS.schema)
    assert report["codes"] == {"unmapped-label": 94 - 11}


def test_charges_without_a_resource_are_events_too(focus: RealUsage) -> None:
    nowhere = [row for row in focus.ingestion_table() if row["resource_id"] is None]
    assert len(nowhere) == 75


def test_quantities_below_zero_are_kept(focus: RealUsage) -> None:
    quantities = [row["consumed_quantity"] for row in focus.ingestion_table()]
    assert sum(isinstance(amount, Decimal) and amount < 0 for amount in quantities) == 12


def test_an_export_in_overlapping_parts_comes_to_the_same(work: Workplace) -> None:
    header, *lines = (REAL_USAGE / FOCUS.name).read_bytes().splitlines(keepends=True)
    first = work.file("first.csv", b"".join([header, *lines[:600]]))
    second = work.file("second.csv", b"".join([header, *lines[400:]]))
    for part in (first, second):
        [answer] = work.ingest(part, schema=FOCUS.schema)
    assert (answer["ingested"], answer["duplicates"]) == (400, 200)
    parts = RealUsage(work, FOCUS, second, answer, oracle.events_of(REAL_USAGE / FOCUS.name, FOCUS))
    for metric in FOCUS.metrics:
        assert differences(parts.values(metric), parts.expected_values(metric)) == []


def test_tax_rows_have_no_unit(aws: RealUsage) -> None:
    taxes = [row for row in aws.ingestion_table() if row["line_item_type"] == "Tax"]
    assert [row["unit"] for row in taxes] == [None] * 12


def test_quantities_with_an_exponent_are_read_to_the_last_digit(aws: RealUsage) -> None:
    amounts = {row["line"]: row["usage_amount"] for row in aws.ingestion_table()}
    tiny = {
        line: Decimal(cells["lineItem/UsageAmount"])
        for line, cells in oracle.cells_of(aws.file)
        if "E" in cells["lineItem/UsageAmount"]
    }
    assert len(tiny) == 474
    assert {line: amounts[line] for line in tiny} == tiny


def test_the_hour_that_clocks_show_twice_is_two_windows(aws: RealUsage) -> None:
    first, second = datetime(2023, 11, 5, 5, tzinfo=UTC), datetime(2023, 11, 5, 6, tzinfo=UTC)
    begins = {row["window_start"] for row in aws.values("amount_per_hour")}
    assert {first, second} <= begins


def test_the_day_that_clocks_go_back_has_25_hours(aws: RealUsage) -> None:
    begin, end = datetime(2023, 11, 5, 4, tzinfo=UTC), datetime(2023, 11, 6, 5, tzinfo=UTC)
    windows = {(row["window_start"], row["window_end"]) for row in aws.values("cost_per_day")}
    assert (begin, end) in windows


def test_usage_before_a_zones_first_month_counts_in_the_month_before(aws: RealUsage) -> None:
    # Midnight in UTC on 1 November is still October in New York.
    begins = {row["window_start"] for row in aws.values("cost_per_month")}
    assert datetime(2023, 10, 1, 4, tzinfo=UTC) in begins


def test_a_seventh_fractional_digit_of_zero_loses_nothing(llm: RealUsage) -> None:
    first = next(row for row in llm.ingestion_table() if row["line"] == 2)
    assert first["timestamp"] == datetime(2023, 11, 16, 18, 15, 46, 680590, UTC)


def test_the_customer_is_read_from_the_file_name(load_balancer: RealUsage) -> None:
    customers = {row["customer_id"] for row in load_balancer.ingestion_table()}
    assert customers == {"8c0756"}


def test_a_file_name_without_the_customer_is_refused(load_balancer: RealUsage) -> None:
    nameless = load_balancer.work.file("requests.csv", load_balancer.file.read_bytes())
    [report] = load_balancer.work.check(nameless, schema=LOAD_BALANCER.schema)
    assert report["verdict"] == "failed"
    assert {error["field"] for error in report["errors"]} == {"customer_id"}
