"""Read replies of Command R and later: `<|START_ACTION|>` or `Action:` before a JSON list, the answer in its own marks."""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, json_calls, tagged
from harness.types import Json, ToolCallPart

RANK = 30
THINK = ("<|START_THINKING|>", "<|END_THINKING|>")
BLOCK = re.compile(r"(?:<\|START_ACTION\|>|Action:\s*```(?:json)?)(.*?)(?:<\|END_ACTION\|>|```|\Z)", re.DOTALL)
RESPONSE = re.compile(
    r"^\s*(?:<\|START_RESPONSE\|>|<\|START_TEXT\|>)?(.*?)(?:<\|END_RESPONSE\|>|<\|END_TEXT\|>|\Z)", re.DOTALL
)
DIRECT = "directly_answer"
"""A tool of Command R that stands for having no tool to call."""


def writes(template: str) -> bool:
    return "<|CHATBOT_TOKEN|>" in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    reply = tagged(raw, BLOCK, _calls, THINK)
    answer = RESPONSE.match(reply.text)
    return reply._replace(text=answer[1] if answer and answer[1] != reply.text else reply.text)


def _calls(body: str) -> list[ToolCallPart]:
    return [call for call in json_calls(body) if call.name != DIRECT]
