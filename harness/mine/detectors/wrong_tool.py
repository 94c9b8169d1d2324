"""Detect steps that called another tool than they should have, or none.

Known by a correction, by successful runs with the same history, or by an answer that there is no such tool.
"""

import re
from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Failure, Trajectory

UNKNOWN = re.compile(
    r"(?:unknown|no such|unrecogni[sz]ed|invalid|nonexistent) (?:tool|function)\b"
    r"|(?:tool|function)\b.{0,60}\b(?:not found|does not exist|is not (?:a valid|available|defined|registered))"
    r"|is not a valid (?:tool|function)",
    re.IGNORECASE | re.DOTALL,
)
START = 300
"""Characters of a tool's result in which it says so."""


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        reasons = {wrong.call_id: wrong.reason for wrong in window.wrong_steps(run)[::-1] if wrong.fault != "arguments"}
        reasons |= {call_id: reason for call_id, reason in _unknown(run) if call_id not in reasons}
        for call_id, reason in reasons.items():
            yield Failure(call_id=call_id, detector="wrong_tool", reason=reason)


def _unknown(run: Trajectory) -> Iterator[tuple[str, str]]:
    for step in run.steps:
        for use in step.tools:
            if use.refused and UNKNOWN.search((use.result or "")[:START]):
                yield step.call_id, f"there is no tool {use.name}"
