"""Read replies of Qwen 3 Coder, Qwen 3.5 and Nemotron 3: `<function=NAME>` with a `<parameter=KEY>` an argument."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of, tagged, typed
from harness.types import Json, ToolCallPart

RANK = 40
BLOCK = re.compile(r"(?:<tool_call>\s*)?(<function=.*?)(?:</function>\s*(?:</tool_call>)?|\Z)", re.DOTALL)
HEAD = re.compile(r"<function=([^>\n]+)>")
PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)


def writes(template: str) -> bool:
    return "<function=" in template and "<parameter=" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    def calls_of(body: str) -> list[ToolCallPart]:
        head = HEAD.match(body)
        if head is None:
            raise ValueError("a function without a name")
        name = head.group(1).strip()
        return [call_of(name, typed(name, dict(PARAMETER.findall(body)), tools))]

    return tagged(raw, BLOCK, calls_of)
