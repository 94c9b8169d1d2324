"""Detect refusals: a refusal part, a content filter, or the words that refusals begin with."""

import re
from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Call, Failure, RefusalPart

FORM = True
"""A slip in form, which an instruction may fix."""
ANSWER_ALONE = True
"""It needs nothing but the answer and its message, so it can judge a teacher's too."""
OPENING = re.compile(
    r"\s*(?:(?:i'?m|i am) (?:very |really |so )?sorry,? (?:but )?(?:i|as)\b.{0,40}\b(?:can'?t|cannot|unable|not able|won'?t)"
    r"|(?:sorry,? )?(?:but )?i (?:can'?t|cannot|am unable to|am not able to|won'?t) (?:help|assist|do|provide|fulfil|comply|answer)"
    r"|as an ai(?: language)? (?:model|assistant)\b)",
    re.IGNORECASE | re.DOTALL,
)


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        sign = _sign(call)
        if sign:
            yield Failure(call_id=call.id, detector="refusal", reason=f"the model declined: {sign}")


def _sign(call: Call) -> str:
    if not call.output:
        return ""
    answer = call.output[0]
    if "refusal" in call.flags or any(isinstance(part, RefusalPart) for part in answer.parts):
        return "it is marked as a refusal"
    if answer.finish_reason == "content_filter":
        return "a content filter stopped it"
    found = OPENING.match(answer.text[:200].replace("’", "'"))
    return f'"{found[0].strip()[:60]}"' if found else ""
