"""Detect questions that were not needed: what the person answered had been said before, by them or by a tool.

A hint only: a person may repeat what was not in doubt.
"""

import re
from collections.abc import Iterator, Sequence

from harness.mine.window import Window
from harness.types import Failure, Message, Step, TextPart, ToolResultPart, Trajectory

HINT = True
CONFIRMS = re.compile(
    r"\s*(?:yes|yep|yeah|sure|ok|okay|correct|right|confirm|exactly|please (?:do|proceed|go)|go ahead|no\b)",
    re.IGNORECASE,
)
"""How an answer begins that only confirms: such a question may be asked though all is known."""
PROPOSES = re.compile(
    r"would you like|shall i|should i|do you want|is (?:that|this) (?:right|correct|ok)|do you (?:confirm|agree)|proceed",
    re.IGNORECASE,
)
FACT = re.compile(r"[\w.@#/+-]*\d[\w.@#/+-]*[\w]|[\w.+-]+@[\w-]+\.[\w.]+")
"""Numbers, codes, dates and addresses: what can be told to be the same."""
SHORTEST = 3


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        for step in run.steps:
            repeated = _repeated(run, step)
            if repeated:
                reason = f"it asked for {', '.join(repeated[:3])}, which had been said before"
                yield Failure(call_id=step.call_id, detector="unneeded_question", reason=reason)


def _repeated(run: Trajectory, step: Step) -> list[str]:
    """The facts of the person's answer to a step's question, where all had been said before it; else nothing."""
    if step.at < 0 or step.tools or step.at + 1 >= len(run.messages):
        return []
    question, reply = run.messages[step.at].text, run.messages[step.at + 1]
    asks = question.rstrip().endswith(("?", "？")) and not PROPOSES.search(question)
    if not asks or reply.role != "user" or CONFIRMS.match(reply.text):
        return []
    facts = _facts(reply.text)
    known = {fact for message in run.before(step) for fact in _facts(_said(message))}
    offered = set(_facts(question))  # a choice between what it names itself
    return facts if facts and known.issuperset(facts) and offered.isdisjoint(facts) else []


def _facts(text: str) -> list[str]:
    return [fact.casefold() for fact in FACT.findall(text) if len(fact) >= SHORTEST]


def _said(message: Message) -> str:
    if message.role in ("assistant", "system", "developer"):
        return ""
    return "\n".join(_texts(message))


def _texts(message: Message) -> Sequence[str]:
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    return [*texts, *(part.content for part in message.parts if isinstance(part, ToolResultPart))]
