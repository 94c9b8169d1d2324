"""Set cases aside to check by, whole groups at a time: what checks must not have trained in other words."""

import random
from collections.abc import Callable, Sequence

from harness.core.codec import digest
from harness.types import Case, Json

Draw = Callable[[list[str]], list[str]]
"""Puts sorted names of groups into the order in which they are tried."""


def set_aside(cases: Sequence[Case], most: int, draw: Draw) -> tuple[list[Case], list[Case]]:
    """The cases that stay and those that are set aside, at most `most`, both in the order of `cases`.

    A group is its near-duplicates and its session; one that is too large for what is left to take stays as a whole.
    """
    groups: dict[str, list[str]] = {}
    for case in cases:
        groups.setdefault(group_of(case), []).append(case.id)
    aside: set[str] = set()
    size = 0
    for name in draw(sorted(groups)):
        if size + len(groups[name]) <= most:
            aside.update(groups[name])
            size += len(groups[name])
    return [case for case in cases if case.id not in aside], [case for case in cases if case.id in aside]


def group_of(case: Case) -> str:
    """What a case belongs to, for a case that no curation has grouped too."""
    return case.group or case.session_id or case.id


def by_hash(*salt: Json) -> Draw:
    """A draw in which a dataset that grows keeps most of its choice."""
    return lambda names: sorted(names, key=lambda name: digest([*salt, name]))


def shuffled(seed: int) -> Draw:
    """A draw that is new for each set of groups."""

    def draw(names: list[str]) -> list[str]:
        random.Random(seed).shuffle(names)
        return names

    return draw
