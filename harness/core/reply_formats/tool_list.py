"""Read replies of Granite 3 and Phi 4: `<|tool_call|>` (or `<tool_call>`) before a JSON list."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, json_calls, tagged
from harness.types import Json

RANK = 45
BLOCK = re.compile(r"(?:<\|tool_call\|>|<tool_call>)(.*?)(?:<\|/tool_call\|>|</tool_call>|\Z)", re.DOTALL)


def writes(template: str) -> bool:
    return "<|tool_call|>" in template or "<|start_of_role|>" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    return tagged(raw, BLOCK, json_calls)
