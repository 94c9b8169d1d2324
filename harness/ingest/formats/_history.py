"""Take the history out of an output that repeats it: what a call answered is what it added to the conversation."""

from harness.types import Message

Said = tuple[Message, ...]

_ASKING = ("system", "developer", "user")

LONGEST = 1000
"""Messages before an answer that a call of a session keeps. Every call repeats them, so all of a long session would grow
with its square; a call with more is marked `truncated`."""


def parted(asked: Said, answered: Said) -> tuple[Said, Said]:
    """Input and output of a call whose output may begin with its input.

    Of several new messages with results of tools among them, the last answer is the output: what came before it was
    said to the model.
    """
    new = _new(asked, answered)
    if new is None and any(said.role in _ASKING for said in answered):  # a conversation that goes on in the output
        new = answered
    if not new:
        return asked, answered
    if all(said.role == "assistant" for said in new):
        return asked, new
    last = max((place for place, said in enumerate(new) if said.role == "assistant"), default=None)
    return (asked, answered) if last is None else ((*asked, *new[:last]), new[last : last + 1])


def _new(asked: Said, answered: Said) -> Said | None:
    """What an output adds to its input; None where it does not repeat it."""
    for known in (asked, tuple(said for said in asked if said.role not in ("system", "developer"))):
        if known and len(answered) > len(known) and all(map(_same, known, answered)):
            return answered[len(known) :]
    return None


def _same(one: Message, two: Message) -> bool:
    return one.role == two.role and one.parts == two.parts
