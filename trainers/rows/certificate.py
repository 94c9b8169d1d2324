"""Certify a training row: what it teaches, cut where serving stops and read as serving reads, is its target."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from harness.core.codec import canonical
from harness.core.reading import INCOMPLETE, ReadReply, read_reply
from harness.core.replies import json_object
from harness.errors import InputError
from harness.types import Json, Message, ToolCallPart


class UnreadableError(InputError):
    """A row whose answer, once learnt, would be read as something else than its target."""


def certify(
    tokenizer: PreTrainedTokenizerBase,
    prompt: Sequence[int],
    answer: Sequence[int],
    stop: frozenset[int],
    target: Message,
    tools: Sequence[Json],
) -> None:
    """Raises UnreadableError, saying which part differs, when `answer` after `prompt` is not read back as `target`."""
    end = next((place for place, token in enumerate(answer) if token in stop), len(answer))
    read = read_reply(tokenizer, prompt, answer[:end], tools)
    problem = difference(read, target)
    if problem:
        raise UnreadableError(f"the answer is not read back as it is taught: {problem}")


def difference(read: ReadReply, target: Message) -> str:
    """In which part a reply differs from the message that it should be, in words; empty when in none."""
    if not read.complete:
        return f"it is {INCOMPLETE}, since its reasoning is never closed"
    wanted, got = canonical(_calls(target.tool_calls)), canonical(_calls(read.tool_calls))
    if wanted != got:
        return f"the tool calls are {got}, not {wanted}"
    if _comparable(read.text) != _comparable(target.text):
        return f"the text is {read.text[:80]!r}, not {target.text[:80]!r}"
    if read.reasoning.strip() != target.reasoning.strip():
        return f"the reasoning is {read.reasoning[:80]!r}, not {target.reasoning[:80]!r}"
    return ""


def _calls(calls: Sequence[ToolCallPart]) -> list[list[Json]]:
    """Names and arguments; arguments that are a JSON object count by value, and none are the same as an empty one."""
    return [[call.name, _arguments(call.arguments)] for call in calls]


def _arguments(text: str) -> Json:
    value = json_object(text or "{}")
    return text if value is None else value


def _comparable(text: str) -> str:
    """JSON objects by their canonical text, in which true is not 1; else the text. Space at the ends is the template's."""
    value = json_object(text)
    return text.strip() if value is None else canonical(value)
