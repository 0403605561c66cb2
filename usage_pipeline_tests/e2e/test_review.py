"""What a reviewer sees in the browser, and what they do there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from usage_pipeline.orchestration.review_metadata import next_step_here
from usage_pipeline.register import Upload
from usage_pipeline.validation.codes import CODES
from usage_pipeline_tests.e2e.conftest import Camera
from usage_pipeline_tests.e2e.dev import Dev
from usage_pipeline_tests.e2e.hostile import BOLD, IMAGE, LINK, SCRIPT, nothing_came_alive
from usage_pipeline_tests.e2e.pages import AssetPage, Launchpad, ReviewPage, UploadList, WaitingList
from usage_pipeline_tests.watched_folder.daemon import drop

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HEADER = "Event ID,Account,When,API Calls,note"
GOOD = "{0}-1,acme,2024-10-01T08:00:00Z,10,morning\n{0}-2,acme,2024-10-01T20:00:00Z,32,evening"
WRONG_NUMBER = """\
w1,acme,2024-10-01T08:00:00Z,10,morning
w2,acme,2024-10-01T09:00:00Z,many,late
w3,acme,2024-10-01T10:00:00Z,7,
"""
STRAY_QUOTE = 'q1,acme,2024-10-01T08:00:00Z,10,a 5" pipe\n'

EVIL = f"{IMAGE},{LINK},{BOLD},{SCRIPT},fine\n"
EVIL_NAME = f"{IMAGE} {LINK.replace('/', '')}.csv"

FILES = {
    ("api_calls", "wrong-number.csv"): f"{HEADER}\n{WRONG_NUMBER}",
    ("api_calls", "stray-quote.csv"): f"{HEADER}\n{STRAY_QUOTE}",
    ("api_calls", EVIL_NAME): f"{HEADER},{IMAGE}\n{EVIL.strip()},{LINK}\n",
    ("seats", "waiting.csv"): f"{HEADER}\n{GOOD.format('waiting')}\n",
    ("seats", "to-confirm.csv"): f"{HEADER}\n{GOOD.format('confirmed')}\n",
}


@pytest.fixture(scope="module")
def dropped(dev: Dev) -> Dev:
    """All files at once: the daemon works on them while the first test looks."""
    for (schema, name), text in FILES.items():
        drop(dev.work, name, text, schema)
    return dev


def upload_of(dev: Dev, name: str) -> Upload:
    [schema] = [schema for schema, known in FILES if known == name]
    return dev.settled(name, schema)


def test_a_wrong_cell_is_shown_with_its_line_and_advice(
    dropped: Dev, page: Page, camera: Camera
) -> None:
    upload = upload_of(dropped, "wrong-number.csv")
    review = ReviewPage.open(page, dropped.url, upload, "values")
    [sample] = review.table("samples")
    assert (sample["line"], sample["column"], sample["code"]) == ("3", "API Calls", "type-error")
    assert sample["value"] == "many"
    assert sample["record"] == "w2,acme,2024-10-01T09:00:00Z,►many◄,late"
    [advice] = review.table("by_code")
    assert advice["count"] == "1"
    assert advice["what to do"] == CODES["type-error"].advice
    camera.take(
        page,
        "review-failed",
        (1900, 1300),
        [page.get_by_text("Description", exact=True), review.entry("samples")],
    )


def test_a_file_that_cannot_be_read_is_shown_with_its_line_and_advice(
    dropped: Dev, page: Page
) -> None:
    upload = upload_of(dropped, "stray-quote.csv")
    review = ReviewPage.open(page, dropped.url, upload, "structure")
    [sample] = review.table("samples")
    assert (sample["line"], sample["column"], sample["code"]) == ("2", "note", "stray-quote")
    [advice] = review.table("by_code")
    assert advice["what to do"] == CODES["stray-quote"].advice


def test_text_of_cells_is_shown_as_text(dropped: Dev, page: Page) -> None:
    upload = upload_of(dropped, EVIL_NAME)
    for check, cell in (("values", SCRIPT), ("timestamps", BOLD)):
        review = ReviewPage.open(page, dropped.url, upload, check)
        assert cell in review.text("samples")
        nothing_came_alive(page)


def test_text_of_the_header_is_shown_as_text(dropped: Dev, page: Page) -> None:
    upload = upload_of(dropped, EVIL_NAME)
    review = ReviewPage.open(page, dropped.url, upload, "mapping")
    assert IMAGE in review.text("samples")
    nothing_came_alive(page)


def test_the_file_name_and_the_first_lines_are_shown_as_text(dropped: Dev, page: Page) -> None:
    upload = upload_of(dropped, EVIL_NAME)
    asset = AssetPage.open(page, dropped.url, "api_calls/raw_upload", upload.upload)
    assert asset.text("file_name") == EVIL_NAME
    assert LINK in asset.text("first_lines")
    nothing_came_alive(page)


def test_an_upload_that_waits_is_listed_where_the_check_confirmation_failed(
    dropped: Dev, page: Page
) -> None:
    upload = upload_of(dropped, "waiting.csv")
    listing = WaitingList.open(page, dropped.url, "seats")
    listing.show_only("Failed")
    listing.has(upload)


def test_an_upload_that_waits_says_how_to_confirm_it(dropped: Dev, page: Page) -> None:
    upload = upload_of(dropped, "waiting.csv")
    asset = AssetPage.open(page, dropped.url, "seats/mapped_events", upload.upload)
    assert asset.text("verdict") == "passed"
    assert asset.text("next_step") == next_step_here(upload)
    assert "seats_confirm_upload" in asset.text("next_step")


def test_a_confirmation_in_the_launchpad_lets_the_rows_in_and_the_metrics_appear(
    dropped: Dev, page: Page, camera: Camera
) -> None:
    upload = upload_of(dropped, "to-confirm.csv")
    assert upload.state == "passed"
    launchpad = Launchpad.open(page, dropped.url, "seats")
    launchpad.choose(upload)
    launchpad.write(by="Ada", note="as announced")
    camera.take(page, "review-confirm", (1200, 750), [page.locator("body")])
    launchpad.launch()

    listing = UploadList.open(page, dropped.url, "seats")
    listing.show_only("Missing")
    listing.has(upload_of(dropped, "waiting.csv"))  # the list is there, then
    listing.has_not(upload)
    listing.show_only("Materialized")
    listing.has(upload)
    waiting = WaitingList.open(page, dropped.url, "seats")
    waiting.show_only("Failed")
    waiting.has(upload_of(dropped, "waiting.csv"))
    waiting.has_not(upload)
    metric = AssetPage.open(page, dropped.url, "seats/seats_per_day", "2024-10-01")
    assert metric.text("total") == "42"
    assert dropped.work.register.find(upload.upload).state == "ingested"
