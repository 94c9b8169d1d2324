"""Measure leaks: for each held-out text find the nearest training text, exactly."""

from collections.abc import Sequence

from harness.core.near_duplicates import nearest, normalise
from harness.curate.rows import spoken
from harness.types import Case, Neighbour

WORST = 50
EXCERPT = 200


def proof(held_out: Sequence[Case], train: Sequence[Case]) -> tuple[Neighbour, ...]:
    """The held-out cases nearest to training with their neighbour, nearest first, at most `WORST`.

    Counted exactly over every pair that shares a shingle.
    """
    mine = [normalise(spoken(case.messages)) for case in held_out]
    theirs = [normalise(spoken(case.messages)) for case in train]
    found = [
        Neighbour(
            case_id=case.id,
            train_id=train[at].id,
            similarity=round(score, 4),
            text=spoken(case.messages)[:EXCERPT],
            train_text=spoken(train[at].messages)[:EXCERPT],
        )
        for case, (at, score) in zip(held_out, nearest(mine, theirs), strict=True)
        if at >= 0
    ]
    return tuple(sorted(found, key=lambda item: (-item.similarity, item.case_id))[:WORST])
