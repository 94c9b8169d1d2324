"""Two arms side by side without their names, and the labels that come of it."""

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from harness.curate.label import blind
from harness.curate.label.blind_page import BlindSitting
from harness.errors import UsageError
from harness.evaluate.judging.judge import judge
from harness.evaluate.judging.trial import exhibits
from harness.evaluate.runner.cases import load_cases
from harness.types import Arm, Case, Message, Reply, Result, Run, ToolCallPart, ToolResultPart
from tests.curate.traces import say

CASES = tuple(Case(id=f"c{n}", messages=(say("user", f"question {n}"),), expected="yes") for n in range(40))


def run(arm, reply):
    """An arm that answers each case in one turn; the first ten alike under every arm."""
    results = tuple(
        Result(suite="s", case_id=case.id, replies=(Reply(text="same" if number < 10 else f"{reply} {number}"),))
        for number, case in enumerate(CASES)
    )
    return Run(id=arm, arm=Arm(name=arm), model_digest=arm, suites=(), results=results, cases={"s": CASES})


@pytest.fixture
def duels():
    return blind.duels([run("base", "old"), run("tuned", "new")], 50)


def test_replies_that_are_alike_are_not_shown(duels):
    """Thirty of forty cases differ."""
    assert len(duels) == 30
    with pytest.raises(UsageError, match="differently"):
        blind.duels([run("base", "old"), run("other", "old")], 50)


def test_the_order_is_drawn_for_each_case_and_stays(duels):
    """Each arm is first in about half of the cases, whichever was named first, and nothing that is sent names one."""
    first = sum(duel.arms[0] == "base" for duel in duels)
    assert 8 <= first <= 22
    swapped = blind.duels([run("tuned", "new"), run("base", "old")], 50)
    assert [(duel.id, duel.replies, duel.arms) for duel in swapped] == [
        (duel.id, duel.replies, duel.arms) for duel in duels
    ]
    sent = json.dumps([blind.shown(duel) for duel in duels], default=lambda turn: [turn.role, turn.text])
    assert "base" not in sent and "tuned" not in sent


def test_the_page_shows_calls_and_results_of_the_conversation(duels):
    """They are what a reply has to fit."""
    called = Message(role="assistant", parts=(ToolCallPart(id="1", name="find_table", arguments="{}"),))
    result = Message(role="tool", parts=(ToolResultPart(id="1", content="table 4 is free"),))
    case = replace(duels[0].case, messages=(*duels[0].case.messages, called, result))
    *_, call, answer = blind.shown(replace(duels[0], case=case))["conversation"]
    assert "find_table" in call.text and answer.text == "table 4 is free"


@pytest.mark.parametrize(
    ("choice", "labels", "grade"),
    [
        ("first", ("pass", "fail"), "worse"),
        ("second", ("fail", "pass"), "better"),
        ("both", ("pass", "pass"), "tie"),
        ("neither", ("fail", "fail"), "tie"),
    ],
)
def test_an_answer_is_two_labels_and_a_pair_that_judges_read(duels, tmp_path, choice, labels, grade):
    """`judge(calibration=...)` takes both files as they are: pass or fail with the arm, and a pairwise grade."""
    duel = duels[0]
    blind.keep(tmp_path, duel, "neither", "ada")
    blind.keep(tmp_path, duel, choice, "ada")  # given again: it replaces the first
    single = exhibits(judge(text="r"), load_cases(blind.REPLIES, folder=tmp_path, datasets={}))
    assert {(one.arm, one.answer, one.label) for one in single} == set(
        zip(duel.arms, duel.replies, labels, strict=True)
    )
    (pair,) = exhibits(judge(text="r", pairwise=True), load_cases(blind.PAIRS, folder=tmp_path, datasets={}))
    assert (pair.answer, pair.reference, pair.label) == (duel.replies[1], duel.replies[0], grade)


def test_the_tally_names_the_arms_at_the_end(duels):
    """Right replies and cases that only one arm got right."""
    tuned = {duel.id: "first" if duel.arms[0] == "tuned" else "second" for duel in duels[:6]}
    tally = blind.tally(duels, tuned | {duels[6].id: "both", duels[7].id: "neither"})
    assert (tally.cases, tally.passed, tally.better) == (8, {"base": 1, "tuned": 7}, {"base": 0, "tuned": 6})


def test_the_page_keeps_an_answer_when_it_is_given(duels):
    """Over HTTP, as the page sends it; an unknown case and an unknown choice are refused."""
    kept = []
    sitting = BlindSitting(duels, lambda duel, choice: kept.append((duel.id, choice)))
    thread = threading.Thread(target=sitting.server.serve, daemon=True)
    thread.start()
    place = urlsplit(sitting.server.address)

    def send(method, path, body=None):
        connection = http.client.HTTPConnection(place.netloc, timeout=60)
        headers = {"Origin": f"http://{place.netloc}", "Content-Type": "application/json"} if body else {}
        connection.request(method, f"{place.path}{path}", json.dumps(body) if body else None, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()

    assert send("GET", "")[0] == send("GET", "blind.js")[0] == send("GET", "review.css")[0] == 200
    assert len(json.loads(send("GET", "items")[1])["items"]) == 30
    assert send("POST", "answer", {"id": duels[0].id, "choice": "second"})[0] == 200
    assert send("POST", "answer", {"id": "x", "choice": "second"})[0] == 422
    assert send("POST", "answer", {"id": duels[0].id, "choice": "tuned"})[0] == 422
    assert kept == [(duels[0].id, "second")]
    assert send("POST", "finish", {"a": 1})[0] == 200
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.browser
def test_replies_are_judged_by_keyboard_and_kept(chromium, duels):
    """In a real Chromium: four choices and one changed: each is kept when the next case shows, and neither arm is named on the page."""
    kept = []
    sitting = BlindSitting(duels[:4], lambda duel, choice: kept.append((duel.id, choice)))
    serving = threading.Thread(target=sitting.server.serve, daemon=True)
    serving.start()
    page, noise = chromium.new_page(), []
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("console", lambda message: noise.append(message.text))
    page.goto(sitting.server.address)
    page.locator("main:not([hidden])").wait_for()
    assert (page.locator("#first").inner_text(), page.locator("#second").inner_text()) == duels[0].replies
    assert not {"base", "tuned"} & set(page.locator("body").inner_text().split())
    for count, key in enumerate("abyn", 1):
        page.keyboard.press(key)
        page.get_by_text(f"{count} answered").first.wait_for()
    page.keyboard.press("k")
    page.get_by_text("neither is right").first.wait_for()
    page.keyboard.press("a")
    page.locator("#end:not([hidden])").wait_for()
    page.locator("#finish").click()
    page.get_by_text("4 answered and kept").wait_for()
    page.close()
    serving.join(30)
    ids = [duel.id for duel in duels[:4]]
    assert kept == [*zip(ids, ("first", "second", "both", "neither"), strict=True), (ids[3], "first")]
    assert noise == [] and not serving.is_alive()
