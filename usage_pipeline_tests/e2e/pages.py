"""What a reviewer sees and does in the Dagster UI, by the names of what stands there.

All of it is found by its text or role. Waiting is bounded by the time-out of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from playwright.sync_api import Locator, Page, expect

from usage_pipeline.register import Upload

Row = dict[str, str]

RUN_MS = 60_000.0


@dataclass(frozen=True)
class UiPage:
    """One page of the UI at `url`."""

    page: Page
    url: str

    def entry(self, name: str) -> Locator:
        """The value of a metadata entry."""
        return self.page.locator(f'xpath=//td[normalize-space()="{name}"]/following-sibling::td[1]')

    def text(self, name: str) -> str:
        """The words of a metadata entry."""
        return self.entry(name).inner_text().strip()

    def table(self, name: str) -> list[Row]:
        """The rows of a metadata entry that is a table."""
        table = self.entry(name).locator("table").first
        table.wait_for()
        head, *rows = (
            [cell.strip() for cell in row.locator("th, td").all_inner_texts()]
            for row in table.locator("tr").all()
        )
        return [dict(zip(head, row, strict=True)) for row in rows]


class AssetPage(UiPage):
    """The tab `Partitions` of an asset, with one partition chosen."""

    @classmethod
    def open(cls, page: Page, url: str, asset: str, partition: str) -> Self:
        """Args:
        asset: its key, `schema/mapped_events` say.
        """
        page.goto(f"{url}/assets/{asset}?view=partitions&partition={partition}")
        page.get_by_text("Latest materialization").wait_for()
        return cls(page, url)


class MetricPage(UiPage):
    """The tab `Partitions` of a metric: one partition per window."""

    @classmethod
    def open(cls, page: Page, url: str, metric: str) -> Self:
        """Args:
        metric: its key, `schema/metric`.
        """
        page.goto(f"{url}/assets/{metric}?view=partitions")
        page.get_by_text("Partitions Selected").wait_for()
        return cls(page, url)

    def backfill(self) -> None:
        """Press `Materialize`, and launch it for all partitions."""
        self.page.get_by_role("button", name="Materialize").first.click()
        dialog = self.page.get_by_role("dialog")
        # Until then the UI offers those of the last 90 days.
        dialog.get_by_text("Show all partitions").click()
        dialog.get_by_role("button", name="All", exact=True).click()
        expect(dialog.get_by_text("Backfills all partitions in a single run")).to_be_visible()
        dialog.get_by_role("button", name="Launch backfill").click()
        dialog.wait_for(state="hidden")

    def count(self, status: str) -> int:
        """How many partitions are `Materialized`, or `Missing`."""
        label = self.page.locator("label").filter(has_text=re.compile(rf"^{status} \("))
        return int(label.inner_text().strip(f"{status} ()").replace(",", ""))


class ChecksPage(UiPage):
    """The check `reconciliation` of a metric, with what it said each time."""

    @classmethod
    def open(cls, page: Page, url: str, metric: str) -> Self:
        page.goto(f"{url}/assets/{metric}?view=checks&checkDetail=reconciliation")
        page.get_by_role("tab", name="Execution history").click()
        page.get_by_text("Target materialization").wait_for()
        return cls(page, url)

    def execute(self) -> None:
        self.page.get_by_role("button").filter(has_text=re.compile("^Execute$")).click()

    def said(self, result: str) -> Locator:
        """`Passed` or `Failed`, once for each time that it was executed."""
        return self.page.get_by_text(result, exact=True)


class ReviewPage(UiPage):
    """What a check of `mapped_events` says of an upload: checks, the check, `Partitions`."""

    @classmethod
    def open(cls, page: Page, url: str, upload: Upload, check: str) -> Self:
        address = f"{url}/assets/{upload.schema}/mapped_events?view=checks&checkDetail={check}"
        page.goto(address)
        # The tabs of the asset are there first; the check's own come behind them.
        page.get_by_role("tab", name="Execution history").wait_for()
        page.get_by_role("tab", name="Partitions").last.click()
        _listed(page, upload.upload).click()
        page.get_by_text("View all historical executions").wait_for()
        return cls(page, url)


class UploadList(UiPage):
    """The uploads of a schema, by whether their rows are in: partitions of `ingestion_table`."""

    @classmethod
    def open(cls, page: Page, url: str, schema: str) -> Self:
        page.goto(f"{url}/assets/{schema}/ingestion_table?view=partitions")
        page.get_by_text("Partitions Selected").wait_for()
        return cls(page, url)

    def show_only(self, status: str) -> None:
        """Untick every status but one."""
        for other in ("Failed", "Materialized", "Materializing", "Missing"):
            # The box itself lies outside of what can be seen; its label takes the click.
            label = self.page.locator("label").filter(has_text=re.compile(rf"^{other} \("))
            if label.get_by_role("checkbox").is_checked() != (other == status):
                label.click()
            expect(label.get_by_role("checkbox")).to_be_checked(checked=other == status)

    def has(self, upload: Upload) -> None:
        expect(_listed(self.page, upload.upload)).to_be_visible()

    def has_not(self, upload: Upload) -> None:
        expect(_listed(self.page, upload.upload)).to_have_count(0)


class WaitingList(UploadList):
    """The uploads that wait for a person: where the check `confirmation` failed."""

    @classmethod
    def open(cls, page: Page, url: str, schema: str) -> Self:
        page.goto(f"{url}/assets/{schema}/mapped_events?view=checks&checkDetail=confirmation")
        page.get_by_role("tab", name="Execution history").wait_for()
        page.get_by_role("tab", name="Partitions").last.click()
        page.locator("label").filter(has_text=re.compile(r"^Failed \(")).wait_for()
        return cls(page, url)

    def show_only(self, status: str) -> None:
        """Untick every status but one."""
        boxes = self.page.locator("label").filter(has=self.page.get_by_role("checkbox"))
        for label in boxes.filter(has_text=re.compile(r"^[A-Z][a-z ]+ \(")).all():
            wanted = label.inner_text().startswith(status)
            if label.get_by_role("checkbox").is_checked() != wanted:
                label.click()


class Launchpad(UiPage):
    """Where a person launches a review job on an upload."""

    @classmethod
    def open(cls, page: Page, url: str, schema: str, step: str = "confirm") -> Self:
        page.goto(f"{url}/locations/usage_pipeline/jobs/{schema}_{step}_upload/playground")
        page.locator(".CodeMirror-line", has_text="note").wait_for()
        return cls(page, url)

    def choose(self, upload: Upload) -> None:
        """Pick the upload's partition, found by the beginning of its name."""
        box = self.page.get_by_placeholder("Partition")
        box.click()
        box.press_sequentially(upload.upload[:12])
        self.page.get_by_text(upload.upload, exact=True).first.click()
        expect(box).to_have_value(upload.upload)

    def write(self, by: str, note: str) -> None:
        """Fill in who confirms, and a note, in the editor."""
        for name, words in (("by", by), ("note", note)):
            self.page.locator(".CodeMirror-line", has_text=f"{name}:").click()
            self.page.keyboard.press("Home")
            self.page.keyboard.press("Shift+End")
            self.page.keyboard.insert_text(f"{name}: {words}")
        expect(self._button).to_be_enabled()

    def launch(self) -> None:
        """Press `Launch Run`, and stay on the page of the run until it has gone well."""
        self._button.click()
        self.page.wait_for_url("**/runs/*")
        expect(self.page.get_by_text("Success", exact=True).first).to_be_visible(timeout=RUN_MS)

    @property
    def _button(self) -> Locator:
        """`Launch Run`: enabled while a partition is chosen and the config has no errors."""
        return self.page.get_by_role("button", name="Launch Run")


def _listed(page: Page, name: str) -> Locator:
    """A name in the list of partitions.

    The UI cuts long names in the middle; the title is the whole one.
    """
    row = page.locator('[class*="VirtualizedTable_row"]')
    return row.filter(has=page.get_by_title(name, exact=True))
