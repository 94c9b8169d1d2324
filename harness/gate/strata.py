"""Part the cases of a comparison by the kinds of calls that production gets, and measure each part.

A kind of call takes the mean of the narrowest part that has enough cases of it: its route and failure cluster, its route, or
all that failed (or passed). What no case speaks for may have changed by anything.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from harness.gate import measure, units
from harness.gate.statistics.net_effect import Pool
from harness.types import Comparison, Pair, Share

LEAST = 20
"""Clusters (or cases, where they are alone) from which a part is measured by itself."""
Key = tuple[str, ...]


def pools(comparison: Comparison | None, shares: Sequence[Share], failed: bool, calls: int, alpha: float) -> list[Pool]:
    """The calls that failed, or those that passed, as pools of cases. `calls` is how many all shares add up to.

    `comparison` is of cases of that kind among others; None where no suite has any.
    """
    kinds = [share for share in shares if share.failed == failed and share.calls]
    pairs = [pair for pair in comparison.pairs if pair.stratum and pair.stratum[2] == failed] if comparison else []
    members = _members(pairs)
    weights: Counter[Key] = Counter()
    for share in kinds:
        weights[_narrowest(share, members)] += share.calls
    return [
        _pool(replace(comparison, pairs=tuple(members.get(key, ()))) if comparison else None, count / calls, alpha)
        for key, count in sorted(weights.items())
    ]


def _members(pairs: Sequence[Pair]) -> dict[Key, list[Pair]]:
    """The pairs of each part, from all of them (the empty key) to those of one route and cluster."""
    members: dict[Key, list[Pair]] = {}
    for pair in pairs:
        route, cluster, _ = pair.stratum or ("", "", False)
        for key in ((), (route,), (route, cluster)):
            members.setdefault(key, []).append(pair)
    return members


def _narrowest(share: Share, members: Mapping[Key, Sequence[Pair]]) -> Key:
    keys: tuple[Key, ...] = ((share.route, share.cluster), (share.route,))
    return next((key for key in keys if len({units.cluster(pair) for pair in members.get(key, ())}) >= LEAST), ())


def _pool(comparison: Comparison | None, weight: float, alpha: float) -> Pool:
    scored = units.scored(comparison) if comparison else ()
    evidence = measure.measure(comparison, alpha) if comparison and len(scored) >= 2 else None
    if evidence is None or evidence.weakness:
        centre = evidence.estimate if evidence else 0.0
        return Pool(weight=weight, estimate=centre, low=-1.0, high=1.0, residuals={})
    residuals: dict[str, float] = defaultdict(float)
    for pair in scored:
        residuals[units.cluster(pair)] += (pair.candidate or 0.0) - (pair.baseline or 0.0) - evidence.estimate
    return Pool(
        weight=weight,
        estimate=evidence.estimate,
        low=evidence.interval.low,
        high=evidence.interval.high,
        residuals=dict(residuals),
    )
