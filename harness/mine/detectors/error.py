"""Detect calls that ended in an error. Timeouts, rate limits and server faults are the environment's, and never train."""

import re
from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Failure

MODEL = re.compile(
    r"context.?length|max(imum)?.?tokens|content.?(filter|policy)|invalid.?(tool|function|json|output)|parse|validation",
    re.IGNORECASE,
)
"""Errors that come from what the model wrote or was given to read; any other is the environment's."""


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        if call.error is not None:
            text = f"{call.error.type} {call.error.message}".strip()
            yield Failure(
                call_id=call.id,
                detector="error",
                reason=f"the call failed: {text[:120] or 'no reason given'}",
                environment=MODEL.search(text) is None,
            )
