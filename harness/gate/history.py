"""Read what earlier nights left: past verdicts and means."""

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.project import Project
from harness.types import Comparison, HistoryPoint, Run, Verdict


def nights(project: Project) -> tuple[HistoryPoint, ...]:
    """Every night so far, oldest first."""
    found = (
        project.store.artifacts.get("night", ident, HistoryPoint) for ident in project.store.artifacts.ids("night")
    )
    return tuple(sorted(found, key=lambda night: night.at_ns))


def night(verdict: Verdict, compared: Sequence[Comparison], runs: Iterable[Run]) -> HistoryPoint:
    """What later nights are held against: the means of the arms, and the cases of each failure cluster still failed."""
    table: dict[str, dict[str, float]] = {}
    for one in compared:
        both = [(p.baseline, p.candidate) for p in one.pairs if p.baseline is not None and p.candidate is not None]
        if both:
            row = table.setdefault(one.suite.name, {})
            row[one.baseline] = sum(pair[0] for pair in both) / len(both)
            row[one.candidate] = sum(pair[1] for pair in both) / len(both)
    return HistoryPoint(
        at_ns=verdict.at_ns,
        outcome=verdict.outcome,
        adapter=verdict.candidate,
        means=table,
        clusters=_failing(compared, runs),
        verdict=verdict.id,
        dataset=verdict.dataset,
    )


def _failing(compared: Sequence[Comparison], runs: Iterable[Run]) -> dict[str, int]:
    """Failure cluster to the cases of it that the candidate fails; a cluster that is solved counts 0."""
    cluster = {(suite, case.id): case.cluster for run in runs for suite, cases in run.cases.items() for case in cases}
    judged = {(one.suite.name, pair.case_id): pair.candidate for one in compared for pair in one.pairs}
    found: Counter[str] = Counter()
    for case, value in judged.items():
        if name := cluster.get(case, ""):
            found[name] += value is None or value < 1.0
    return dict(found)
