"""The partitions of a metric are its own windows, whatever the clocks of its zone do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from usage_pipeline.metering import TimeWindow, compute_windows, window_of, windows_between
from usage_pipeline.orchestration.build import schema_definitions, shared_definitions
from usage_pipeline.orchestration.instance import open_instance
from usage_pipeline.orchestration.partitions import window_key, window_partitions, windows_of
from usage_pipeline.schema import MetricSpec, Window, load_schemas
from usage_pipeline_tests.workplace import Workplace

WINDOWS: list[Window] = list(get_args(Window))
#: The last four: skipped midnights (of a quarter's first day in Asuncion), midnights that come
#: twice, and clocks that go back over midnight.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Santiago",
    "America/Asuncion",
    "America/Havana",
    "America/St_Johns",
]
#: Both changes of the clock, Apia's skipped day, New Year after 53 weeks, and a leap day.
SPANS = [
    (date(2010, 12, 15), date(2012, 2, 15)),
    (date(2017, 3, 1), date(2017, 11, 15)),
    (date(2020, 12, 15), date(2021, 2, 15)),
    (date(2023, 12, 15), date(2025, 1, 15)),
]
APIA = "Pacific/Apia"
TICK = timedelta(microseconds=1)


def partitions_of(window: Window, zone: str, start: date) -> dg.TimeWindowPartitionsDefinition:
    schema = load_schemas()["api_usage"].model_copy(update={"start": start})
    return window_partitions(schema, MetricSpec(aggregation="count", window=window, time_zone=zone))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def own_windows(window: Window, zone: str, start: date, now: datetime) -> list[TimeWindow]:
    return list(windows_between(midnight(start), now + TICK, window, zone))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("start", "end"), SPANS)
def test_the_listed_partitions_are_the_windows_from_the_start_to_now(
    window: Window, zone: str, start: date, end: date
) -> None:
    partitions = partitions_of(window, zone, start)
    keys = list(partitions.get_partition_keys(current_time=midnight(end)))
    assert len(set(keys)) == len(keys)
    expected = own_windows(window, zone, start, midnight(end))
    assert windows_of(partitions, keys) == expected
    skipped = {"2011-12-30"} if (window, zone) == ("day", APIA) else set()
    assert [key for key in keys if key not in skipped] == [
        window_key(partitions, one) for one in expected
    ]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("start", "end"), SPANS)
def test_what_the_ui_shows_as_a_partition_is_its_window(
    window: Window, zone: str, start: date, end: date
) -> None:
    partitions = partitions_of(window, zone, start)
    for one in own_windows(window, zone, start, midnight(end)):
        if window == "hour" and not near_a_change(one, zone):
            continue
        key = window_key(partitions, one)
        assert partitions.has_partition_key(key), key
        shown = partitions.time_window_for_partition_key(key)
        assert TimeWindow(shown.start.astimezone(UTC), shown.end.astimezone(UTC)) == one, key


def test_a_quarter_whose_first_midnight_comes_twice_has_its_partition() -> None:
    # Dagster begins it with the second midnight: its own window is an hour off.
    partitions = partitions_of("quarter", "America/Managua", date(2006, 5, 1))
    keys = list(partitions.get_partition_keys(current_time=midnight(date(2007, 2, 1))))
    assert keys == ["2006-04-01", "2006-07-01", "2006-10-01", "2007-01-01"]
    windows = own_windows(
        "quarter", "America/Managua", date(2006, 5, 1), midnight(date(2007, 2, 1))
    )
    assert windows[2].start == datetime.fromisoformat("2006-10-01T00:00-05:00")
    assert windows_of(partitions, keys) == windows
    assert [window_key(partitions, one) for one in windows] == keys


def near_a_change(window: TimeWindow, zone: str) -> bool:
    moments = [window.start - timedelta(hours=3), window.end + timedelta(hours=3)]
    return len({moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in moments}) > 1


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
def test_the_last_partition_is_the_unfinished_window_from_its_first_instant_on(
    window: Window, zone: str
) -> None:
    partitions = partitions_of(window, zone, date(2023, 12, 31))
    for one in windows_between(
        midnight(date(2023, 12, 31)), midnight(date(2024, 1, 2)), window, zone
    ):
        for now in (one.start, one.start + TICK, one.end - timedelta(seconds=1)):
            key = partitions.get_partition_keys(current_time=now)[-1]
            assert windows_of(partitions, [key]) == [one], now


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    "start", [date(2011, 12, 30), date(2017, 10, 1), date(2024, 2, 29), date(2024, 12, 31)]
)
def test_the_first_partition_holds_the_first_instant_an_event_may_have(
    window: Window, zone: str, start: date
) -> None:
    partitions = partitions_of(window, zone, start)
    first = partitions.get_first_partition_key()
    assert first is not None
    expected = window_of(midnight(start), window, zone)
    assert windows_of(partitions, [first]) == [expected]
    assert window_key(partitions, expected) == first


@pytest.mark.parametrize(
    ("window", "key", "start", "end"),
    [
        ("hour", "2024-10-27-02:00", "2024-10-27T00:00", "2024-10-27T01:00"),
        ("hour", "2024-10-27-02:00+0100", "2024-10-27T01:00", "2024-10-27T02:00"),
        ("day", "2024-10-27", "2024-10-26T22:00", "2024-10-27T23:00"),
        ("week", "2024-12-30", "2024-12-29T23:00", "2025-01-05T23:00"),
        ("month", "2024-02-01", "2024-01-31T23:00", "2024-02-29T23:00"),
        ("quarter", "2024-04-01", "2024-03-31T22:00", "2024-06-30T22:00"),
        ("year", "2024-01-01", "2023-12-31T23:00", "2024-12-31T23:00"),
    ],
)
def test_a_key_names_the_first_day_of_its_window_or_the_hour(
    window: Window, key: str, start: str, end: str
) -> None:
    partitions = partitions_of(window, "Europe/Berlin", date(2024, 1, 1))
    edges = (datetime.fromisoformat(edge).replace(tzinfo=UTC) for edge in (start, end))
    one = TimeWindow(*edges)
    assert windows_of(partitions, [key]) == [one]
    assert window_key(partitions, one) == key


def test_windows_come_in_the_order_of_their_keys() -> None:
    partitions = partitions_of("day", "UTC", date(2024, 1, 1))
    late, early = windows_of(partitions, ["2024-03-02", "2024-03-01"])
    assert late.start == early.end


IN_APIA = """
type: usage_pipeline.components.UsageEvents
attributes:
  name: island
  kind: events
  start: 2011-12-01
  fields:
    customer_id: {type: string, from: [Account]}
    timestamp: {type: timestamp, from: [When], format: iso8601, time_zone: Pacific/Apia}
    calls: {type: integer, from: [Calls], usage: true}
  event_key: [upload, line]
  metrics:
    per_day: {aggregation: sum, field: calls, window: day, time_zone: Pacific/Apia}
    per_quarter: {aggregation: sum, field: calls, window: quarter, time_zone: Pacific/Apia}
    per_year: {aggregation: sum, field: calls, window: year, time_zone: Pacific/Apia}
