"""Turn the cases of a comparison into the units that statistics may count.

Cases that ask the same thing are one unit, averaged: a row that was pasted 40 times says as much as one. With a
`cluster_cap` only so many units of a cluster count, drawn by their ids; with `weights="cluster"` each cluster is one unit.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from msgspec.structs import replace

from harness.core.digests import drawn
from harness.types import Comparison, Pair


def scored(comparison: Comparison) -> tuple[Pair, ...]:
    """The units that both arms have a score of."""
    suite = comparison.suite
    pairs = [pair for pair in comparison.pairs if pair.baseline is not None and pair.candidate is not None]
    units = [_averaged(group) for group in _grouped(pairs, lambda pair: pair.unit or pair.case_id)]
    if suite.cluster_cap > 0:
        units = [unit for group in _grouped(units, cluster) for unit in _capped(group, suite.cluster_cap)]
    if suite.weights == "cluster":
        units = [_averaged(group) for group in _grouped(units, cluster)]
    return tuple(sorted(units, key=lambda unit: unit.case_id))


def same(comparison: Comparison) -> int:
    """How many cases ask what another case asks too, so that they do not count."""
    return len(comparison.pairs) - len({pair.unit or pair.case_id for pair in comparison.pairs})


def cluster(pair: Pair) -> str:
    return pair.cluster or pair.unit or pair.case_id


def _grouped(pairs: Iterable[Pair], key: Callable[[Pair], str]) -> list[list[Pair]]:
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(key(pair), []).append(pair)
    return list(groups.values())


def _capped(group: Sequence[Pair], most: int) -> Iterable[Pair]:
    return islice(sorted(group, key=lambda pair: drawn(pair.case_id)), most)


def _averaged(group: Sequence[Pair]) -> Pair:
    """One pair with the mean scores and all labels of a group; a group of one is itself."""
    first = min(group, key=lambda pair: pair.case_id)
    if len(group) == 1:
        return first
    return replace(
        first,
        baseline=sum(pair.baseline or 0.0 for pair in group) / len(group),
        candidate=sum(pair.candidate or 0.0 for pair in group) / len(group),
        labels=tuple(label for pair in group for label in pair.labels),
    )
