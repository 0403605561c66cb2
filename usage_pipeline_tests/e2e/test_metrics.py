"""What a person sees of a metric in the browser, and what they do there."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from usage_pipeline_tests.e2e.conftest import Camera
from usage_pipeline_tests.e2e.dev import Dev
from usage_pipeline_tests.e2e.hostile import BOLD, IMAGE, LINK, nothing_came_alive
from usage_pipeline_tests.e2e.pages import RUN_MS, AssetPage, ChecksPage, MetricPage
from usage_pipeline_tests.watched_folder.daemon import drop

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

METRIC = "storage/stored_per_month"
NOW = datetime.now(ZoneInfo("Europe/Berlin"))
FIRST_YEAR = 2022  # of the schema `storage`

GB = {"Acme": "41.7", "Globex": "20.35", "Initech": "12.1", "Hooli": "9.05"}
#: Customers of one month; the chart shortens the long name.
HOSTILE = [IMAGE, BOLD, LINK, "$x^2$"]
THEIR_MONTH = 2


def months_ago(count: int) -> str:
    """That month's partition."""
    year, month = divmod(NOW.year * 12 + NOW.month - 1 - count, 12)
    return f"{year}-{month + 1:02}-01"


def usage() -> str:
    """Two years of storage; a little less in each month than in the one after."""
    rows = [
        (customer, count, Decimal(gb) * (100 - 3 * count) / 100)
        for count in range(24)
        for customer, gb in GB.items()
    ]
    rows += [(name, THEIR_MONTH, Decimal(90 - n)) for n, name in enumerate(HOSTILE)]
    lines = ["Event ID,Account,When,GB"]
    for number, (customer, count, gb) in enumerate(rows):
        # In Berlin a month begins earlier than in UTC, and this one has begun there.
        moment = f"{months_ago(count)}T00:00:00Z" if count else f"{NOW.astimezone(UTC):%FT%TZ}"
        lines.append(f"{number},{customer},{moment},{gb}")
    return "\n".join(lines) + "\n"


def runs_of_assets(dev: Dev, count: int) -> list[dg.DagsterRun]:
    """What was launched on the pages of assets, once that is so many runs and all are over."""

    def are_over() -> bool:
        runs = dev.runs("__ASSET_JOB")
        return len(runs) >= count and all(run.is_finished for run in runs)

    dev.wait_until(are_over, RUN_MS / 1000, f"{count} runs are over")
    return dev.runs("__ASSET_JOB")


@pytest.fixture(scope="module")
def metered(dev: Dev, browser: Browser) -> Dev:
    """A person has had all windows of a metric computed."""
    drop(dev.work, "storage.csv", usage(), "storage")
    assert dev.settled("storage.csv", "storage").state == "ingested"
    page = browser.new_page(locale="en-GB")
    MetricPage.open(page, dev.url, METRIC).backfill()
    page.close()
    runs_of_assets(dev, 1)
    return dev


def test_a_backfill_over_several_years_is_one_run(metered: Dev, page: Page) -> None:
    backfills = [run for run in metered.runs("__ASSET_JOB") if "dagster/backfill" in run.tags]
    assert [run.is_success for run in backfills] == [True]
    listing = MetricPage.open(page, metered.url, METRIC)
    assert listing.count("Missing") == 0
    assert listing.count("Materialized") >= 12 * (NOW.year - FIRST_YEAR) + NOW.month


def test_the_window_we_are_in_is_a_partition_and_marked_open(
    metered: Dev, page: Page, camera: Camera
) -> None:
    window = AssetPage.open(page, metered.url, METRIC, months_ago(0))
    assert window.text("total") == window.text("exact_total") == "83.2"
    assert window.text("unit") == "GB"
    assert window.text("open") == "true"
    before = "+2.496 against 80.704 in the window before"
    assert window.text("change") == f"{before}; this window is not finished"
    assert window.text("change_percent") == "3.09"
    assert window.table("top_customers") == [
        {"customer": customer, "value": value} for customer, value in GB.items()
    ]
    corners = [
        page.get_by_role("tab", name="Overview"),
        page.get_by_role("button", name="Materialize").first,
        page.get_by_role("button", name="All", exact=True),
        window.entry("dagster/row_count"),
    ]
    camera.take(page, "metric-window", (1400, 1300), corners)


def test_a_window_before_is_not_open(metered: Dev, page: Page) -> None:
    window = AssetPage.open(page, metered.url, METRIC, months_ago(1))
    assert window.text("open") == "false"


def test_names_of_customers_are_shown_as_text(metered: Dev, page: Page) -> None:
    window = AssetPage.open(page, metered.url, METRIC, months_ago(THEIR_MONTH))
    assert [row["customer"] for row in window.table("top_customers")] == [*HOSTILE, "Acme"]
    nothing_came_alive(page)


def test_the_chart_is_drawn_on_the_page_and_names_customers_as_text(
    metered: Dev, page: Page
) -> None:
    window = AssetPage.open(page, metered.url, METRIC, months_ago(0))
    chart = chart_on(window)
    assert {*GB, *HOSTILE[1:], "GB", "not finished yet"} <= {*words_of(chart)}
    assert chart.get_attribute("alt") == "stored_per_month"
    nothing_came_alive(page)


def chart_on(window: AssetPage) -> Locator:
    """The image, once the browser has drawn it."""
    window.entry("chart").get_by_text("Show Markdown").click()
    image = window.page.get_by_role("dialog").locator("img")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", value=True)
    assert image.evaluate("image => image.naturalWidth") > 100
    return image


def words_of(image: Locator) -> list[str]:
    """The texts in an SVG image."""
    head, _, content = (image.get_attribute("src") or "").partition(",")
    assert head == "data:image/svg+xml;base64"
    svg = ElementTree.fromstring(base64.b64decode(content))  # noqa: S314
    return [element.text or "" for element in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_the_totals_of_windows_are_plotted(metered: Dev, page: Page) -> None:
    page.goto(f"{metered.url}/assets/{METRIC}?view=overview")
    page.get_by_role("button", name="Plots").click()
    plot = page.locator(
        'xpath=//*[normalize-space()="total"]/ancestor::div[.//canvas][1]//canvas'
    ).first
    expect(plot).to_be_visible()
    drawn = """canvas => canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte > 0)"""
    page.wait_for_function(drawn, arg=plot.element_handle())


def test_the_check_passes_and_can_be_executed_alone(metered: Dev, page: Page) -> None:
    checks = ChecksPage.open(page, metered.url, METRIC)
    expect(checks.said("Passed")).to_have_count(1)
    checks.execute()
    runs_of_assets(metered, 2)
    # Its history is looked at anew only every now and then.
    checks = ChecksPage.open(page, metered.url, METRIC)
    expect(checks.said("Passed")).to_have_count(2)


def test_the_nightly_check_is_switched_on(metered: Dev, page: Page) -> None:
    page.goto(f"{metered.url}/automation")
    schedule = page.get_by_role("link").filter(has_text="storage_reconcile_nightly")
    expect(schedule.locator('xpath=following::input[@type="checkbox"][1]')).to_be_checked()
