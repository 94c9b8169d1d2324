"""Cap the share of the training rows that one user, session, cluster or day may have."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import floor

from harness.core.codec import digest
from harness.curate.rows import CallRow

EVEN = 2
"""Even shares that an owner may have, whatever the cap."""


def over(rows: Sequence[CallRow], owner: Callable[[CallRow], str], share: float, seed: int) -> list[int]:
    """Positions to leave out, sorted, so that no owner has more than `share` (0 to 1) of the rows that stay.

    Which of an owner's rows stay is drawn by a stable hash. Rows whose owner is unknown (empty) are not capped. An owner
    may always have twice an even share: among a dozen owners a smaller cap would leave each as few as the smallest has.
    """
    owned: dict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        if owner(row):
            owned[owner(row)].append(position)
    limit = _limit(Counter({name: len(positions) for name, positions in owned.items()}), len(rows), share)
    left_out = []
    for positions in owned.values():
        if len(positions) > limit:
            drawn = sorted(positions, key=lambda position: digest([seed, rows[position].key]))
            left_out += drawn[limit:]
    return sorted(left_out)


def _limit(sizes: Counter[str], total: int, share: float) -> int:
    """Largest number of rows for one owner that is at most `share` of what then stays."""
    if share >= 1 or not sizes:
        return total
    unowned = total - sum(sizes.values())
    share = max(share, EVEN / (len(sizes) + (unowned > 0)))
    if share >= 1:
        return total
    limit = total
    while True:
        stays = unowned + sum(min(size, limit) for size in sizes.values())
        lower = max(1, floor(share * stays + 1e-9))
        if lower >= limit:
            return limit
        limit = lower
