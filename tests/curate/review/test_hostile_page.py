"""Another web page in the reviewer's browser: it reads nothing and changes nothing, even if it knew the whole address."""

import http.client
import http.server
import threading
from urllib.parse import urlencode

import pytest

MULTIPART = '--x\r\nContent-Disposition: form-data; name="call_id"\r\n\r\n{id}\r\n--x--\r\n'
TRICK = '{{"call_id": "{id}", "action": "accept", "pad": "="}}'
"""What an HTML form of type text/plain can make look like JSON."""
FORMS = {
    "application/x-www-form-urlencoded": urlencode({"call_id": "{id}", "action": "accept"}),
    "multipart/form-data; boundary=x": MULTIPART,
    "text/plain": TRICK,
    "text/plain; charset=UTF-8": TRICK,
}
ORIGINS = ("null", "https://evil.example", "file://", "http://localhost:{port}", "https://127.0.0.1:{port}", "")
HOSTS = ("evil.example:{port}", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", "127.1:{port}", "[::1]:{port}")


def sent(sitting, method, path, lines, body=b""):
    """Status, headers and body of a request with exactly these header lines."""
    connection = http.client.HTTPConnection("127.0.0.1", sitting.address.port, timeout=60)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in [*lines, ("Content-Length", str(len(body)))]:
        connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    seen = reply.status, dict(reply.headers), reply.read()
    connection.close()
    return seen


def shows_nothing(sitting, seen) -> bool:
    """Whether a reply is a refusal that holds no text of a call and lets no other origin read it."""
    status, headers, body = seen
    told = any(item.call_id.encode() in body for item in sitting.items) or b"dish" in body
    return status >= 400 and not told and not any(name.lower().startswith("access-control") for name in headers)


@pytest.mark.parametrize("origin", [*ORIGINS, "http://{host}"])
@pytest.mark.parametrize("kind", FORMS)
def test_a_form_changes_nothing(sitting, kind, origin):
    """Each content type that a form can send, from each origin, the page's own among them."""
    body = FORMS[kind].replace("{{", "{").replace("}}", "}").replace("{id}", sitting.items[0].call_id).encode()
    lines = [("Host", sitting.host), ("Content-Type", kind)]
    lines += [("Origin", origin.format(port=sitting.address.port, host=sitting.host))]
    assert shows_nothing(sitting, sent(sitting, "POST", sitting.below("answer"), lines, body))
    assert sitting.review.answered == {}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ["", "items", "review.js"])
def test_another_origin_reads_nothing(sitting, origin, path):
    """Not the page, not the calls, not even its files."""
    lines = [("Host", sitting.host), ("Origin", origin.format(port=sitting.address.port))]
    assert shows_nothing(sitting, sent(sitting, "GET", sitting.below(path), lines))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_was_bound_anew_reads_and_changes_nothing(sitting, method, host):
    """DNS rebinding makes the hostile page and the server one origin to the browser; the name gives it away."""
    host = host.format(port=sitting.address.port)
    lines = [("Host", host), ("Content-Type", "application/json")]
    lines += [("Origin", f"http://{host}")] if method == "POST" else []  # a browser leaves it out of a page's own GET
    body = b'{"call_id": "%s", "action": "accept"}' % sitting.items[0].call_id.encode()
    path = sitting.below("items" if method == "GET" else "answer")
    assert shows_nothing(sitting, sent(sitting, method, path, lines, body))
    assert sitting.review.answered == {}


def test_two_names_are_none(sitting):
    """A second Host line, and an address in the request line, are no way round."""
    both = [("Host", sitting.host), ("Host", "evil.example")]
    for lines in (both, both[::-1]):
        assert shows_nothing(sitting, sent(sitting, "GET", sitting.below("items"), lines))
    absolute = f"http://evil.example{sitting.below('items')}"
    assert shows_nothing(sitting, sent(sitting, "GET", absolute, [("Host", sitting.host)]))


@pytest.mark.parametrize("place", ["missing", "wrong", "cut", "query", "cookie", "header"])
def test_without_the_token_nothing_is_read_or_changed(sitting, place):
    """With all else as the page sends it; a token elsewhere than in the path is none."""
    token = sitting.address.path.strip("/")
    path = {"wrong": f"/{'x' * len(token)}/", "cut": f"/{token[:-1]}/", "query": f"/?{token}"}.get(place, "/")
    lines = [("Host", sitting.host), ("Origin", f"http://{sitting.host}"), ("Content-Type", "application/json")]
    lines += {"cookie": [("Cookie", token)], "header": [("Authorization", f"Bearer {token}")]}.get(place, [])
    body = b'{"call_id": "%s", "action": "accept"}' % sitting.items[0].call_id.encode()
    for method, end in (("GET", "items"), ("POST", "answer")):
        target = path if "?" in path else f"{path}{end}"
        assert shows_nothing(sitting, sent(sitting, method, target, lines, body))
    assert sitting.review.answered == {}


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_method_is_known(sitting, method):
    """A preflight is told nothing, so a browser sends no JSON from another origin."""
    lines = [("Host", sitting.host), ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")]
    assert shows_nothing(sitting, sent(sitting, method, sitting.below("answer"), lines))


# ------------------------------------------------------------ a real browser

PAGE = """<iframe id=framed src="{address}"></iframe>
<form id=form method=POST enctype=text/plain action="{address}answer" target=answered>
<input name='{{"call_id": "{id}", "action": "accept", "pad": "' value='"}}'></form><iframe name=answered></iframe>
<script src="{address}items"></script>
<script>
const seen = [], log = name => text => seen.push(name + ":" + text), none = () => seen.push("-");
const json = {{"content-type": "application/json"}}, body = JSON.stringify({{call_id: "{id}", action: "accept"}});
onload = async () => {{
  document.getElementById("form").submit();
  await fetch("{address}items").then(reply => reply.text()).then(log("read"), none);
  await fetch("{address}answer", {{method: "POST", headers: json, body}}).then(reply => reply.text()).then(log("sent"), none);
  await fetch("{address}answer", {{method: "POST", mode: "no-cors", body}}).then(reply => reply.text()).then(log(""), none);
  await new Promise(done => setTimeout(done, 500));
  let framed = "-";
  try {{ framed = document.getElementById("framed").contentWindow.document.body.innerText || "-" }} catch (error) {{}}
  seen.push(framed);
  document.title = seen.join("|");
}};
</script>"""


@pytest.fixture
def hostile_page(sitting):
    """Address of a page at another port of this machine, which knows the whole address of the review."""
    text = PAGE.format(address=sitting.review.server.address, id=sitting.items[0].call_id).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
def test_a_page_at_another_port_gets_nothing(chromium, sitting, hostile_page):
    """It frames the review, posts a form, loads the calls as a script, fetches them and answers: all in vain."""
    page = chromium.new_page()
    page.goto(hostile_page)
    page.wait_for_function("document.title != ''")
    assert page.title() == "-|-|-|-"
    shown = [frame for frame in page.frames if frame.url.startswith(sitting.review.server.address)]
    assert not any("dish" in frame.content() for frame in shown)
    assert sitting.review.answered == {}
    page.close()
