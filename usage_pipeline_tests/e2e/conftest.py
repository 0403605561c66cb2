"""One `usage-pipeline dev` and one browser for all tests here, and a report of what was seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright

from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.e2e.dev import Dev

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_SECONDS = 20.0
MARGIN = 16

#: The folder of a test says nothing to a reader of the docs.
RENAME_FOLDER = """([old, name]) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        texts.currentNode.data = texts.currentNode.data.replaceAll(old, name);
    }
}"""

SCHEMA = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: {name}
  confirm: {confirm}
  fields:
    event_id: {{type: string, from: ["Event ID"]}}
    customer_id: {{type: string, from: [Account]}}
    timestamp: {{type: timestamp, from: [When], time_zone: UTC}}
    calls: {{type: integer, from: ["API Calls"], usage: true, minimum: 0}}
    note: {{type: string, required: false}}
  event_key: [event_id]
  metrics:
    {name}_per_day: {{aggregation: sum, field: calls, window: day}}
"""

STORAGE = """\
type: usage_pipeline.components.UsageEvents
attributes:
  name: storage
  start: 2022-01-01
  fields:
    event_id: {type: string, from: ["Event ID"]}
    customer_id: {type: string, from: [Account]}
    timestamp: {type: timestamp, from: [When], time_zone: UTC}
    gb: {type: decimal, from: [GB], usage: true, unit: GB}
  event_key: [event_id]
  metrics:
    stored_per_month: {aggregation: sum, field: gb, window: month, time_zone: Europe/Berlin}
"""


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """The UI and the daemon; only uploads of `seats` wait for a person."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        work = workplace(tmp_path_factory.mktemp("dev"), monkeypatch)
        shutil.rmtree(work.defs)
        work.defs.mkdir()
        work.describe("api_calls", SCHEMA.format(name="api_calls", confirm="automatic"))
        work.describe("seats", SCHEMA.format(name="seats", confirm="manual"))
        work.describe("storage", STORAGE)
        dev = Dev(work)
        dev.start()
        yield dev
        dev.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser that is installed; `make e2e` installs one where there is none."""
    named = os.environ.get("USAGE_PIPELINE_BROWSER")
    program = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    assert program, "no Chromium is installed: run `make e2e`"
    # Chromium's sandbox does not start for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A window of its own for each test, which leaves what it saw in `tmp_path` when it fails."""
    assert tmp_path.is_dir()
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, locale="en-GB")
    context.set_default_timeout(WAIT_SECONDS * 1000)
    yield context.new_page()
    context.close()


class Camera:
    """Takes the pictures of the docs, where `USAGE_PIPELINE_SCREENSHOTS` names a folder."""

    def __init__(self, folder: Path | None, data: Path) -> None:
        self._folder = folder
        self._data = data

    def take(self, page: Page, name: str, size: tuple[int, int], around: Sequence[Locator]) -> None:
        """`name`.png: what these elements cover of a window of that size, and a margin."""
        if self._folder is None:
            return
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.evaluate(RENAME_FOLDER, [str(self._data), "/srv/usage"])
        for one in reversed(around):
            one.scroll_into_view_if_needed()  # which waits until the page has taken its new shape
        boxes = [box for one in around if (box := one.bounding_box()) is not None]
        left, top = (max(0, min(box[side] for box in boxes) - MARGIN) for side in ("x", "y"))
        right = min(size[0], max(box["x"] + box["width"] for box in boxes) + MARGIN)
        bottom = min(size[1], max(box["y"] + box["height"] for box in boxes) + MARGIN)
        self._folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(
            path=self._folder / f"{name}.png",
            clip={"x": left, "y": top, "width": right - left, "height": bottom - top},
        )


@pytest.fixture(scope="session")
def camera(dev: Dev) -> Camera:
    folder = os.environ.get("USAGE_PIPELINE_SCREENSHOTS")
    return Camera(Path(folder).absolute() if folder else None, dev.work.data)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails keeps what was on the page, and says where."""
    report = yield
    page, folder = (item.funcargs.get(name) for name in ("page", "tmp_path"))
    if call.when == "call" and report.failed and isinstance(page, Page):
        assert isinstance(folder, Path)
        image, text = folder / "page.png", folder / "page.txt"
        with suppress(Error):
            page.screenshot(path=image)
            text.write_text(page.inner_text("body"), encoding="utf-8")
        report.sections.append(("what was on the page", f"{page.url}\n{image}\n{text}"))
    return report
