"""Keep the calls of one reply until all have their results, and read each call as the model wrote it.

Results may come in any order; the transcript has them in the order of the calls.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from harness.errors import UsageError
from harness.types import Message, ToolCallPart, ToolResultPart


class ToolCall(msgspec.Struct, frozen=True):
    """One call that the model made."""

    name: str
    args: dict[str, Any]
    """Its arguments; empty when they could not be read."""
    part: ToolCallPart
    """As the model wrote it."""
    problem: str = ""
    """Why it could not be carried out: unknown tool, arguments that are not a JSON object."""


class SessionStep(msgspec.Struct, frozen=True):
    """One call that was answered, in the order in which the model made them."""

    call: ToolCall
    result: str
    """What the model was shown."""
    refused: bool = False
    """The call could not be carried out, or the tool refused it."""
    turn: int = 0
    """Number of the model's reply that made the call, 1 for the session's first."""
    user: str = ""
    """What the user had said last."""

    @property
    def name(self) -> str:
        return self.call.name

    @property
    def args(self) -> dict[str, Any]:
        return self.call.args


class SessionTurn:
    """The calls of one reply, and the results so far."""

    def __init__(self, calls: Sequence[ToolCall]) -> None:
        self.calls, self.waiting = list(calls), deque(calls)
        self.results: list[tuple[int, SessionStep]] = []

    @property
    def open(self) -> bool:
        """Whether a call has no result yet."""
        return len(self.results) < len(self.calls)

    def unanswered(self) -> list[ToolCall]:
        answered = {place for place, _ in self.results}
        return [call for place, call in enumerate(self.calls) if place not in answered]

    def answer(self, call: ToolCall, step: SessionStep) -> None:
        """Raises UsageError when the call is not one of this turn, or has a result."""
        answered = {place for place, _ in self.results}
        free = (place for place, made in enumerate(self.calls) if made is call and place not in answered)
        place = next(free, None)
        if place is None:
            raise UsageError(f"this call of {call.name!r} is not waiting for a result", next="reply to each call once")
        self.results.append((place, step))

    def steps(self) -> list[SessionStep]:
        """The results in the order of the calls."""
        return [step for _, step in sorted(self.results, key=lambda result: result[0])]

    def take(self) -> list[SessionStep]:
        """The results in the order of the calls. The turn is over."""
        steps = self.steps()
        self.calls, self.results = [], []
        self.waiting.clear()
        return steps


def message_of(step: SessionStep) -> Message:
    return Message(role="tool", parts=(ToolResultPart(id=step.call.part.id, content=step.result),))


def read_call(part: ToolCallPart, known: Sequence[str]) -> ToolCall:
    """A call as the model wrote it, with its problem when none of the `known` tools can carry it out."""
    if part.name not in known:
        return ToolCall(part.name, {}, part, f"there is no tool {part.name!r}; there are {', '.join(known)}")
    try:
        return ToolCall(part.name, msgspec.json.decode(part.arguments or "{}", type=dict[str, Any]), part)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return ToolCall(part.name, {}, part, f"the arguments are not a JSON object: {error}")
