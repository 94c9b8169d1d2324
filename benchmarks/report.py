"""How big and how fast a report of 50,000 cases is, in a real Chromium.

    python -m benchmarks.report [--cases 50000]

Last line: {"mb", "paint_s", "filter_ms", "render_s", "peak_mb"}. `peak_mb` is the peak memory of the rendering process
with the whole story in it; `paint_s` is the first contentful paint of the file opened from disk (median of 3);
`filter_ms` is the slowest of seven filters from the change of the address to the frame that shows the new list
(median of 3 rounds).
"""

import argparse
import json
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from reports import html
from tests.reports.story import make_story

FILTERS = (
    "status=broken",
    "status=fixed",
    "cluster=k2",
    "q=depot",
    "q=ri+money",
    "slice=channel%3Dmail&status=both_fail",
    "",
)
MEASURE = """async (query) => {
    const list = document.querySelector('#found'), start = performance.now();
    const changed = new Promise(done => new MutationObserver(done).observe(list, {childList: true}));
    location.hash = '#cases?' + query;
    await changed;
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=50_000)
    arguments.add_argument("--keep", type=Path, help="write the report here")
    options = arguments.parse_args()
    story = make_story(options.cases, chatter=True)
    start = time.perf_counter()
    page = html.render(story)
    figures = {"mb": round(len(page) / 1e6, 2), "render_s": round(time.perf_counter() - start, 1)}
    figures["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"{options.cases:,} cases: {figures['mb']} MB in {figures['render_s']} s, peak {figures['peak_mb']} MB")
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "report.html"
        path.write_bytes(page)
        figures |= in_browser(path)
    print(json.dumps({key: figures[key] for key in ("mb", "paint_s", "filter_ms", "render_s", "peak_mb")}))


def in_browser(path: Path) -> dict[str, float]:
    """Paint and filter times of the file in Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        paints = [paint(browser, path) for _ in range(3)]
        rounds = [filters(browser, path) for _ in range(3)]
        browser.close()
    for query, *times in zip(FILTERS, *rounds, strict=True):
        print(f"  filter {query or '(none)'}: {statistics.median(times):.0f} ms")
    print(f"  first paint {', '.join(f'{one:.2f}' for one in paints)} s")
    slowest = statistics.median(max(times) for times in rounds)
    return {"paint_s": round(statistics.median(paints), 2), "filter_ms": round(slowest)}


def paint(browser: Browser, path: Path) -> float:
    """Seconds from navigation to the first contentful paint."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri())
    entries = page.evaluate("performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)")
    page.close()
    return entries[0] / 1000


def filters(browser: Browser, path: Path) -> list[float]:
    """Milliseconds of each filter, in order, in one page."""
    page: Page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri() + "#cases")
    page.locator(".row").first.wait_for()
    times = [page.evaluate(MEASURE, query) for query in FILTERS]
    page.close()
    return times


if __name__ == "__main__":
    main()
