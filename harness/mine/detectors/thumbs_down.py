"""Detect answers that a person disliked (scores by programs: `low_score`). A hint where to look, never a label."""

from collections.abc import Iterator

from harness.mine.detectors.low_score import PROGRAMS
from harness.mine.window import Window
from harness.types import Failure


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        for item in window.said(call):
            if item.negative and item.source_kind not in PROGRAMS:
                said = f": {item.comment[:80]}" if item.comment else ""
                yield Failure(
                    call_id=call.id, detector="thumbs_down", reason=f"{item.name or 'feedback'} is negative{said}"
                )
                break
