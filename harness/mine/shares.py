"""Count what production's calls are like: by route, failed or not, and by failure cluster.

An effect on mined cases is one on traffic only with these shares: mining looks for failures, so its cases are no sample.
A call that no detector faulted counts as passed, whether anyone praised it or not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from harness.types import Cluster, Failure, Share


def shares(
    quiet: Mapping[str, int], failed: Mapping[str, str], failures: Iterable[Failure], clusters: Sequence[Cluster]
) -> tuple[Share, ...]:
    """One share a route for the calls that passed (`quiet`: route to calls), and one a route and cluster for the others
    (`failed`: call id to route), in a fixed order."""
    of_call: dict[str, set[str]] = defaultdict(set)
    for failure in failures:
        if failure.cluster:
            of_call[failure.call_id].add(failure.cluster)
    sizes = {cluster.id: len(cluster.call_ids) for cluster in clusters}
    cells = Counter((route, rarest(of_call.get(call_id, ()), sizes)) for call_id, route in failed.items())
    passed = [Share(route=route, calls=calls) for route, calls in sorted(quiet.items())]
    return (
        *passed,
        *(Share(route=route, cluster=name, failed=True, calls=cells[route, name]) for route, name in sorted(cells)),
    )


def rarest(clusters: Iterable[str], sizes: Mapping[str, int]) -> str:
    """The rarest of a call's clusters: it says most about what went wrong; empty where there is none."""
    return min(clusters, key=lambda item: (sizes.get(item, 0), item), default="")
