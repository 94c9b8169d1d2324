"""Part the cases of a comparison by the kinds of calls that production gets, and measure each part.

A kind of call takes the mean of the narrowest part that has enough cases of it: its route and failure cluster, its route, or
all that failed (or passed). What no case speaks for may have changed by anything.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from harness.gate import measure, units
from harness.gate.statistics.net_effect import Pool
from harness.types import Comparison, Pair, Share

PRIOR = 4.0
"""Calls that all of production counts for beside those that people reviewed: with few reviews no kind of call has a share of
exactly 0 (as Agresti and Coull 1998, The American Statistician 52:119, add two of each)."""
LEAST = 20
"""Clusters (or cases, where they are alone) from which a part is measured by itself."""
Key = tuple[str, ...]


def weights(shares: Sequence[Share]) -> tuple[dict[Share, float], int]:
    """The share of production's calls that each kind is, and on how many calls that was counted: on those that people
    reviewed at random where there are any, else on all."""
    calls, reviewed = sum(share.calls for share in shares), sum(share.reviewed for share in shares)
    if not calls:
        return {}, 0
    if not reviewed:
        return {share: share.calls / calls for share in shares}, calls
    return {s: (s.reviewed + PRIOR * s.calls / calls) / (reviewed + PRIOR) for s in shares}, reviewed


def pools(comparison: Comparison | None, known: Mapping[Share, float], failed: bool, alpha: float) -> list[Pool]:
    """The calls that failed, or those that passed, as pools of cases. `known` are the `weights` of all shares.

    `comparison` is of cases of that kind among others; None where no suite has any.
    """
    kinds = {share: weight for share, weight in known.items() if share.failed == failed and weight}
    pairs = [pair for pair in comparison.pairs if pair.stratum and pair.stratum[2] == failed] if comparison else []
    members = _members(pairs)
    parts: dict[Key, float] = defaultdict(float)
    for share, weight in kinds.items():
        parts[_narrowest(share, members)] += weight
    return [
        _pool(replace(comparison, pairs=tuple(members.get(key, ()))) if comparison else None, weight, alpha)
        for key, weight in sorted(parts.items())
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
