"""Detect answers that repeat the same few words over and over."""

from collections.abc import Iterator

import numpy as np

from harness.core.replies import words
from harness.mine.window import Window
from harness.types import Failure

FORM = True
"""A slip in form, which an instruction may fix."""
ANSWER_ALONE = True
"""It needs nothing but the answer and its message, so it can judge a teacher's too."""
TIMES = 3
"""How often the unit has to come again after its first time."""
SHORTEST = 12
"""Words that the repetition has to cover, so that "no, no, no" is not a loop."""
LONGEST_UNIT = 40
LONGEST = 1000
"""Words that are looked at."""


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        unit = repeated_unit(call.reply)
        if unit:
            yield Failure(call_id=call.id, detector="loop", reason=f'the answer repeats "{unit[:60]}"')


def repeated_unit(text: str) -> str:
    """The shortest run of words that stands at least four times in a row; empty when there is none."""
    said = words(text)[:LONGEST]
    known: dict[str, int] = {}
    codes = np.array([known.setdefault(word, len(known)) for word in said])
    for period in range(1, min(LONGEST_UNIT, len(said) // (TIMES + 1)) + 1):
        equal = np.flatnonzero(np.diff(np.concatenate([[0], codes[period:] == codes[:-period], [0]])))
        starts, ends = equal[::2], equal[1::2]
        long = np.flatnonzero(ends - starts >= max(TIMES * period, SHORTEST - period))
        if len(long):
            start = int(starts[long[0]])
            return " ".join(said[start : start + period])
    return ""
