"""Detect answers that a recorded evaluation, by a judge or by code, scored low."""

from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Failure, Feedback, Noun

PROGRAMS = frozenset({"judge", "code", "app"})


class Options(Noun, frozen=True):
    """Its keys under [mine.options]."""

    low_score: float = 0.5
    """Scores between 0 and 1 below this are low."""


def detect(window: Window) -> Iterator[Failure]:
    limit = float(window.options.get("low_score", Options().low_score))
    for call in window.calls:
        for item in window.said(call):
            if item.source_kind in PROGRAMS and _low(item, limit):
                value = item.label if item.value is None else f"{item.value:g}"
                reason = f"{item.name or 'an evaluation'} scored {value}"
                yield Failure(call_id=call.id, detector="low_score", reason=reason)
                break


def _low(item: Feedback, limit: float) -> bool:
    return item.negative or (item.value is not None and 0 <= item.value <= 1 and item.value < limit)
