"""Find shared prefixes of prompts, so that their keys and values are computed once.

Sorted token rows are leaves of a prefix tree. A branch becomes a group of its own when what its rows share beyond
their parents' prefix saves more than one more batch costs; the rest stay together under the shorter prefix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Tokens = Sequence[int]


@dataclass(frozen=True)
class PrefixGroup:
    """Rows (as places in the given list) whose first `shared` tokens are the same."""

    shared: int
    rows: tuple[int, ...]


def common(first: Tokens, second: Tokens) -> int:
    """Number of leading tokens that two rows share."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))


def groups(rows: Sequence[Tokens], batch_cost: int = 512) -> list[PrefixGroup]:
    """Part the rows into groups with a shared prefix; every row is in exactly one group, and keeps a token of its own.

    `batch_cost` is what an additional group costs, in prompt tokens. The grouping depends on the rows alone, not on
    their order.
    """
    order = sorted(range(len(rows)), key=lambda place: (tuple(rows[place]), place))
    shared = [common(rows[one], rows[other]) for one, other in pairwise(order)]
    found: list[PrefixGroup] = []
    branches = [(0, len(order))] if order else []
    while branches:
        low, high = branches.pop()
        prefix = min(shared[low : high - 1], default=len(rows[order[low]]))
        stay: list[int] = []
        for start, end in _branches(shared, low, high, prefix):
            own = min(shared[start : end - 1], default=prefix)
            if (end - start - 1) * (own - prefix) > batch_cost:
                branches.append((start, end))
            else:
                stay.extend(order[start:end])
        if stay:
            found.append(PrefixGroup(_usable(rows, stay, prefix), tuple(sorted(stay))))
    return sorted(found, key=lambda group: group.rows)


def _branches(shared: list[int], low: int, high: int, prefix: int) -> list[tuple[int, int]]:
    """Runs of sorted rows that share more than `prefix`."""
    cuts = [place + 1 for place in range(low, high - 1) if shared[place] == prefix]
    return list(pairwise([low, *cuts, high]))


def _usable(rows: Sequence[Tokens], members: list[int], prefix: int) -> int:
    """The shared length that pays: nothing for a single row, and at least one token left to every row."""
    return min(prefix, *(len(rows[place]) - 1 for place in members)) if len(members) > 1 else 0
