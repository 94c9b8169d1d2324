"""A model that is told what went wrong writes a better system text, within its budgets."""

import re

import pytest

from harness.errors import UsageError
from harness.evaluate.prompting.optimisers.gepa import Options, optimise
from harness.evaluate.prompting.trial import Trial
from harness.evaluate.prompting.writer import PromptWriter
from harness.types import Reply
from tests.evaluate.prompting.rows import START, row

POOL, VALIDATION = [row(at) for at in range(60)], [row(at) for at in range(100, 124)]


def obeys(requests):
    """A model that does for each topic what its system text says, and nothing else."""
    return [Reply(text=_obeyed(request.messages[0].text, request.messages[-1].text)) for request in requests]


def _obeyed(system: str, question: str) -> str:
    known = dict(re.findall(r"(\w+): (\{.*?\})", system))
    return known.get(question.split()[-1], "I do not know.")


class Reflects:
    """A model that writes down the right answers that it is shown."""

    def __init__(self, cost: float = 0.1) -> None:
        self.read: list[str] = []
        self.cost = cost

    def __call__(self, requests):
        self.read.append(requests[0].messages[-1].text)
        shown = re.findall(r"about a (\w+).*?right answer is: (\{.*?\})", self.read[-1], re.DOTALL)
        rules = "\n".join(f"{topic}: {answer}" for topic, answer in sorted({*shown}))
        return [Reply(text=f"```\nName the team.\n{rules}\n```", cost=self.cost)]


def trial(writes, calls=600, most=30, money=0.0):
    return Trial(START, POOL, VALIDATION, obeys, calls=calls, seed=1, writer=PromptWriter(writes, most, money))


def test_the_text_that_was_written_wins():
    pytest.importorskip("gepa")
    writes = Reflects()
    given = trial(writes)
    best = optimise(given, Options())
    assert given.score(START) == 0.0 and given.score(best) == 1.0
    assert best.messages[0].role == "system" and "refund: " in best.messages[0].text
    assert given.asked <= 600
    judged = {case.text for case in VALIDATION}
    assert writes.read and not [text for text in writes.read if any(each in text for each in judged)]


@pytest.mark.parametrize(("most", "money", "asked"), [(2, 0.0, 2), (30, 0.15, 2)])
def test_the_budget_of_the_writer_ends_the_search(most, money, asked):
    """By requests, and by money: the reply that goes beyond is the last."""
    pytest.importorskip("gepa")
    given = trial(lambda requests: [Reply(text="```\nNo.\n```", cost=0.1)], most=most, money=money)
    assert optimise(given, Options()) == START
    assert given.writer.asked == asked


def test_a_budget_that_scores_two_texts_at_most_is_refused():
    pytest.importorskip("gepa")
    with pytest.raises(UsageError, match="too few"):
        optimise(trial(Reflects(), calls=40), Options())
