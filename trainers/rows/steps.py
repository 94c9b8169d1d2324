"""Take a run of an agent apart: which of its answers are learnt, and what a run too long for the model is shortened to.

Tools, users and the system are never learnt, only read. A run is shortened at its turns: oldest turns go first, then the
oldest steps of the last turn, each with the results of its tools. System text and the message that the last turn answers stay.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec.structs import replace

from harness.core.codec import digest
from harness.core.conversations import unfolded
from harness.core.rendering import SYSTEM_ROLES
from harness.core.replies import said, unwritten
from harness.types import Case, Json, Message, ReasoningPart

Supervise = Literal["last", "all", "before_wrong"]


class WrongSteps:
    """Answers that some row rejects, by what came before them."""

    def __init__(self, rows: Iterable[Case]) -> None:
        self._known: set[str] = set()
        for case in (case for row in rows for case in unfolded(row) if case.rejected and case.target):
            wrong = unwritten(case.rejected or "")
            if case.target and said(wrong) != said(case.target):
                *_, before = _histories(case.messages)
                self._known.add(_after(before, wrong))

    def first(self, messages: Sequence[Message]) -> int | None:
        """Place of the first answer in a conversation that a row rejects after the same history; None where there is none."""
        for place, (before, message) in enumerate(zip(_histories(messages), messages, strict=False)):
            if message.role == "assistant" and _after(before, message) in self._known:
                return place
        return None


def learnt(case: Case, supervise: Supervise, wrong: WrongSteps) -> list[Case]:
    """A case for each answer of `case` that is learnt, in order: its history as messages, the answer as target.

    Under `before_wrong` none from the first wrong step on, which the traces or another row tell; that is the whole case
    where its first answer is wrong.
    """
    if supervise == "last":
        return [case]
    places = [place for place, message in enumerate(case.messages) if message.role == "assistant"]
    earlier = [replace(case, messages=case.messages[:place], target=case.messages[place]) for place in places]
    known = [case.first_wrong, wrong.first(case.messages)] if supervise == "before_wrong" else []
    first = min((place for place in known if place is not None), default=None)
    return [*earlier, case] if first is None else [one for one in earlier if len(one.messages) < first]


def shorter(messages: tuple[Message, ...]) -> list[tuple[Message, ...]]:
    """The same conversation without its oldest turns, then without the oldest steps of its last turn, longest first."""
    system = next((at for at, message in enumerate(messages) if message.role not in SYSTEM_ROLES), len(messages))
    users = [at for at, message in enumerate(messages) if message.role == "user"]
    if not users:
        return []
    head, last = messages[:system], messages[users[-1] :]
    steps = [at for at, message in enumerate(last) if message.role == "assistant"]
    turns = [(*head, *messages[at:]) for at in users[1:]]
    return [*turns, *((*head, last[0], *last[at:]) for at in steps[1:])]


def _histories(messages: Sequence[Message]) -> Iterator[str]:
    """A digest of what came before each message, and one of the whole."""
    before = ""
    yield before
    for message in messages:
        parts = tuple(part for part in message.parts if not isinstance(part, ReasoningPart))
        before = digest([before, Message(role=message.role, parts=parts)])
        yield before


def _after(before: str, answer: Message) -> str:
    meant: Json = said(answer)
    return digest([before, meant])
