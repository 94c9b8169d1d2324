"""Detect answers that somebody corrected. The correction is also the best target there is."""

from collections.abc import Iterator

from harness.core.feedback_override import best_correction, contradict
from harness.core.replies import comparable, confirms, corrected, json_object
from harness.mine.window import Window
from harness.types import Failure


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        said = window.said(call)
        best = best_correction(said)
        if best is not None and not confirms(best.correction or "", call):
            right = corrected(best.correction or "", call).text or best.correction or ""
            yield Failure(call_id=call.id, detector="correction", reason=_difference(call.reply, right))
        elif contradict(said):
            yield Failure(call_id=call.id, detector="correction", reason="two corrections differ; none is newer")


def _difference(reply: str, correction: str) -> str:
    if json_object(reply) is None or json_object(correction) is None:
        return "the answer was replaced"
    was, now = comparable(reply), comparable(correction)
    fields = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    return f"the correction changes {', '.join(fields)}"
