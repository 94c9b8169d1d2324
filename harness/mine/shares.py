"""Count what production's calls are like: by route, failed or not, and by failure cluster.

An effect on mined cases is one on traffic only with these shares: mining looks for failures, so its cases are no sample.
A call that no detector faulted counts as passed, whether anyone praised it or not. That flatters production where few people
complain. Where people check calls drawn at random (`[mine.options] random_review`), what they say of those is counted beside.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from harness.types import Cluster, Failure, Share


def shares(
    quiet: Mapping[str, int],
    failed: Mapping[str, str],
    failures: Iterable[Failure],
    clusters: Sequence[Cluster],
    reviewed: Mapping[str, str],
) -> tuple[Share, ...]:
    """One share a route for the calls that passed (`quiet`: route to calls), and one a route and cluster for the others
    (`failed`: call id to route), in a fixed order. `reviewed` are calls, with their routes, that people checked at random."""
    of_call: dict[str, set[str]] = defaultdict(set)
    for failure in failures:
        if failure.cluster:
            of_call[failure.call_id].add(failure.cluster)
    sizes = {cluster.id: len(cluster.call_ids) for cluster in clusters}
    places = {call_id: (route, rarest(of_call.get(call_id, ()), sizes)) for call_id, route in failed.items()}
    checked = Counter(places.get(call_id, (route, None)) for call_id, route in reviewed.items())
    passed = [Share(route=route, calls=calls, reviewed=checked[route, None]) for route, calls in sorted(quiet.items())]
    return (
        *passed,
        *(
            Share(route=route, cluster=name, failed=True, calls=calls, reviewed=checked[route, name])
            for (route, name), calls in sorted(Counter(places.values()).items())
        ),
    )


def rarest(clusters: Iterable[str], sizes: Mapping[str, int]) -> str:
    """The rarest of a call's clusters: it says most about what went wrong; empty where there is none."""
    return min(clusters, key=lambda item: (sizes.get(item, 0), item), default="")
