"""Read replies of Muse: messages to a recipient, `self` (reasoning), `user` (the answer) or a tool (a call)."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of, typed
from harness.types import Json, ToolCallPart

RANK = 20
THINK = ("to=self<|message|>", "<|eom|>")
MESSAGE = re.compile(r"to=(?P<to>\S+?)<\|message\|>(?P<body>.*?)(?P<end><\|eom\|>|<\|eot\|>|\Z)", re.DOTALL)
INVOKE = re.compile(r"<atem:invoke name=\"([^\"]+)\">(.*?)(?:</atem:invoke>|\Z)", re.DOTALL)
PARAMETER = re.compile(r"<atem:parameter name=\"([^\"]+)\">(.*?)</atem:parameter>", re.DOTALL)


def writes(template: str) -> bool:
    return "<atem:" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCallPart] = []
    for message in MESSAGE.finditer(raw):
        invoked = INVOKE.findall(message["body"])
        calls += [call_of(name, typed(name, dict(PARAMETER.findall(body)), tools)) for name, body in invoked]
        if not invoked:
            (thoughts if message["to"] == "self" else texts).append(message["body"])
    if not (texts or thoughts or calls):
        return ReadReply(raw)
    return ReadReply("".join(texts), "\n".join(thoughts).strip(), tuple(calls), bool(texts or calls or not thoughts))
