"""Link the calls of agents' conversations: which call continues which, and what the tools returned."""

from collections.abc import Iterator, Sequence

from harness.core.replies import json_object
from harness.types import Call, Message, ToolCallPart, ToolResultPart

_OPENINGS = ("error:", "error ", "exception:", "traceback (most recent call last)", "failed:", "invalid ")


def goes_on(conversation: Sequence[Message], later: Sequence[Message]) -> bool:
    """Does the later conversation go on with the same turn, as an agent does after each tool call?

    It holds all of the earlier one, and since then nobody but the model and its tools has spoken.
    """
    size = len(conversation)
    if not size or len(later) <= size or later[size - 1] != conversation[-1] or later[0] != conversation[0]:
        return False
    return later[:size] == tuple(conversation) and not any(message.role == "user" for message in later[size:])


def tool_results(call: Call, later: Sequence[Message]) -> Iterator[tuple[ToolCallPart, str]]:
    """Each tool call of an answer with what the tool said, read in a later input of the same conversation.

    Results belong to calls by id, or by position where the ids are missing. None when `later` is another conversation.
    """
    made, size = call.output[0].tool_calls if call.output else (), len(call.input)
    if not made or len(later) <= size + 1 or later[size - 1] != call.input[-1]:
        return
    results: list[ToolResultPart] = []
    for message in later[size + 1 :]:
        parts = [part for part in message.parts if isinstance(part, ToolResultPart)]
        if not parts:
            break
        results += parts
    by_id = {result.id: result.content for result in results if result.id}
    for part, result in zip(made, results, strict=False):
        yield part, by_id.get(part.id, result.content)


def refused(result: str) -> bool:
    """Does a tool's result say that the call failed? Read from its form: an error key, a status, or how it begins."""
    value = json_object(result)
    if value is None:
        return result.lstrip().lower().startswith(_OPENINGS)
    wrong = value.get("error") or value.get("errors") or value.get("isError") or value.get("is_error")
    return bool(wrong) or str(value.get("status", "")).lower() in ("error", "failed", "failure")
