"""Read replies of templates that write no tool calls: a `<think>` block at most, then the answer."""

from collections.abc import Sequence

from harness.core.reply_formats import _sections
from harness.core.reply_formats._sections import ReadReply
from harness.types import Json

RANK = 100


def writes(template: str) -> bool:
    """Any template: this is asked last."""
    return True


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    return _sections.plain(raw)
