"""A page in a browser on this machine cannot post to the receiver."""

from tests.ingest.collector.serving import lines, serving

PAGE = """<script>
const post = (type, body) => fetch("http://localhost:%d/v1/traces", {method: "POST", mode: "no-cors", body,
  headers: {"content-type": type}}).then(() => "sent", () => "kept back");
Promise.all([post("text/plain", "{}"), post("application/json", "{}")]).then(found => document.title = found.join(", ") || "?");
</script>"""


def test_a_web_page_cannot_post(chromium, tmp_path):
    """A page's plain and JSON posts, without CORS, reach the receiver and are refused: nothing is kept."""
    with serving(tmp_path / "inbox") as client:
        (tmp_path / "page.html").write_text(PAGE % client.port)
        page = chromium.new_page()
        page.goto(f"file://{tmp_path}/page.html")
        page.wait_for_function("document.title != ''")
        page.close()
        assert client.receiver.counts["refused"] >= 1
        assert client.receiver.counts["requests"] == 0 and not lines(tmp_path / "inbox")
