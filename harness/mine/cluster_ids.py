"""Keep a cluster's id from night to night, even when its heaviest term changes.

The trace table only grows, so tonight's clusters hold last night's calls. A cluster that holds more than half of an
earlier one's calls, of the same detector and route, is that cluster.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.core.codec import digest
from harness.types import Cluster

SAME = 0.5
"""Share of the earlier cluster's calls that must have stayed together."""


def follow(clusters: Sequence[Cluster], known: Sequence[Cluster]) -> Mapping[str, str]:
    """Tonight's id of each cluster to the id that it keeps; no two keep the same."""
    kept: dict[str, str] = {}
    taken: set[str] = set()
    for _, new, old in sorted(_pairs(clusters, known)):
        if new not in kept and old not in taken:
            kept[new] = old
            taken.add(old)
    for cluster in clusters:
        if cluster.id not in kept:
            kept[cluster.id] = digest([cluster.id, "apart"])[:16] if cluster.id in taken else cluster.id
            taken.add(kept[cluster.id])
    return kept


def _pairs(clusters: Sequence[Cluster], known: Sequence[Cluster]) -> list[tuple[int, str, str]]:
    """(minus the calls in common, tonight's id, earlier id) of each pair that is one trouble."""
    homes = {(cluster.detector, cluster.route, call): cluster.id for cluster in clusters for call in cluster.call_ids}
    found = []
    for old in known:
        common = Counter(homes.get((old.detector, old.route, call), "") for call in old.call_ids)
        found += [(-count, new, old.id) for new, count in common.items() if new and count > SAME * len(old.call_ids)]
    return found
