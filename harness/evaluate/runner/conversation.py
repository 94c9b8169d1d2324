"""Hold a conversation of several turns, in which the model may call tools.

chat = model.session(case.messages, tools=TOOLS)
while call := chat.next_call(limit=6):
    chat.reply(call, FAKE[call.name](**call.args))
return score.calls(chat.calls, case["calls"])
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from harness.core.codec import canonical
from harness.types import Json, Message, Reply, TextPart, ToolCallPart, ToolResultPart


class ToolCall(msgspec.Struct, frozen=True):
    """One call that the model made."""

    name: str
    args: dict[str, Any]
    """Its arguments; empty when they could not be read."""
    part: ToolCallPart
    """As the model wrote it."""
    problem: str = ""
    """Why it could not be carried out: unknown tool, arguments that are not a JSON object."""


class Conversation:
    """Grows turn by turn: each turn is one request to the model, batched with those of other cases.

    `calls` holds every call that the model made, `text` its last words, and `exhausted` says that it wanted to go on
    calling when the limit was reached. `ask` is `Model.chat`.
    """

    def __init__(
        self,
        ask: Callable[..., Reply],
        messages: tuple[Message, ...],
        tools: tuple[Json, ...],
        sampling: dict[str, Any],
    ) -> None:
        self.messages = list(messages)
        self.calls: list[ToolCall] = []
        self.text = ""
        self.exhausted = False
        self._ask, self._tools, self._sampling = ask, tools, sampling
        self._open: deque[ToolCall] = deque()

    def say(self, text: str) -> Reply:
        """Add a user message and return the model's answer to it."""
        self.messages.append(Message(role="user", parts=(TextPart(text=text),)))
        return self._turn()

    def next_call(self, limit: int = 8) -> ToolCall | None:
        """The next tool call to carry out, or None when the model has answered in words or made `limit` calls.

        A call that cannot be carried out is answered with its problem, as a real agent would, and the model goes on.
        """
        while True:
            if not self._open and not self._answered():
                self._turn()
            if not self._open:
                return None
            if len(self.calls) >= limit:
                self.exhausted = True
                return None
            call = self._open.popleft()
            self.calls.append(call)
            if not call.problem:
                return call
            self.reply(call, {"error": call.problem})

    def reply(self, call: ToolCall, result: Json) -> None:
        """Give the model the result of a call: text as it is, anything else as JSON."""
        content = result if isinstance(result, str) else canonical(result)
        self.messages.append(Message(role="tool", parts=(ToolResultPart(id=call.part.id, content=content),)))

    def total(self, name: str) -> int:
        """How often the model called the tool `name`."""
        return sum(call.name == name for call in self.calls)

    def _answered(self) -> bool:
        return bool(self.messages) and self.messages[-1].role == "assistant"

    def _turn(self) -> Reply:
        reply = self._ask(self.messages, tools=self._tools, **self._sampling)
        words = (TextPart(text=reply.text),) if reply.text else ()
        self.messages.append(Message(role="assistant", parts=(*words, *reply.tool_calls)))
        self.text = reply.text
        self._open.extend(_call(part, self._tools) for part in reply.tool_calls)
        return reply


def _call(part: ToolCallPart, tools: tuple[Json, ...]) -> ToolCall:
    known = [tool.get("function", tool).get("name") for tool in tools if isinstance(tool, dict)]
    if part.name not in known:
        return ToolCall(part.name, {}, part, f"there is no tool {part.name!r}; there are {', '.join(map(str, known))}")
    try:
        return ToolCall(part.name, msgspec.json.decode(part.arguments or "{}", type=dict[str, Any]), part)
    except msgspec.DecodeError as error:
        return ToolCall(part.name, {}, part, f"the arguments are not a JSON object: {error}")
