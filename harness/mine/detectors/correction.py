"""Detect answers that somebody corrected. The correction is also the best target there is."""

from collections.abc import Iterator

from harness.core.replies import comparable, confirms, json_object
from harness.mine.window import Window
from harness.types import Failure


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        corrections = [item.correction for item in window.said(call) if item.correction is not None]
        if corrections and not confirms(corrections[-1], call):
            yield Failure(call_id=call.id, detector="correction", reason=_difference(call.reply, corrections[-1]))


def _difference(reply: str, correction: str) -> str:
    if json_object(reply) is None or json_object(correction) is None:
        return "the answer was replaced"
    was, now = comparable(reply), comparable(correction)
    fields = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    return f"the correction changes {', '.join(fields)}"
