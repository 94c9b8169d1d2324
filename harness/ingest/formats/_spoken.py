"""Decode the common case of the GenAI conventions at C speed: JSON text of messages that are plain text and no more."""

from typing import Literal

import msgspec
from msgspec import Struct

from harness.ingest.formats._json import Json
from harness.ingest.formats._messages import reason
from harness.types import Message, TextPart


class _Text(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    content: str


class _Said(Struct, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant", "tool", "developer"]
    parts: list[_Text]
    name: str | None = None
    finish_reason: str | None = None


_messages = msgspec.json.Decoder(list[_Said])
_instructions = msgspec.json.Decoder(list[_Text])


def messages(raw: Json) -> tuple[Message, ...] | None:
    """The messages of `gen_ai.input.messages` or `.output.messages`; None when they hold more than text."""
    if not isinstance(raw, str):
        return None
    try:
        found = _messages.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return tuple(
        Message(
            role=said.role,
            parts=_parts(said.parts),
            name=said.name or None,
            finish_reason=reason(said.finish_reason) if said.finish_reason else None,
        )
        for said in found
    )


def instructions(raw: Json) -> tuple[Message, ...] | None:
    """The system message of `gen_ai.system_instructions`; None when it holds more than text."""
    if not isinstance(raw, str):
        return None
    try:
        found = _parts(_instructions.decode(raw))
    except (msgspec.DecodeError, UnicodeError):
        return None
    return (Message(role="system", parts=found),) if found else ()


def _parts(found: list[_Text]) -> tuple[TextPart, ...]:
    return tuple([TextPart(text=part.content) for part in found if part.content])
