"""Read replies of Mistral: `[TOOL_CALLS]` before a JSON list, or before NAME`[ARGS]`JSON; reasoning in `[THINK]`."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of, json_calls, split_thoughts
from harness.types import Json, ToolCallPart

THINK = ("[THINK]", "[/THINK]")
MARK, ARGS, IDENT = "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"
LEGACY = re.compile(r"^([\w.-]+)\s*(\{.*)$", re.DOTALL)


def writes(template: str) -> bool:
    return MARK in template or "[INST]" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    marks = THINK if raw.lstrip().startswith(THINK[0]) else ("<think>", "</think>")
    reasoning, rest, complete = split_thoughts(raw, marks)
    text, mark, body = rest.partition(MARK)
    try:
        calls = tuple(call for part in body.split(MARK) for call in _calls(part.strip())) if mark else ()
    except (ValueError, RecursionError):
        return ReadReply(rest, reasoning, (), complete)
    return ReadReply(text.strip() if calls else rest, reasoning, calls, complete)


def _calls(part: str) -> list[ToolCallPart]:
    if part.startswith(("[", "{")):
        return json_calls(part)
    name, mark, arguments = part.partition(ARGS)
    if not mark:
        legacy = LEGACY.match(part)
        if legacy is None:
            raise ValueError("not a tool call")
        name, arguments = legacy.groups()
    name, _, ident = name.partition(IDENT)
    return [call_of(name.strip(), arguments.strip(), ident.strip())]
