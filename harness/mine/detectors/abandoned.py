"""Detect sessions that end with a question back, which the person never answered.

A hint only: it shows where to look, and takes nothing from an answer that was praised.
"""

from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Call, Failure

HINT = True
QUIET_NS = 30 * 60 * 10**9
"""How long nothing must have been heard for a conversation to be over."""


def detect(window: Window) -> Iterator[Failure]:
    last = window.calls[-1]
    over = window.newest_ns - last.start_ns > QUIET_NS
    if over and last.session_id and last.output and _asks(last) and not any(f.positive for f in window.said(last)):
        yield Failure(call_id=last.id, detector="abandoned", reason="the answer asked a question and nobody replied")


def _asks(call: Call) -> bool:
    return call.reply.rstrip().endswith(("?", "？")) and not call.output[0].tool_calls
