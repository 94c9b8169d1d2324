"""Swap slot values: a training row with another training row's value in the same field. Off by default.

Only fields whose value stands exactly once in the message can be swapped, in message and target at once, so the new
row is as right as the old one. Rows are marked `augmented`, made of training rows only, and dropped when they come near
anything that is judged with. Whether they help is for an arm without them to say.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from harness.core.codec import digest
from harness.core.near_duplicates import normalise
from harness.core.replies import grounded, padded
from harness.curate.contamination import contaminated
from harness.curate.rows import spoken
from harness.types import Case, Message, TextPart

MARK = "augmented"


def swaps(train: Sequence[Case], judged: Sequence[str], *, share: float, threshold: float, seed: int) -> list[Case]:
    """At most `share` (0 to 1) of `train`'s size in new rows. `judged`: normalised texts that nothing may come near."""
    wanted = round(share * len(train))
    if not wanted:
        return []
    values = _values(train)
    made = {case.id: case for old in train for case in _swapped(old, values, seed)}
    drawn = sorted(made.values(), key=lambda case: digest([seed, case.id]))
    return apart(drawn, judged, threshold)[:wanted]


def apart(cases: Iterable[Case], judged: Sequence[str], threshold: float) -> list[Case]:
    """The cases that come near nothing that is judged with."""
    known = list(cases)
    reasons = contaminated([normalise(spoken(case.messages)) for case in known], judged, threshold)
    return [case for case, reason in zip(known, reasons, strict=True) if not reason]


def _values(train: Sequence[Case]) -> dict[str, list[str]]:
    """Field to the text values that it has in training, sorted."""
    found: dict[str, set[str]] = defaultdict(set)
    for case in train:
        for field, value in _slots(case):
            found[field].add(value)
    return {field: sorted(values) for field, values in found.items()}


def _slots(case: Case) -> Iterator[tuple[str, str]]:
    """Fields whose value is once in the last message, which is the user's, and once in the target."""
    if not isinstance(case.expected, dict) or case.target is None or len(case.target.parts) != 1:
        return
    if case.messages[-1].role != "user":
        return
    said = padded(case.text)
    for field, value in case.expected.items():
        copied = isinstance(value, str) and value and grounded(value, said)
        if copied and _count(case.messages[-1], value) == 1 and case.target.text.count(f'"{value}"') == 1:
            yield field, value


def _swapped(case: Case, values: dict[str, list[str]], seed: int) -> Iterator[Case]:
    """One new row a slot, with a value drawn by a stable hash."""
    for field, value in _slots(case):
        others = [other for other in values[field] if other != value and '"' not in other and "\\" not in other]
        if others and case.target is not None:
            new = others[int(digest([seed, case.id, field])[:8], 16) % len(others)]
            yield msgspec.structs.replace(
                case,
                id=digest(["swap", case.id, field, new])[:16],
                messages=(*case.messages[:-1], _replaced(case.messages[-1], value, new)),
                target=_replaced(case.target, f'"{value}"', f'"{new}"'),
                expected={**case.expected, field: new},
                rejected=None,
                tags=(*case.tags, MARK),
            )


def _count(message: Message, value: str) -> int:
    return sum(part.text.count(value) for part in message.parts if isinstance(part, TextPart))


def _replaced(message: Message, old: str, new: str) -> Message:
    """The message with `new` in its texts; its images and other parts stay."""
    parts = (
        TextPart(text=part.text.replace(old, new)) if isinstance(part, TextPart) else part for part in message.parts
    )
    return msgspec.structs.replace(message, parts=tuple(parts))
