"""Detect requests sent again in a session, word for word or nearly so: the first answer did not help."""

from collections.abc import Iterator

from rapidfuzz import fuzz

from harness.core.agent_turns import goes_on
from harness.core.replies import words
from harness.mine.window import Window
from harness.types import Failure

ALIKE = 90.0
"""Indel similarity in percent (rapidfuzz `ratio`) from which two messages are one request reworded."""
MIN_CHARS = 12
"""Shorter texts, such as "yes" or "2", mean something else each time unless they follow one another unchanged."""
WITHIN_NS = 30 * 60 * 10**9


def detect(window: Window) -> Iterator[Failure]:
    asked = [" ".join(words(window.asked(call))) for call in window.calls]
    for index, call in enumerate(window.calls[:-1]):
        later = window.calls[index + 1]
        if later.start_ns - call.start_ns > WITHIN_NS or call.error is not None or not call.output:
            continue
        one_request = call.trace_id == later.trace_id and not call.session_id  # several agents work on it
        if one_request or goes_on(window.conversation(call), window.conversation(later)):
            continue
        if asked[index] and _again(asked[index], asked[index + 1]):
            again = "again" if asked[index] == asked[index + 1] else "again in other words"
            yield Failure(call_id=call.id, detector="repeated", reason=f"the same message was sent {again} afterwards")


def _again(first: str, second: str) -> bool:
    if first == second:
        return True
    return min(len(first), len(second)) >= MIN_CHARS and fuzz.ratio(first, second) >= ALIKE
