"""Read a model's tokens as a reply: text, reasoning and tool calls, in the form that its chat template writes.

A tokenizer that brings a `response_template` of its own is read by transformers' parser. For all others the file of
`harness.core.reply_formats` that knows the chat template reads, so a template that somebody edited is still known by
its marks. The same reading serves evaluation and the certificate of training: what a row teaches is read back as its target.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from harness.core import plugins
from harness.core.answer_tokens import decode_text
from harness.core.codec import REASONING, from_chat
from harness.core.protocols import ReplyFormat
from harness.core.replies import chat_message
from harness.core.reply_formats._sections import THINK
from harness.core.reply_formats._sections import ReadReply as ReadReply
from harness.types import Json, Message, ReasoningPart, Reply, Request, TextPart

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

INCOMPLETE = "incomplete"
"""`Reply.finish_reason` of a reply that ended inside its reasoning."""
TAIL = 32
"""Tokens at the end of a prompt in which a template may open the reasoning."""


def read_reply(
    tokenizer: "PreTrainedTokenizerBase", prompt: Sequence[int], written: Sequence[int], tools: Sequence[Json] = ()
) -> ReadReply:
    """What the model wrote after `prompt`, both as token ids; `written` comes without the token that ended it."""
    clean = decode_text(tokenizer, written, skip_special=True)
    raw = decode_text(tokenizer, written)
    own = getattr(tokenizer, "response_template", None)
    tail = decode_text(tokenizer, prompt[-TAIL:])
    read = _by_own_template(tokenizer, own, tail, raw, tools) if own else None
    if read is None:
        form = format_of(template_of(tokenizer, tools))
        read = form.read(opened(form, tail) + raw, tools)
    if read == ReadReply(raw):
        return ReadReply(clean)
    return read if clean == raw else read._replace(text=_without_special(tokenizer, read.text))


def reply_from(
    tokenizer: "PreTrainedTokenizerBase", request: Request, prompt: Sequence[int], written: Sequence[int], blank: Reply
) -> Reply:
    """`blank` filled with what was written, without the token that ended it; text ends before the first stop string.

    Raw completions and replies that are held to a schema are text as they are: no template gave them a form.
    """
    if request.kind != "chat" or request.schema is not None:
        read = ReadReply(decode_text(tokenizer, written, skip_special=True))
    else:
        read = read_reply(tokenizer, prompt, written, request.tools)
    cut = min((read.text.index(stop) for stop in request.stop if stop in read.text), default=len(read.text))
    return replace(
        blank,
        text=read.text[:cut],
        reasoning=read.reasoning,
        tool_calls=read.tool_calls,
        finish_reason=finish_of(read, blank.finish_reason),
    )


def finish_of(read: ReadReply, finish: str) -> str:
    """How the reply ended, given how the generation did."""
    if not read.complete:
        return INCOMPLETE
    return "tool_calls" if read.tool_calls and finish == "stop" else finish


def template_of(tokenizer: "PreTrainedTokenizerBase", tools: Sequence[Json] = ()) -> str:
    """Text of the chat template that is used with these tools; empty when there is none."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, Mapping):
        chosen = template.get("tool_use") if tools else None
        return str(chosen or template.get("default") or "")
    return template or ""


@cache
def format_of(template: str) -> ReplyFormat:
    """The reply format of a chat template."""
    forms = (plugins.load("reply_formats", name) for name in plugins.names("reply_formats"))
    ranked = sorted(forms, key=lambda form: getattr(form, "RANK", 50))
    return next(form for form in ranked if form.writes(template))


def marks_of(form: ReplyFormat) -> tuple[str, str]:
    """What opens and what closes the reasoning."""
    return getattr(form, "THINK", THINK)


def opened(form: ReplyFormat, tail: str) -> str:
    """The mark that opens the reasoning, when the prompt ends with it; else empty."""
    opening = marks_of(form)[0]
    return opening if tail.rstrip().endswith(opening) else ""


def split_inline(message: Message) -> Message:
    """A message whose text begins with a `<think>` block, with that block as its reasoning."""
    read = plugins.load("reply_formats", "plain").read(message.text, ())
    if not read.reasoning and read.text == message.text:
        return message
    rest = tuple(part for part in message.parts if not isinstance(part, TextPart))
    thoughts = (ReasoningPart(text=read.reasoning),) if read.reasoning else ()
    words = (TextPart(text=read.text),) if read.text else ()
    return Message(role=message.role, parts=(*thoughts, *words, *rest), name=message.name)


def read_text(text: str) -> Reply:
    """A reply that was written down: with the reasoning of a `<think>` block, or the tool calls of a message in chat form."""
    whole = chat_message(text)
    message = split_inline(from_chat(whole or {"role": "assistant", "content": text}))
    finish = INCOMPLETE if never_closed(message) else "tool_calls" if message.tool_calls else "stop"
    return Reply(text=message.text, reasoning=message.reasoning, tool_calls=message.tool_calls, finish_reason=finish)


def never_closed(message: Message) -> bool:
    """Whether a message is the beginning of a reasoning and no more."""
    return message.reasoning != "" and not message.text and not message.tool_calls


def _by_own_template(
    tokenizer: "PreTrainedTokenizerBase", template: Mapping[str, Any], tail: str, raw: str, tools: Sequence[Json]
) -> ReadReply | None:
    """What transformers' parser reads; None when the reply does not keep to the template."""
    from transformers.utils.chat_parsing import ResponseParser

    try:
        parser = ResponseParser(dict(template), prefix=tail, tools=list(tools))
        events = [*parser.initial_events, *parser.feed(raw)]
        message, last = parser.finalize()
        chat = from_chat({"role": "assistant", "content": message.get("content"), **_calls(message)})
    except Exception:  # a broken call, or a template that this parser does not take: the format's own file reads it
        return None
    left_open = _left_open(events) if last else ""
    reasoning = next((str(message[key]) for key in REASONING if message.get(key)), "")
    return ReadReply(chat.text, reasoning, chat.tool_calls, left_open not in REASONING)


def _calls(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}


def _left_open(events: Sequence[Mapping[str, Any]]) -> str:
    """Field of the region that the reply ended in."""
    field = ""
    for event in events:
        if event["type"] == "region_open":
            field = event["field"]
        elif event["type"] == "region_close":
            field = ""
    return field


def _without_special(tokenizer: "PreTrainedTokenizerBase", text: str) -> str:
    marks = sorted(tokenizer.all_special_tokens, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, marks)) or "(?!)", "", text)
