"""What the report tests share: a small night, and a real Chromium where there is one."""

from pathlib import Path

import pytest

from tests.reports.story import make_story


@pytest.fixture(scope="session")
def story():
    """A night of 60 cases with something of everything."""
    return make_story(60, repeats=3)


class Opened:
    """A page opened from disk, and everything it did that a report must not do."""

    def __init__(self, browser, path: Path, **options: object) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        self.page = self.context.new_page()
        self.noise: list[str] = []
        self.page.on("dialog", lambda dialog: (self.noise.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("console", lambda message: self.noise.append(f"console {message.text}"))
        self.page.on("pageerror", lambda error: self.noise.append(f"error {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.url = path.as_uri()
        self.page.goto(self.url)

    def _asked(self, url: str) -> None:
        if url.split("#")[0] != self.url and not url.startswith(("data:", "blob:")):
            self.noise.append(f"request {url}")

    def at(self, address: str):
        """The page at an address within it, once the view has been drawn."""
        self.page.evaluate("hash => { location.hash = hash }", address)
        if address.startswith("#cases"):
            self.page.locator("#found:not(:empty)").wait_for()
        return self.page


@pytest.fixture
def opened(chromium, tmp_path):
    """Write a rendered report to disk and open it."""
    pages: list[Opened] = []

    def open_(html: bytes, **options: object) -> Opened:
        path = tmp_path / "report.html"
        path.write_bytes(html)
        pages.append(Opened(chromium, path, **options))
        return pages[-1]

    yield open_
    for one in pages:
        one.context.close()
