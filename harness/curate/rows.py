"""Define a row on its way through curation: one call with a target, before it is a case of a split."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from harness.core.codec import digest
from harness.core.near_duplicates import normalise
from harness.core.trajectories import conversation_of
from harness.types import Call, Json, Message, ToolResultPart

CONTROL_TOKEN = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|\[/?INST\]|<<SYS>>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>")
"""Tokens by which chat templates mark turns. In a user's text they are an attack or a paste; neither should train."""


class RowTarget(Struct, frozen=True):
    """What should have been answered, and who says so."""

    message: Message
    source: str
    """correction, retry, teacher, production or unopposed."""
    expected: Any
    """Tool calls, parsed JSON, or text: what a scorer compares with."""
    at_ns: int = 0


class CallRow(Struct, frozen=True, dict=True):
    call: Call
    conversation: tuple[Message, ...]
    target: RowTarget
    failed: bool
    cluster: str = ""
    first_wrong: int | None = None
    """Place in `conversation` of the first answer of its run that went wrong; None where nothing tells one."""
    expectations: dict[str, Json] = {}
    """What a right answer must have, by the names that people gave it: columns of the case, for suites."""

    @cached_property
    def text(self) -> str:
        """Normalised text of all user turns: what near-duplicates are looked for in."""
        return normalise(spoken(self.conversation))

    @cached_property
    def key(self) -> str:
        """Content id of the whole input: rows that share it are one."""
        return digest(contents(self.conversation))

    @property
    def stratum(self) -> tuple[str, str, bool]:
        """What kind of call it is; see `harness.types.Share`."""
        return self.call.route, self.cluster if self.failed else "", self.failed

    @property
    def marks(self) -> tuple[str, ...]:
        """Ledger keys, strongest first: once one of them was held out, the row never trains."""
        own = (f"call:{self.call.id}", f"text:{digest(self.text)[:24]}")
        return (*own, self.conversation_id) if self.conversation_id else own

    @property
    def conversation_id(self) -> str:
        """What all steps of a run, and all turns of a session, have in common; empty for a call that stands alone."""
        return conversation_of(self.call)


def contents(messages: Sequence[Message]) -> list[Any]:
    """What makes two inputs one: the words, the tools called and what they gave back, but no ids, which are drawn anew."""
    return [_said(message) for message in messages]


def _said(message: Message) -> list[Any]:
    called = [[part.name, part.arguments] for part in message.tool_calls]
    results = [part.content for part in message.parts if isinstance(part, ToolResultPart)]
    return [message.role, normalise(message.text), called, *results]


def spoken(messages: Sequence[Message]) -> str:
    return "\n".join(message.text for message in messages if message.role == "user")


def has_control_tokens(messages: Sequence[Message]) -> bool:
    return any(CONTROL_TOKEN.search(message.text) for message in messages if message.role in ("user", "tool"))
