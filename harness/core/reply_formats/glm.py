"""Read replies of GLM 4.5 and later: the tool's name, then `<arg_key>` and `<arg_value>` an argument."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, call_of, tagged, typed
from harness.types import Json, ToolCallPart

RANK = 40
BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
ARGUMENT = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)


def writes(template: str) -> bool:
    return "<arg_key>" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    def calls_of(body: str) -> list[ToolCallPart]:
        name = body.partition("<arg_key>")[0].strip()
        values = {key.strip(): value for key, value in ARGUMENT.findall(body)}
        return [call_of(name, typed(name, values, tools))]

    reply = tagged(raw, BLOCK, calls_of)
    return reply._replace(text=reply.text.removeprefix("\n"))  # the template writes one before the answer
