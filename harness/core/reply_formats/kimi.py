"""Read replies of Kimi K2: `functions.NAME:0` and its JSON between `<|tool_call_begin|>` and its end."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of, tagged
from harness.types import Json, ToolCallPart

RANK = 30
THINK = ("<think>", "</think>")
SECTION = re.compile(r"<\|tool_calls_section_(?:begin|end)\|>")
BLOCK = re.compile(r"<\|tool_call_begin\|>(.*?)(?:<\|tool_call_end\|>|\Z)", re.DOTALL)
CALL = re.compile(
    r"^\s*(?:functions\.)?(?P<name>.+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>(?P<arguments>.*)$", re.DOTALL
)


def writes(template: str) -> bool:
    return "<|tool_call_begin|>" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    return tagged(SECTION.sub("", raw), BLOCK, _calls)


def _calls(body: str) -> list[ToolCallPart]:
    call = CALL.match(body)
    if call is None:
        raise ValueError("not a call")
    return [call_of(call["name"], call["arguments"].strip())]
