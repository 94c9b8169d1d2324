"""Read what a model in training wrote as serving reads it: text, reasoning and tool calls apart.

A score of the raw text would count a right answer as wrong for the reasoning before it, or for the spacing of a call.
"""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from harness.core.reading import finish_of, read_reply
from harness.types import Json, Message, Reply, TextPart


def reply_of(
    tokenizer: PreTrainedTokenizerBase,
    prompt: Sequence[int],
    written: Sequence[int],
    stop: frozenset[int],
    tools: Sequence[Json] = (),
) -> Reply:
    """The reply that tokens written after `prompt` are, up to the first of `stop`; without one its end is `length`."""
    end = next((place for place, token in enumerate(written) if token in stop), None)
    read = read_reply(tokenizer, prompt, list(written[:end]), tools)
    finish = finish_of(read, "length" if end is None else "stop")
    return Reply(text=read.text, reasoning=read.reasoning, tool_calls=read.tool_calls, finish_reason=finish)


def answer_in(reply: Reply) -> Message:
    """The reply's answer as a message, without its reasoning."""
    words = (TextPart(text=reply.text),) if reply.text else ()
    return Message(role="assistant", parts=(*words, *reply.tool_calls))
