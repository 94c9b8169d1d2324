"""Detect failed tool calls: the turn that failed is the one that called the tool, not the last of the conversation.

What the model can fix (a wrong argument, an order it should have kept) is its failure. A tool that is down, slow or
limited is the environment's.
"""

from collections.abc import Iterator

from harness.core.tool_uses import broken
from harness.mine.window import Window
from harness.types import Failure, ToolUse


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        for step in run.steps:
            wrong = [use for use in step.tools if use.refused]
            if wrong and not step.error:
                yield _failure(step.call_id, wrong[0])


def _failure(call_id: str, use: ToolUse) -> Failure:
    result = use.result or ""
    reason = f"the tool {use.name} said: {' '.join(result.split())[:120]}"
    return Failure(call_id=call_id, detector="tool_error", reason=reason, environment=broken(result))
