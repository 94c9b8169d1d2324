"""Read replies of DeepSeek V3, V3.1 and R1: calls between `<｜tool▁call▁begin｜>` and its end."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of, plain, tagged
from harness.types import Json, ToolCallPart

RANK = 30
BLOCK = re.compile(r"<｜tool▁call▁begin｜>(.*?)(?:<｜tool▁call▁end｜>|\Z)", re.DOTALL)
OUTER = re.compile(r"\s*<｜tool▁calls▁(?:begin|end)｜>\s*")
SEPARATOR = "<｜tool▁sep｜>"
FENCED = re.compile(r"^(?P<name>[^\n]*)\n```json\n(?P<arguments>.*?)\n?```\s*$", re.DOTALL)


def writes(template: str) -> bool:
    return "<｜Assistant｜>" in template or "<｜tool▁call" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    if "<｜tool▁call▁begin｜>" not in raw:
        return plain(raw)
    return tagged(OUTER.sub("", raw), BLOCK, _calls)


def _calls(body: str) -> list[ToolCallPart]:
    first, mark, second = body.partition(SEPARATOR)
    if not mark:
        raise ValueError("a call without its separator")
    fenced = FENCED.match(second)  # V3 and R1: the kind, then name and fenced JSON
    name, arguments = (fenced["name"], fenced["arguments"]) if fenced else (first, second)
    return [call_of(name.strip(), arguments.strip())]
