"""Count cases in groups: by failure cluster, and by slice."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from msgspec import Struct

from harness.types import Story
from reports.parts.cases import CaseRow, main_baseline
from reports.parts.cluster_names import cluster_names
from reports.parts.words import short_name


class Group(Struct):
    """Some cases that belong together, and what became of them against the main baseline."""

    id: str
    """Cluster id or `column=value`; empty for cases that no cluster was mined for."""
    label: str
    suite: str
    """Set for groups that lie within one suite."""
    cases: int
    fixed: int
    broken: int
    both_fail: int
    both_pass: int
    other: int
    """Better, worse, error or missing."""
    baseline_mean: float | None
    candidate_mean: float | None
    lever: str = ""
    evidence: str = ""
    detector: str = ""
    trained: int = 0
    """Training rows of the same cluster."""
    low: float | None = None
    high: float | None = None
    """Ends of the interval of the difference, where the slice has enough cases."""


def clusters(story: Story, rows: Iterable[CaseRow]) -> list[Group]:
    """One group a failure cluster, and one a suite for cases without a cluster; most broken first, then most unsolved."""
    rows = list(rows)
    known = {cluster.id: cluster for cluster in story.dataset.clusters} if story.dataset else {}
    names = cluster_names(story, rows)
    trained = Counter(case.cluster for case in story.training)
    groups = []
    for (cluster_id, suite), members in _split(
        rows, lambda row: [(row.case.cluster, "" if row.case.cluster else row.suite)]
    ):
        group = _count(story, cluster_id, members)
        group.suite = suite
        group.label = f"{short_name(suite)} (suite; not from production failures)" if suite else names[cluster_id]
        group.trained = trained[cluster_id] if cluster_id else 0
        if cluster := known.get(cluster_id):
            group.lever, group.evidence, group.detector = cluster.lever, cluster.evidence, cluster.detector
        groups.append(group)
    return sorted(groups, key=lambda group: (-group.broken, -group.both_fail, -group.cases))


def slices(story: Story, rows: Iterable[CaseRow]) -> list[Group]:
    """One group a suite and slice; most broken first. Slices advise; they do not decide."""
    groups, against = [], main_baseline(story)
    known = {(mean.suite, mean.part): mean for mean in story.pair_means if mean.baseline == against}
    for (name, suite), members in _split(rows, lambda row: [(part, row.suite) for part in row.slices]):
        group = _count(story, name, members)
        group.suite, group.label = suite, name
        if (mean := known.get((suite, name))) and mean.interval:
            group.low, group.high = mean.interval.low, mean.interval.high
        groups.append(group)
    return sorted(groups, key=lambda group: (-group.broken, group.suite, group.label))


def _split(
    rows: Iterable[CaseRow], keys: Callable[[CaseRow], list[tuple[str, str]]]
) -> Iterable[tuple[tuple[str, str], list[CaseRow]]]:
    groups: dict[tuple[str, str], list[CaseRow]] = defaultdict(list)
    for row in rows:
        for key in keys(row):
            groups[key].append(row)
    return groups.items()


def _count(story: Story, name: str, members: list[CaseRow]) -> Group:
    baseline = main_baseline(story)
    judged = story.comparisons[0].candidate if story.comparisons else ""
    status = Counter(row.status.get(baseline, "missing") for row in members)
    shown = ("fixed", "broken", "both_fail", "both_pass")
    return Group(
        id=name,
        label=name,
        suite="",
        cases=len(members),
        fixed=status["fixed"],
        broken=status["broken"],
        both_fail=status["both_fail"],
        both_pass=status["both_pass"],
        other=len(members) - sum(status[key] for key in shown),
        baseline_mean=_mean(row.scores.get(baseline) for row in members),
        candidate_mean=_mean(row.scores.get(judged) for row in members),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
