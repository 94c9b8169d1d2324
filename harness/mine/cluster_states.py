"""Track the state of a failure cluster: new, mined, curated, trained, fixed, broken again.

Each state rests on something that was counted: rows in a dataset, held-out cases that an adapter passed, failures of
production on days after it was promoted.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import date, timedelta

from harness.types import Case, Cluster, Noun

FIXED = 0.9
"""Share of a cluster's held-out cases that must pass for it to count as fixed."""
DAYS = 14
"""Days of the trend."""


class JudgedCluster(Noun, frozen=True):
    """What one adapter did on held-out cases, and whether it serves."""

    right: dict[str, bool] = {}
    """Call id of each held-out case to whether it passed."""
    promoted: str = ""
    """ISO date (UTC) of its promotion; empty when it was not promoted."""


class Life(Noun, frozen=True):
    cluster: Cluster
    state: str
    """new, mined, curated, trained, fixed or broken again."""
    evidence: str
    """The counts it rests on."""
    trend: tuple[int, ...] = ()
    """Failures a day over the last `DAYS` days of traffic, oldest first."""


def lives(
    clusters: Sequence[Cluster], splits: Mapping[str, Sequence[Case]], judged: JudgedCluster | None
) -> tuple[Life, ...]:
    """The life of each cluster, in the order given. `splits`: the latest dataset's; `judged`: the serving adapter's
    judgement, or else the latest one, if there is any."""
    days = sorted({day for cluster in clusters for day in cluster.days if day})
    newest = days[-1] if days else ""
    rows = {name: {case.call_id for case in cases} for name, cases in splits.items()}
    return tuple(_life(cluster, rows, judged or JudgedCluster(), newest) for cluster in clusters)


def _life(cluster: Cluster, rows: Mapping[str, Set[str]], judged: JudgedCluster, newest: str) -> Life:
    # A call stands in several clusters, one a detector, so rows are counted by call and not by the case's own cluster.
    train, held_out = (len(rows.get(split, frozenset()) & set(cluster.call_ids)) for split in ("train", "held_out"))
    outcomes = [judged.right[call] for call in cluster.call_ids if call in judged.right]
    passed, all_ = sum(outcomes), len(outcomes)
    since = sum(count for day, count in cluster.days.items() if judged.promoted and day > judged.promoted)
    counted = f"{passed} of {all_} held-out cases pass"
    if all_ and passed >= FIXED * all_ and since:
        state, evidence = "broken again", f"{since} failed after {judged.promoted}, when its fix was promoted"
    elif all_ and passed >= FIXED * all_:
        state, evidence = "fixed", counted + ("" if judged.promoted else ", not promoted")
    elif all_:
        state, evidence = "trained", counted
    elif train or held_out:
        state, evidence = "curated", f"{train} train, {held_out} held out"
    elif newest and min(filter(None, cluster.days), default="") == newest:
        state, evidence = "new", f"first seen on {newest}"
    else:
        state, evidence = "mined", "no row has a target" if rows else "not curated yet"
    return Life(cluster=cluster, state=state, evidence=evidence, trend=_trend(cluster, newest))


def _trend(cluster: Cluster, newest: str) -> tuple[int, ...]:
    if not newest:
        return ()
    last = date.fromisoformat(newest)
    return tuple(cluster.days.get((last - timedelta(days=back)).isoformat(), 0) for back in range(DAYS - 1, -1, -1))
