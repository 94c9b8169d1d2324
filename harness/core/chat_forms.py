"""Find out in which form a chat template takes messages, and what of a conversation it leaves out.

Templates differ in what they read: content as text or as a list of parts, a call's arguments as an object or as text. And
some skip what they do not know: a system text, tools, a tool call of an earlier turn. Both are seen by writing a twin of
the conversation in which every text is a mark of its own, and looking which marks come out.
"""

import json
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

from harness.core.codec import digest
from harness.types import Json, MediaPart, Message, OtherPart

Chat = dict[str, Any]
Render = Callable[[list[Chat], list[Json]], str]
"""The template's text for messages and tools. Raises whatever the template raises."""
MEDIA = ("image", "audio", "video", "file", "document")


class ChatForm(NamedTuple):
    """How a template takes messages."""

    parts: bool = False
    """Content is a list of parts, not text."""
    text_arguments: bool = False
    """A call's arguments are JSON text, not an object."""
    short_idents: bool = False
    """Ids of calls have nine letters and digits, as Mistral's templates insist."""

    def apply(self, chats: Sequence[Chat]) -> list[Chat]:
        return [self._apply(chat) for chat in chats]

    def _apply(self, chat: Chat) -> Chat:
        formed = dict(chat)
        if self.parts and isinstance(chat.get("content"), str):
            formed["content"] = [{"type": "text", "text": chat["content"]}]
        if chat.get("tool_calls"):
            formed["tool_calls"] = [self._call(call) for call in chat["tool_calls"]]
        if "tool_call_id" in chat:
            formed["tool_call_id"] = self._ident(chat["tool_call_id"])
        return formed

    def _ident(self, ident: str) -> str:
        return digest(ident)[:9] if self.short_idents else ident

    def _call(self, call: Chat) -> Chat:
        arguments = call["function"]["arguments"]
        if self.text_arguments and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return {
            **call,
            "id": self._ident(call.get("id", "")),
            "function": {**call["function"], "arguments": arguments},
        }


def form_of(render: Render) -> ChatForm:
    """The first form in which a user's text, and then a tool call, comes out of the template."""
    parts = next((parts for parts in (False, True) if _shows(render, ChatForm(parts), [_user()], ["mark0"])), False)
    call = {
        "id": "call_of_a_probe",
        "type": "function",
        "function": {"name": "markname", "arguments": {"markkey": "markvalue"}},
    }
    talk = [_user(), {"role": "assistant", "content": "", "tool_calls": [call]}]
    forms = [ChatForm(parts, text, short) for short, text in product((False, True), repeat=2)]
    return next((form for form in forms if _shows(render, form, talk, ["markname", "markvalue"])), ChatForm(parts))


def media_of(messages: Sequence[Message]) -> str:
    """What of the messages is no text that a model of text could read, in words; empty when all is."""
    for message in messages:
        for part in message.parts:
            if isinstance(part, MediaPart):
                return f"a part of kind {part.modality or part.mime or 'media'} in a {message.role} message"
            if isinstance(part, OtherPart):
                return f"a part of kind {kind_of(part)} in a {message.role} message"
    return ""


def kind_of(part: OtherPart) -> str:
    try:
        value = json.loads(part.raw)
    except ValueError:
        return "unknown"
    kind = value.get("type", "unknown") if isinstance(value, dict) else "unknown"
    return str(kind)[:40]


def is_media(part: Any) -> bool:
    """Whether a part of a message is an image, sound or a file."""
    return isinstance(part, MediaPart) or (
        isinstance(part, OtherPart) and any(word in kind_of(part).lower() for word in MEDIA)
    )


def shape_of(chats: Sequence[Chat], tools: Sequence[Json]) -> tuple[Any, ...]:
    """What decides which parts a template reads: roles, and what each message holds."""
    return (
        bool(tools),
        *((chat["role"], bool(chat.get("content")), len(chat.get("tool_calls", ()))) for chat in chats),
    )


def left_out(render: Render, form: ChatForm, chats: Sequence[Chat], tools: Sequence[Json]) -> str:
    """The first thing of a conversation of this shape that leaves no trace in the text, in words; empty when all do.

    A template that refuses the twin is not judged by it.
    """
    twin, marks = _twin(chats)
    tool = {"name": "markedtool", "description": "x", "parameters": {"type": "object", "properties": {}}}
    offered: list[Json] = [{"type": "function", "function": tool}] if tools else []
    try:
        text = render(form.apply(twin), offered)
    except Exception:  # a template is the model's own program: it may raise anything at all
        return ""
    if offered:
        marks = {**marks, "markedtool": "the tools"}
    return next((what for mark, what in marks.items() if mark not in text), "")


def _twin(chats: Sequence[Chat]) -> tuple[list[Chat], dict[str, str]]:
    """The conversation with a mark for every text, and what each mark stands for."""
    twin: list[Chat] = []
    marks: dict[str, str] = {}
    for place, chat in enumerate(chats):
        marked = dict(chat)
        if chat.get("content"):
            marked["content"] = f"mark{place}x"
            marks[f"mark{place}x"] = f"the {chat['role']} text" if chat["role"] != "tool" else "the result of a tool"
        calls = chat.get("tool_calls", ())
        for number, call in enumerate(calls):
            marks[f"mark{place}name{number}x"] = f"a tool call ({call['function']['name']})"
        if calls:
            marked["tool_calls"] = [
                {**call, "function": {"name": f"mark{place}name{number}x", "arguments": {"key": "value"}}}
                for number, call in enumerate(calls)
            ]
        twin.append(marked)
    return twin, marks


def _shows(render: Render, form: ChatForm, chats: Sequence[Chat], marks: Sequence[str]) -> bool:
    try:
        text = render(form.apply(chats), [])
    except Exception:  # as above
        return False
    written_out = form.parts and "'type': 'text'" in text  # the list itself, pasted in as a text
    return all(mark in text for mark in marks) and not written_out


def _user() -> Chat:
    return {"role": "user", "content": "mark0"}
