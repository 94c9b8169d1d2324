"""Detect empty answers, and those cut at the token limit."""

from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Call, Failure, ReasoningPart, TextPart

FORM = True
"""A slip in form, which an instruction may fix."""
ANSWER_ALONE = True
"""It needs nothing but the answer and its message, so it can judge a teacher's too."""
CUT = frozenset({"length", "max_tokens", "MAX_TOKENS"})


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        if call.error is None and call.output:
            reason = _reason(call)
            if reason:
                yield Failure(call_id=call.id, detector="incomplete", reason=reason)


def _reason(call: Call) -> str:
    answer = call.output[0]
    if answer.finish_reason in CUT:
        tokens = f" after {call.usage.output} tokens" if call.usage.output else ""
        return f"the answer was cut at its limit{tokens}"
    content = [part for part in answer.parts if not isinstance(part, TextPart | ReasoningPart)]
    return "" if content or answer.text.strip() else "the answer is empty"
