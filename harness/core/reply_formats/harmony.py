"""Read replies of gpt-oss: messages on channels, `analysis` (reasoning), `commentary` (calls) and `final` (the answer)."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of
from harness.types import Json, ToolCallPart

RANK = 20
THINK = ("<|channel|>analysis<|message|>", "<|end|>")
MESSAGE = re.compile(
    r"(?P<head>(?:(?!<\|message\|>).)*?)<\|message\|>(?P<body>.*?)(?P<end><\|end\|>|<\|call\|>|<\|return\|>|\Z)",
    re.DOTALL,
)
RECIPIENT = re.compile(r"to=(?:functions\.)?([\w.-]+)")
CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")


def writes(template: str) -> bool:
    return "<|channel|>" in template and "<|message|>" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCallPart] = []
    messages = list(MESSAGE.finditer(raw))
    if not messages:
        return ReadReply(raw)
    for message in messages:
        recipient, channel = RECIPIENT.search(message["head"]), CHANNEL.search(message["head"])
        name = channel[1] if channel else "final"
        if recipient:
            calls.append(call_of(recipient[1], message["body"].strip()))
        else:
            (thoughts if name == "analysis" else texts).append(message["body"])
    return ReadReply("".join(texts), "\n".join(thoughts).strip(), tuple(calls), bool(texts or calls or not thoughts))
