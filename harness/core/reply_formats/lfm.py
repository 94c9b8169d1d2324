"""Read replies of LFM 2 and 2.5: a list of calls in Python's form between `<|tool_call_start|>` and its end."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, python_calls, tagged
from harness.types import Json

RANK = 40
BLOCK = re.compile(r"<\|tool_call_start\|>(.*?)(?:<\|tool_call_end\|>|\Z)", re.DOTALL)


def writes(template: str) -> bool:
    return "<|tool_call_start|>" in template or "<|tool_list_start|>" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    return tagged(raw, BLOCK, python_calls)
