"""Texts in files that would do something if the UI took them for HTML or Markdown."""

from __future__ import annotations

from playwright.sync_api import Page, expect

IMAGE = "<img src=x onerror=document.title='taken'>"
LINK = "[press here](http://example.com)"
BOLD = "**bold**"
SCRIPT = "<script>document.title='taken'</script>"


def nothing_came_alive(page: Page) -> None:
    """No text of a file became an element of the page, let alone ran."""
    expect(page.locator("img[src='x'], a[href*='example.com']")).to_have_count(0)
    expect(page.locator("strong, b").filter(has_text="bold")).to_have_count(0)
    assert "taken" not in page.title()