"""
PER_DAY = dg.AssetKey(["island", "per_day"])


@pytest.fixture
def island(work: Workplace) -> Workplace:
    """Usage in Apia around the skipped day, and its values."""
    work.describe("island", IN_APIA)
    rows = (
        "Account,When,Calls",
        "acme,2011-12-29T23:59:59,1",
        "acme,2011-12-31T00:00:00,10",
        "acme,2012-01-01T00:00:00,100",
    )
    work.ingest(work.file("island.csv", "\n".join(rows) + "\n"), schema="island")
    return work


def values(work: Workplace, metric: str) -> dict[str, int]:
    """{local day that a window begins with: value}."""
    return {
        datetime.fromisoformat(row["window_start"])
        .astimezone(ZoneInfo(APIA))
        .date()
        .isoformat(): int(row["value"])
        for row in work.listing("metrics", metric)
    }


def run_partitions(work: Workplace, first: str, last: str) -> list[str]:
    """Run the metric of days for a partition, or a range of them; returns what was computed."""
    definitions = dg.Definitions.merge(
        schema_definitions(load_schemas()["island"]), shared_definitions()
    )
    tags = {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }
    with open_instance(work.folder) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[PER_DAY],
            partition_key=first if first == last else None,
            tags=tags if first != last else None,
        )
    assert result.success
    events = result.asset_materializations_for_node("island__per_day")
    return [str(event.partition) for event in events]


def test_quarters_and_years_have_the_events_of_their_local_days(island: Workplace) -> None:
    assert values(island, "per_day") == {"2011-12-29": 1, "2011-12-31": 10, "2012-01-01": 100}
    assert values(island, "per_quarter") == {"2011-10-01": 11, "2012-01-01": 100}
    assert values(island, "per_year") == {"2011-01-01": 11, "2012-01-01": 100}


def test_each_window_gets_its_partition(island: Workplace) -> None:
    with open_instance(island.folder) as instance:
        for metric in ("per_day", "per_quarter", "per_year"):
            found = instance.get_materialized_partitions(dg.AssetKey(["island", metric]))
            assert found == set(values(island, metric))


def test_a_range_over_the_skipped_day_computes_each_window_once(island: Workplace) -> None:
    before = values(island, "per_day")
    computed = run_partitions(island, "2011-12-28", "2012-01-01")
    assert computed == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    assert values(island, "per_day") == before


def test_a_run_of_the_skipped_day_alone_computes_the_day_that_begins_in_its_place(
    island: Workplace,
) -> None:
    before = values(island, "per_day")
    with island.flow("island").warehouse.open() as connection:
        connection.execute("DELETE FROM island.per_day WHERE value = 10")
    day_after = datetime(2011, 12, 30, 10, tzinfo=UTC)
    island.register.windows.mark("island", {"per_day": [day_after]})
    assert run_partitions(island, "2011-12-30", "2011-12-30") == ["2011-12-31"]
    assert values(island, "per_day") == before
    assert island.register.windows.stale("island") == {}


def test_the_skipped_day_has_no_window_and_no_window_is_no_work(island: Workplace) -> None:
    flow = island.flow("island")
    spec = flow.schema.all_metrics["per_day"]
    windows = windows_of(window_partitions(flow.schema, spec), ["2011-12-30"])
    assert windows == []
    before = values(island, "per_day")
    with flow.warehouse.open() as connection:
        assert compute_windows(connection, flow.schema, "per_day", windows) == []
    assert values(island, "per_day") == before
