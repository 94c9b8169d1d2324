"""Tell what was new in each request of a case: what its transcript needs beside the case and the replies."""

from collections.abc import Sequence

from harness.types import Message, Reply, TextPart

Messages = tuple[Message, ...]


def new_messages(case: Messages, asked: Sequence[Messages], replies: Sequence[Reply]) -> tuple[Messages, ...]:
    """For each request its messages that neither the case, an earlier request nor a reply holds; empty when none has any.

    `asked`: the conversation of each request, without the arm's prompt; `replies`: the reply to each, in the same order.
    """
    known = case
    fresh: list[Messages] = []
    for messages, reply in zip(asked, replies, strict=True):
        fresh.append(_beyond(known, messages))
        known = (*messages, _answer(reply))
    return tuple(fresh) if any(fresh) else ()


def unsent(messages: Sequence[Message]) -> Messages:
    """The end of a session that its last reply does not know of: results of tools that were not sent any more."""
    last = max((place for place, message in enumerate(messages) if message.role == "assistant"), default=len(messages))
    return tuple(messages[last + 1 :])


def _beyond(known: Messages, messages: Messages) -> Messages:
    """The end of a conversation that goes on with what is known, with or without the answer to it; else all of it."""
    if _starts(messages, known):
        return messages[len(known) :]
    answered = known[-1:] and known[-1].role == "assistant"
    return messages[len(known) - 1 :] if answered and _starts(messages, known[:-1]) else messages


def _starts(messages: Messages, known: Messages) -> bool:
    """Whether a conversation starts with another. What a model wrote is the same turn without its reasoning."""
    return len(messages) >= len(known) and all(
        one == other or ("assistant" == one.role == other.role and _words(one) == _words(other))
        for one, other in zip(known, messages, strict=False)
    )


def _words(message: Message) -> tuple[str, object]:
    return message.text, message.tool_calls


def _answer(reply: Reply) -> Message:
    words = (TextPart(text=reply.text),) if reply.text else ()
    return Message(role="assistant", parts=(*words, *reply.tool_calls))
