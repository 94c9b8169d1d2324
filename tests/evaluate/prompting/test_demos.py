"""Worked examples are found by search: deterministic, within the budget, and never worse than what it began with."""

from harness.core.codec import from_chat
from harness.evaluate.prompting.optimisers.demos import Options, optimise
from harness.evaluate.prompting.trial import Trial
from harness.types import Reply
from tests.evaluate.prompting.rows import START, learner, row

POOL, VALIDATION = [row(at) for at in range(60)], [row(at) for at in range(100, 124)]


def trial(asked, calls=1500, ask=None, pool=POOL):
    return Trial(START, pool, VALIDATION, ask or learner(asked), calls=calls, seed=1)


def test_two_examples_that_cover_both_teams_win():
    """One of each team answers everything; more of them cost more and add nothing."""
    asked = []
    given = trial(asked)
    best = optimise(given, Options())
    assert given.score(START) == 0.0 and given.score(best) == 1.0
    texts = [message.text for message in best.messages]
    assert texts[0] == "Name the team." and len(texts) == 5 and best.nearest == 0
    assert {texts[2], texts[4]} == {'{"team": "delivery"}', '{"team": "money"}'}


def test_the_same_rows_give_the_same_prompt_and_the_same_calls():
    both = []
    for _ in range(2):
        asked = []
        both.append((optimise(trial(asked), Options()), asked))
    assert both[0] == both[1]


def test_the_budget_is_never_exceeded():
    """With any budget that scores the start, the search ends, and every request was within it."""
    for calls in (24, 25, 60, 200, 600):
        asked = []
        given = trial(asked, calls)
        given.score(START)
        best = optimise(given, Options())
        assert len(asked) <= calls and given.left == calls - len(asked)
        assert given.score(best) >= given.score(START)


def test_no_row_that_judges_is_shown():
    asked = []
    best = optimise(trial(asked), Options())
    judged = {case.text for case in VALIDATION}
    shown = {message.text for request in asked for message in request.messages[:-1]}
    assert not judged & shown and not judged & {message.text for message in best.messages}
    assert {request.messages[-1].text for request in asked} <= judged


def test_near_examples_win_where_only_they_help():
    """A model that copies the answer of the example before the question needs the most like row there."""
    copies = lambda requests: [Reply(text=request.messages[-2].text) for request in requests]  # noqa: E731
    best = optimise(trial([], ask=copies), Options())
    assert best.nearest == 1 and best.messages == START.messages


def test_where_examples_do_not_help_the_prompt_stays():
    """Ties go to what is cheaper to send."""
    same = lambda requests: [Reply(text='{"team": "money"}') for _ in requests]  # noqa: E731
    assert optimise(trial([], ask=same), Options()) == START


def test_rows_with_several_turns_are_not_pasted():
    """They cannot be written as an example; the nearest may still show them."""
    said = tuple(from_chat({"role": role, "content": "x"}) for role in ("user", "assistant", "user"))
    long = [row(at).__class__(id=str(at), messages=said, target=row(at).target) for at in range(30)]
    best = optimise(trial([], pool=long), Options())
    assert best.messages == START.messages
