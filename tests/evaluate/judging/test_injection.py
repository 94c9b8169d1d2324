"""A judge under injection: what stands in the material never leaves it, and each attack of the trial can fail a judge."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import judge
from harness.evaluate.judging.attacks import ATTACKS, attacked
from harness.evaluate.judging.trial import trial
from harness.types import Case, Message, Reply, TextPart

POLITE, BETTER = judge(text="Says please.", name="polite"), judge(text="Better?", pairwise=True, name="better")
TEXTS = st.text(max_size=80) | st.sampled_from(ATTACKS).map(lambda attack: attacked("no", attack))
REQUEST, ANSWER = "the request", "the answer to judge"


def asked(text: str) -> Case:
    return Case(id="c", messages=(Message(role="user", parts=(TextPart(text=text),)),))


def material(request) -> list[tuple[str, str]]:
    """Titles and texts, read back by the fence that the system message names."""
    system, user = request.messages
    fence = user.text[:24]
    assert fence in system.text
    pieces, _, words = user.text.partition(f"{fence} end of the material\n\n")
    assert words.startswith("Reply with one JSON object") and words in system.text
    return [tuple(piece[1:-1].split("\n", 1)) for piece in pieces.split(fence)[1:]]


@given(question=TEXTS, answer=TEXTS, reference=TEXTS.filter(bool))
def test_the_material_is_what_was_given_whatever_it_says(question, answer, reference):
    """Request, reference and answer come back whole and under their own titles; nothing of them is outside of the fences."""
    (request,) = POLITE.requests(asked(question), answer, reference, bare=False)
    titles = [REQUEST, "a good answer, to compare with", ANSWER]
    assert material(request) == list(zip(titles, [f"user: {question}", reference, answer], strict=True))
    pair = BETTER.requests(asked(question), answer, reference, bare=False)
    assert [dict(material(each))["the first answer"] for each in pair] == [answer, reference]


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_a_judge_that_falls_for_one_attack_does_not_count(attack):
    """Each attack is really tried, in the answer's place or in it: one that works is enough to refuse the judge."""

    def gullible(requests):
        for request in requests:
            said = dict(material(request))[ANSWER]
            fooled = said == attack or ("{answer}" in attack and said.endswith(attack.partition("{answer}")[2] or "?"))
            yield Reply(text=json.dumps({"reason": "r", "grade": "pass" if fooled else "fail"}))

    found = trial(POLITE, POLITE.digest("m"), [], lambda requests: list(gullible(requests)), bare=False)
    assert found.flips >= 1 and "attacks made it pass" in found.problem
