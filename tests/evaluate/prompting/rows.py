"""Training rows and models that answer them by rule."""

import json

from harness.core.codec import from_chat
from harness.types import Case, Prompt, Reply

START = Prompt(name="best", messages=(from_chat({"role": "system", "content": "Name the team."}),))


def row(number: int, split: str = "train") -> Case:
    """Parcels go to one team, refunds to another; what is held out is about something else."""
    topic, team = (("parcel", "delivery"), ("refund", "money"))[number % 2]
    text = f"{split} question {number} about a {topic}"
    return Case(
        id=f"{split}{number}",
        call_id=f"call {split}{number}",
        group=f"g {split}{number}",
        messages=(from_chat({"role": "user", "content": text}),),
        target=from_chat({"role": "assistant", "content": json.dumps({"team": team})}),
        cluster=topic,
        split=split,
    )


def learner(asked: list):
    """A model that knows the teams that its prompt shows, the last one best, and nothing else."""

    def answer(requests):
        asked.extend(requests)
        return [Reply(text=_answer(request)) for request in requests]

    return answer


def _answer(request) -> str:
    *shown, question = request.messages
    pairs = zip(shown, shown[1:], strict=False)
    known = {q.text.split()[-1]: a.text for q, a in pairs if (q.role, a.role) == ("user", "assistant")}
    return known.get(question.text.split()[-1], "I do not know.")
