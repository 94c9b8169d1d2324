"""Check budgets: the mean of a score (seconds, tokens, cost, or a rate) must be shown to be at or below the limit."""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from harness.gate import measure, wording
from harness.gate.context import Context
from harness.gate.statistics.effective import one_rate
from harness.gate.statistics.mean import TOO_FEW_CLUSTERS, cases_for_skew, cluster_interval, mean_interval
from harness.types import Budget, Comparison, Finding, Interval


def findings(context: Context) -> Iterator[Finding]:
    seen: set[str] = set()
    for comparison in context.having(Budget):
        if comparison.suite.name not in seen:
            seen.add(comparison.suite.name)
            yield _judge(comparison, context)


def _judge(comparison: Comparison, context: Context) -> Finding:
    role = comparison.suite.role
    assert isinstance(role, Budget)
    values = [pair.candidate for pair in comparison.pairs if pair.candidate is not None]
    missing = len(comparison.pairs) - len(values)
    finding = replace(measure.start("budget", comparison), counts={"n": len(values), "missing": missing})
    short = measure.too_few(finding, context.policy.min_cases)
    if short is not None:
        return short
    if comparison.stopped:
        said = f"{wording.label(comparison.suite.name)} has a mean of {float(np.mean(values)):.3g} so far"
        return measure.unresolvable(finding, said, "only a part of its cases was asked")
    clusters = [pair.cluster for pair in comparison.pairs if pair.candidate is not None]
    found = _interval(values, clusters, 1 - 2 * context.policy.alpha)
    mean = float(np.mean(values))
    said = f"{wording.label(comparison.suite.name)} has a mean of {mean:.3g} [{found.low:.3g}, {found.high:.3g}]"
    finding = replace(finding, estimate=mean, bound=role.limit, interval=found, formula=found.method)
    if missing:
        text = f"{said}, and {missing} cases have no score, which could be the dear ones."
        return replace(finding, outcome="invalid", sentence=text, next="trueup eval")
    weakness = _weakness(values, clusters, role.limit)
    if weakness:
        return measure.unresolvable(finding, said, weakness)
    if found.high <= role.limit:
        return replace(finding, outcome="pass", sentence=f"{said}, within the limit of {role.limit:g}.")
    if found.low > role.limit:
        text = f"{said}, above the limit of {role.limit:g}."
        return replace(finding, outcome="fail", sentence=text, next="trueup report --open")
    return replace(
        finding,
        sentence=f"{said}: that it keeps the limit of {role.limit:g} is not shown.",
        next=f"add cases to {wording.file(comparison)}",
    )


def _weakness(values: list[float], clusters: list[str], limit: float) -> str:
    """Why the mean cannot be judged; where even the largest value seen keeps the limit, skew does not matter."""
    groups, needed = len(set(clusters)), cases_for_skew(np.array(values))
    if groups < len(clusters) and groups < TOO_FEW_CLUSTERS:
        return f"only {groups} clusters, and {TOO_FEW_CLUSTERS} are needed"
    rate = min(values) >= 0.0 and max(values) <= 1.0
    return "" if rate or max(values) <= limit or len(values) >= needed else f"so skewed that {needed} cases are needed"


def _interval(values: list[float], clusters: list[str], level: float) -> Interval:
    if min(values) >= 0.0 and max(values) <= 1.0:
        return one_rate(np.array(values), clusters, level)
    if len(set(clusters)) < len(clusters):
        return cluster_interval(np.array(values), clusters, level)
    return mean_interval(np.array(values), level)
