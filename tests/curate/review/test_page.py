"""The review page in a real Chromium, by keyboard."""

import pytest

from tests.reports.payloads import MARK

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium, sitting):
    opened = chromium.new_page(viewport={"width": 1280, "height": 860})
    opened.noise = []
    opened.on("dialog", lambda dialog: (opened.noise.append(dialog.message), dialog.dismiss()))
    opened.on("pageerror", lambda error: opened.noise.append(str(error)))
    opened.on("console", lambda message: opened.noise.append(message.text))
    opened.on("request", lambda request: opened.noise.append(request.url) if sitting.host not in request.url else None)
    opened.goto(sitting.review.server.address)
    opened.locator("main:not([hidden])").wait_for()
    yield opened
    opened.close()


def test_accept_edit_and_reject_by_keyboard_are_kept(page, sitting, work):
    """Three answers without a mouse: each is in the store with its text when the next item shows."""
    page.keyboard.press("a")
    page.get_by_text("1 answered").wait_for()
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type('{"dish": "ragout", "table": "a e r"}')
    page.keyboard.press("Control+Enter")
    page.get_by_text("2 answered").wait_for()
    page.keyboard.press("r")
    page.get_by_text("3 answered").wait_for()
    kept = {one.call_id: (one.label, one.correction) for one in work.store.traces.feedback() if one.name == "review"}
    first, second, third = sitting.items[:3]
    assert kept == {
        first.call_id: ("accepted", first.target or first.answer),
        second.call_id: ("edited", '{"dish": "ragout", "table": "a e r"}'),
        third.call_id: ("rejected", None),
    }


def test_escape_leaves_a_target_as_it_was_and_back_goes_back(page):
    """Nothing is sent by looking."""
    before = page.locator("#target").input_value()
    page.keyboard.press("e")
    page.keyboard.type("nonsense")
    page.keyboard.press("Escape")
    assert page.locator("#target").input_value() == before
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.locator("#progress").inner_text().startswith("1 of")
    assert page.locator("#progress").inner_text().endswith("0 answered")


def test_a_refused_target_says_why_and_stays(page):
    """An empty edit is not kept, and the item does not go away."""
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Control+Enter")
    page.get_by_text("must not be empty").wait_for()
    assert page.locator("#progress").inner_text().startswith("1 of")


def test_nothing_of_a_trace_acts(page, sitting):
    """Stepping through every item, two of them hostile, makes no dialog, request, message or extra element."""
    seen = ""
    for _ in sitting.items:
        seen += page.locator("main").inner_text()
        page.keyboard.press("j")
    assert MARK in seen
    assert page.locator("main script, main img, main iframe, main svg, main a").count() == 0
    assert page.noise == []


def test_finish_ends_the_sitting(page, sitting):
    """The button ends the server, and says that all is kept."""
    page.locator("#finish").click()
    page.get_by_text("You can close this page").wait_for()
    sitting.thread.join(5)
    assert not sitting.thread.is_alive()


def test_a_second_tab_shows_what_the_first_answered(page, sitting, chromium):
    """Back in the other tab the edited text and the count are those of the first; the page read anew shows them too."""
    second = chromium.new_page()
    second.goto(sitting.review.server.address)
    second.locator("main:not([hidden])").wait_for()
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type("a better target")
    page.keyboard.press("Control+Enter")
    page.get_by_text("1 answered").wait_for()
    second.evaluate("window.dispatchEvent(new Event('focus'))")
    second.get_by_text("You edited this one").wait_for()
    assert second.locator("#target").input_value() == "a better target"
    second.reload()
    second.get_by_text("You edited this one").wait_for()
    assert second.locator("#target").input_value() == "a better target"
    second.close()


def test_after_the_end_an_answer_says_that_the_review_has_ended(page, sitting):
    """Ctrl-C in the terminal: the page says so in words, and that nothing was lost."""
    sitting.review.server.stop()
    sitting.thread.join(5)
    page.keyboard.press("a")
    page.get_by_text("trueup has ended: start the command again").wait_for()
    assert page.locator("#progress").inner_text().startswith("1 of")
