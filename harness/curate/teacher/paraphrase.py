"""Paraphrase training messages by a teacher, keeping each row's own target. Off by default.

What the target copies from the message has to be copied by the new wording too, or the row would teach to invent.
"""

from msgspec.structs import replace

from harness.core.codec import digest
from harness.core.near_duplicates import normalise
from harness.core.replies import grounded, padded
from harness.curate.options import Teacher
from harness.curate.rows import has_control_tokens
from harness.curate.slot_swaps import MARK
from harness.types import Case, Message, Request, TextPart

ASK = (
    "Say the user's message in other words: the same request and the same facts, worded by somebody else. "
    "Do not answer it. Reply with the new message and nothing else."
)
KEEP = " These words have to stand in it unchanged: {}."


def can_be_asked(case: Case) -> bool:
    """Is the last message plain text of a user, so that it can be worded otherwise?"""
    last = case.messages[-1] if case.messages else None
    plain = last is not None and last.role == "user" and all(isinstance(part, TextPart) for part in last.parts)
    return plain and bool(case.text.strip()) and case.target is not None


def requests(case: Case, teacher: Teacher) -> list[Request]:
    """Asks for `teacher.samples` wordings, each under a seed of its own."""
    kept = ", ".join(f'"{value}"' for value in _copied(case))
    order = Message(role="system", parts=(TextPart(text=ASK + KEEP.format(kept) * bool(kept)),))
    one = Request(messages=(order, case.messages[-1]), max_tokens=teacher.max_tokens, temperature=teacher.temperature)
    return [replace(one, seed=number, repeat=number) for number in range(max(1, teacher.samples))]


def reworded(case: Case, wording: str) -> Case | str:
    """The new row, or why there is none."""
    text = wording.strip()
    message = Message(role="user", parts=(TextPart(text=text),))
    if not text or normalise(text) == normalise(case.text):
        return "no other words"
    if has_control_tokens((message,)):
        return "control tokens"
    if not all(grounded(value, padded(text)) for value in _copied(case)):
        return "a value of the target is gone"
    return replace(
        case,
        id=digest(["paraphrase", case.id, text])[:16],
        messages=(*case.messages[:-1], message),
        rejected=None,
        tags=(*case.tags, MARK),
    )


def _copied(case: Case) -> list[str]:
    """Text values of the target that the message holds word for word."""
    values = case.expected.values() if isinstance(case.expected, dict) else ()
    said = padded(case.text)
    return [value for value in values if isinstance(value, str) and value and grounded(value, said)]
