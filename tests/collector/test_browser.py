"""A page in a browser on this machine cannot post to the receiver."""

import shutil

import pytest

from tests.collector.serving import lines, serving

PAGE = """<script>
const post = (type, body) => fetch("http://localhost:%d/v1/traces", {method: "POST", mode: "no-cors", body,
  headers: {"content-type": type}}).then(() => "sent", () => "kept back");
Promise.all([post("text/plain", "{}"), post("application/json", "{}")]).then(found => document.title = found.join(", ") || "?");
</script>"""


def test_a_web_page_cannot_post(tmp_path):
    """A page's plain and JSON posts, without CORS, reach the receiver and are refused: nothing is kept."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no chromium on PATH (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with serving(tmp_path / "inbox") as client, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        (tmp_path / "page.html").write_text(PAGE % client.port)
        page = browser.new_page()
        page.goto(f"file://{tmp_path}/page.html")
        page.wait_for_function("document.title != ''")
        browser.close()
        assert client.receiver.counts["refused"] >= 1
        assert client.receiver.counts["requests"] == 0 and not lines(tmp_path / "inbox")
