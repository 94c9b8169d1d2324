"""Take the pictures of docs/images in Chromium: of a synthetic night, and of the real reports that are given.

python -m docs.images.make examples/parcel_desk/out/report.html benchmarks/booking_desk/out/report.html
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from reports import history, html
from tests.reports.story import PARCEL, make_story
from tests.reports.transcripts import SUITE, make_agent_story

HERE = Path(__file__).parent
WIDE = (1280, 800)
CASE = f"#cases?case=parcel-00160&in={PARCEL.replace('/', '%2F')}"
TALK = f"#cases?case=tools&in={SUITE.replace('/', '%2F')}"
REAL = {
    "parcel_desk": ("#cases?status=fixed&suite=eval_parcels%3A%3Aeval_mined", (1280, 900), "report-demo-case"),
    "booking_desk": ("#verdict", WIDE, "report-booking"),
}
"""Folder of a project to the part of its report that is shown, and the picture's name."""
WIDTHS = {"": WIDE, "-tablet": (820, 1100), "-phone": (390, 844)}


def main(reports: list[str]) -> None:
    promote = html.render(make_story(900))
    hold = html.render(make_story(900, outcome="hold", decay=0.4))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for suffix, size in WIDTHS.items():
                shoot(browser, promote, "#verdict", size, scheme, f"report-promote-{scheme}{suffix}")
                shoot(browser, promote, CASE, size, scheme, f"report-case-{scheme}{suffix}")
            shoot(browser, hold, "#verdict", WIDTHS[""], scheme, f"report-hold-{scheme}")
        shoot(browser, history.render(make_story(900)), "", WIDTHS[""], "light", "report-nights-light")
        shoot(browser, html.render(make_agent_story()), TALK, (1280, 1000), "light", "report-transcript-light")
        shoot(browser, promote, "#plots", WIDTHS[""], "light", "report-plots-light")
        for path in map(Path, reports):
            address, size, name = REAL[path.parents[1].name]
            shoot(browser, path.read_bytes(), address, size, "light", name)
        browser.close()


def shoot(browser: Browser, page: bytes, address: str, size: tuple[int, int], scheme: str, name: str) -> None:
    """One picture of a report at an address within it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_bytes(page)
        view = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
        view.goto(path.as_uri() + address)
        if address.startswith("#cases"):
            if "case=" not in address:  # with a case open, a narrow page shows no list
                view.locator(".row").first.wait_for()
                view.keyboard.press("j")  # the first of the list
            view.locator("#case .answers").wait_for()
        view.screenshot(path=HERE / f"{name}.png")
        view.close()


if __name__ == "__main__":
    main(sys.argv[1:])
