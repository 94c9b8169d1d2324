"""Detect answers far slower, or far longer, than what is usual on the route.

A hint only: slowness is no wrong answer.
"""

from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Failure

HINT = True


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        usual, seconds, tokens = window.usual(call), call.seconds, call.usage.output
        if call.error is None and seconds and usual.seconds and seconds > usual.seconds:
            reason = f"it took {seconds:.1f} s; far out begins at {usual.seconds:.1f} s here"
        elif tokens and usual.output_tokens and tokens > usual.output_tokens:
            reason = f"it wrote {tokens} tokens; far out begins at {usual.output_tokens:.0f} here"
        else:
            continue
        yield Failure(call_id=call.id, detector="outlier", reason=reason)
