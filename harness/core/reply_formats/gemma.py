"""Read replies of Gemma 4 and FunctionGemma: `call:NAME{key:value}`, texts between marks of their own."""

import json
import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of, tagged
from harness.types import Json, ToolCallPart

RANK = 30
THINK = ("<|channel>thought", "<channel|>")
BLOCK = re.compile(
    r"(?:<\|tool_call>|<start_function_call>)(.*?)(?:<tool_call\|>|<end_function_call>|\Z)(?:<\|tool_response>)?",
    re.DOTALL,
)
CALL = re.compile(r"^\s*call:(?P<name>[^\s{]+)\s*(?P<arguments>\{.*\})\s*$", re.DOTALL)
PIECE = re.compile(
    r"<\|\"\|>(?P<text>.*?)<\|\"\|>|<escape>(?P<escaped>.*?)<escape>|(?P<quoted>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<key>[^\s{},:\[\]\"<]+)(?=\s*:)",
    re.DOTALL,
)


def writes(template: str) -> bool:
    return "<|tool_call>" in template or "<start_function_call>" in template or "<|channel>thought" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    return tagged(raw, BLOCK, _calls, THINK)


def _calls(body: str) -> list[ToolCallPart]:
    call = CALL.match(body)
    if call is None:
        raise ValueError("not a call")
    return [call_of(call["name"], json.loads(PIECE.sub(_quoted, call["arguments"])))]


def _quoted(match: re.Match[str]) -> str:
    """Texts and bare keys in JSON's quotes."""
    kind = match.lastgroup or ""
    return match.group() if kind == "quoted" else json.dumps(match[kind])
