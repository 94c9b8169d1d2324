"""Pack messages and replies as turns: text with its Markdown, tool calls and results, reasoning, pictures."""

from collections.abc import Sequence

from harness.core import codec
from harness.errors import InputError
from harness.types import (
    Json,
    MediaPart,
    Message,
    OtherPart,
    ReasoningPart,
    RefusalPart,
    Reply,
    Result,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from reports.parts import pictures
from reports.parts.rich_text import tree

LONGEST_RAW = 4000
"""Characters of a part that no convention names."""


def plain(**values: Json) -> dict[str, Json]:
    """Only what is there: an empty value takes no bytes."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {}, ())}


def turn(message: Message) -> list[Json]:
    """Role and parts; a part that is plain text is that text, any other an object whose first key names its kind."""
    name = {"name": message.name} if message.name else None
    return [message.role, [_part(part) for part in message.parts], *([name] if name else [])]


def result(one: Result) -> dict[str, Json]:
    """One repeat of a case under one arm."""
    scores = [plain(name=s.name, label=s.label, why=s.explanation) | {"value": s.value} for s in one.scores]
    asked = one.asked or ((),) * len(one.replies)
    replies = [_reply(reply, new) for reply, new in zip(one.replies, asked, strict=False)]
    closing = [turn(message) for message in one.closing]
    return plain(replies=replies, closing=closing, scores=scores, error=one.error, skipped=one.skipped)


def _reply(reply: Reply, new: Sequence[Message]) -> dict[str, Json]:
    return plain(
        asked=[turn(message) for message in new],
        text=reply.text,
        md=tree(reply.text),
        calls=[_part(call) for call in reply.tool_calls],
        reasoning=reply.reasoning,
        finish="" if reply.finish_reason in ("stop", "tool_calls") else reply.finish_reason,
        tokens=[reply.usage.input, reply.usage.output] if reply.usage.output is not None else None,
        seconds=round(reply.seconds, 3),
        cost=reply.cost,
        cached=reply.cached or None,
        logprobs=[round(value, 3) for value in reply.logprobs],
    )


def _part(part: object) -> Json:
    if isinstance(part, TextPart):
        nodes = tree(part.text)
        return {"text": part.text, "md": nodes} if nodes else part.text
    if isinstance(part, ToolCallPart):
        return {"call": part.name or "(no name)"} | plain(args=part.arguments, id=part.id)
    if isinstance(part, ToolResultPart):
        return {"result": part.content} | plain(id=part.id)
    if isinstance(part, ReasoningPart):
        return {"reasoning": part.text}
    if isinstance(part, RefusalPart):
        return {"refusal": part.text}
    if isinstance(part, MediaPart):
        return {"image": part.uri} if pictures.shown(part.uri) else {"media": _named(part)}
    return _other(part) if isinstance(part, OtherPart) else codec.canonical(part)


def _named(part: MediaPart) -> str:
    """What a part that is not shown is: `image · image/png · 12 kB · https://…`."""
    size = f"{part.bytes / 1000:,.0f} kB" if part.bytes else ""
    uri = part.uri or ""
    address = uri if len(uri) <= 200 else f"{uri[:60]}… ({len(uri):,} characters)"
    return " · ".join(filter(None, (part.modality or "media", part.mime, size, address))) + ": not loaded"


def _other(part: OtherPart) -> Json:
    try:
        value = codec.decode(part.raw, Json)
    except (InputError, UnicodeEncodeError):
        return {"other": part.raw[:LONGEST_RAW]}
    address = pictures.inline(value)
    if address:
        return {"image": address}
    cut = part.raw if len(part.raw) <= LONGEST_RAW else f"{part.raw[:LONGEST_RAW]}… ({len(part.raw):,} characters)"
    return {"other": cut}
