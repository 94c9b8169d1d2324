"""Detect failed tool calls: the turn that failed is the one that called the tool, not the last of the conversation.

What the model can fix (a wrong argument, an order it should have kept) is its failure. A tool that is down, slow or
limited is the environment's.
"""

import re
from collections.abc import Iterator

from harness.core.agent_turns import refused, tool_results
from harness.mine.window import Window
from harness.types import Failure

BROKEN = re.compile(
    r"time[ -]?d?[ -]?out|rate.?limit|too many requests|unavailable|connection|internal server|\b(?:429|50[0-4])\b",
    re.IGNORECASE,
)
"""Words of a tool that is broken rather than misused."""


def detect(window: Window) -> Iterator[Failure]:
    for at, call in enumerate(window.calls[:-1]):
        if call.error is not None or not call.output or not call.output[0].tool_calls:
            continue
        for later in window.calls[at + 1 :]:
            results = list(tool_results(call, later.input))
            if results:
                yield from _failures(call.id, [(part.name, said) for part, said in results if refused(said)])
                break


def _failures(call_id: str, wrong: list[tuple[str, str]]) -> Iterator[Failure]:
    if wrong:
        name, said = wrong[0]
        reason = f"the tool {name} said: {' '.join(said.split())[:120]}"
        yield Failure(
            call_id=call_id, detector="tool_error", reason=reason, environment=BROKEN.search(said) is not None
        )
