"""Read replies of Qwen 2.5 and 3, Hermes, SmolLM3, Granite 4: `<tool_call>` around a JSON object."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, json_calls, tagged
from harness.types import Json

BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)


def writes(template: str) -> bool:
    return "<tool_call>" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    return tagged(raw, BLOCK, json_calls)
