"""Who may talk to the local page."""

import json
import threading
from urllib.request import urlopen

import pytest

from harness.curate.review.step import Review

SAFE = {
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def test_the_page_its_data_and_its_policy_are_served(sitting):
    """Every reply brings the headers that keep the page to itself."""
    for path in ("", "review.js", "review.css", "items"):
        status, headers, _ = sitting.ask("GET", sitting.below(path))
        assert status == 200
        assert all(headers[name].startswith(value) for name, value in SAFE.items())
    assert len(json.loads(sitting.ask("GET", sitting.below("items"))[2])["items"]) == len(sitting.items)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "evil.example", "127.0.0.1.evil.example:{port}", "127.evil.tld:{port}", None]
)
def test_another_name_for_this_host_is_refused(sitting, host):
    """DNS rebinding reaches the port, but under its own name; a missing name counts as foreign."""
    given = host.format(port=sitting.address.port) if host else None
    assert sitting.ask("GET", Host=given)[0] in (400, 421)


@pytest.mark.parametrize("path", ["/", "/x/", "/x/items", "/..%2f/items", "/favicon.ico"])
def test_without_the_token_nothing_is_there(sitting, path):
    """The token is all that another user of the machine lacks."""
    status, _, body = sitting.ask("GET", path)
    assert (status, b"dish" in body) == (404, False)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Content-Type": "text/plain"}, 403),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 403),
        ({"Content-Length": "9999999"}, 413),
        ({"Content-Length": "-1"}, 413),
    ],
)
def test_what_another_page_could_send_changes_nothing(sitting, headers, status):
    """A foreign origin, no origin, a form's content type or an endless body is refused."""
    body = {"call_id": sitting.items[0].call_id, "action": "accept"}
    assert sitting.ask("POST", sitting.below("answer"), body, **headers)[0] == status
    assert sitting.review.answered == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"call_id": "t:0", "action": "accept"},
        {"call_id": "?", "action": "drop"},
        {"call_id": 1, "action": "edit"},
    ],
)
def test_a_malformed_answer_is_refused_in_words(sitting, body):
    """Only calls that are shown can be answered, and only in the three ways."""
    status, _, said = sitting.ask("POST", sitting.below("answer"), body)
    assert status == 422
    assert json.loads(said)["error"]


def test_an_answer_is_kept_before_it_is_acknowledged(sitting, work):
    """The reply comes after the store has it."""
    body = {"call_id": sitting.items[0].call_id, "action": "edit", "text": "soup"}
    assert sitting.ask("POST", sitting.below("answer"), body)[0] == 200
    assert [one.correction for one in work.store.traces.feedback() if one.name == "review"] == ["soup"]


def test_while_a_run_writes_the_answer_is_refused_and_can_be_given_again(sitting, work, monkeypatch):
    """503, and nothing is lost."""
    from harness.errors import BusyError

    def busy():
        raise BusyError("another run holds the lock")

    monkeypatch.setattr(work.store, "lock", busy)
    body = {"call_id": sitting.items[0].call_id, "action": "accept"}
    assert sitting.ask("POST", sitting.below("answer"), body)[0] == 503
    monkeypatch.undo()
    assert sitting.ask("POST", sitting.below("answer"), body)[0] == 200


@pytest.mark.parametrize(("kind", "heading"), [("review", "Worth a look"), ("label", "Call to label")])
def test_the_page_is_named_by_what_it_is(kind, heading):
    """`trueup review` and `trueup label` serve the same page."""
    served = Review(lambda item, said: None, (), kind).server
    thread = threading.Thread(target=served.serve, daemon=True)
    thread.start()
    with urlopen(served.address) as reply:
        page = reply.read().decode()
    served.stop()
    thread.join(5)
    assert f"<title>{kind.capitalize()} · trueup</title>" in page and f"<span>{kind}</span>" in page
    assert f'data-heading="{heading}"' in page and "@" not in page
