"""A budget holds when its score (seconds, tokens, cost, or a rate) is shown to keep the limit.

    budget(limit=2.0, quantile=0.95)      # 95 % of the cases take at most 2 seconds
    budget(limit=2.0)                     # the mean does; of scores beyond 0 to 1 with a declared range only

The mean of scores without a range cannot be judged: one reply that stalls, and that no sample holds, moves it at will.
"""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from harness.gate import measure, units, wording
from harness.gate.context import Context
from harness.gate.statistics.effective import equal_clusters, few_clusters, one_rate
from harness.gate.statistics.paired import RATE
from harness.types import Budget, Comparison, Finding, Interval

UNBOUNDED = (
    "its scores have no declared range, so one rare case could outweigh all; write budget(limit, quantile=0.95), or "
    "range=(LOW, HIGH) in @suite"
)


def findings(context: Context) -> Iterator[Finding]:
    seen: set[str] = set()
    for comparison in context.having(Budget):
        if comparison.suite.name not in seen:
            seen.add(comparison.suite.name)
            yield _judge(comparison, context)


def _judge(comparison: Comparison, context: Context) -> Finding:
    role = comparison.suite.role
    assert isinstance(role, Budget)
    # Only the candidate is judged, so a gap of the baseline is none here.
    alone = replace(comparison, pairs=tuple(replace(pair, baseline=pair.candidate) for pair in comparison.pairs))
    pairs = units.scored(alone)
    values = np.array([float(pair.candidate or 0.0) for pair in pairs])
    missing = sum(pair.candidate is None for pair in comparison.pairs)
    finding = replace(measure.start("budget", comparison), counts={"n": len(pairs), "missing": missing})
    short = measure.too_few(finding, context.policy.min_cases)
    if short is not None:
        return short
    name, clusters = wording.label(comparison.suite.name), [units.cluster(pair) for pair in pairs]
    if comparison.stopped:
        said = f"{name} has a mean of {float(np.mean(values)):.3g} so far"
        return measure.unresolvable(finding, said, "only a part of its cases was asked")
    level = 1 - 2 * context.alpha(comparison.suite.name)
    estimate, band, said, limit = _measured(name, values, clusters, level, comparison)
    finding = replace(finding, estimate=estimate, bound=limit, interval=band, formula=band.method)
    if missing:
        text = f"{said}, and {missing} cases have no score, which could be the expensive ones."
        return replace(finding, outcome="invalid", sentence=text, next="trueup eval")
    weakness = _weakness(values, clusters, comparison)
    if weakness:
        return measure.unresolvable(finding, said, weakness)
    return _decided(finding, said, limit, role, comparison)


def _decided(finding: Finding, said: str, limit: float, role: Budget, comparison: Comparison) -> Finding:
    assert finding.interval is not None
    kept = f"at most {limit:.1%} may be" if role.quantile else f"the limit is {limit:g}"
    if finding.interval.high <= limit:
        return replace(finding, outcome="pass", sentence=f"{said}: {kept}.")
    if finding.interval.low > limit:
        text = f"{said}, which is too much: {kept}."
        return replace(finding, outcome="fail", sentence=text, next="trueup report --open")
    more = f"add cases to {wording.file(comparison)}"
    return replace(finding, sentence=f"{said}: {kept}, and that it keeps this is not shown.", next=more)


def _measured(
    name: str, values: np.ndarray, clusters: list[str], level: float, comparison: Comparison
) -> tuple[float, Interval, str, float]:
    """What is estimated, its interval, both in words, and what it must not exceed."""
    role = comparison.suite.role
    assert isinstance(role, Budget)
    if role.quantile:
        above = (values > role.limit).astype(float)
        band, share = one_rate(above, clusters, level), float(above.mean())
        said = (
            f"{name} is above {role.limit:g} in {share:.1%} of the cases ({wording.level(band)} {wording.span(band)})"
        )
        return share, band, said, 1.0 - role.quantile
    low, high = comparison.suite.range or (RATE if _rate(values) else (float(values.min()), float(values.max())))
    width = (high - low) or 1.0
    scaled = (np.clip(values, low, high) - low) / width
    found = one_rate(scaled, clusters, level)
    band = replace(found, low=low + width * found.low, high=low + width * found.high)
    estimate = low + width * float(scaled.mean())
    said = f"{name} has a mean of {estimate:.3g} ({wording.level(band)} {band.low:.3g} to {band.high:.3g})"
    return estimate, band, said, role.limit


def _weakness(values: np.ndarray, clusters: list[str], comparison: Comparison) -> str:
    """Why the budget cannot be judged."""
    role = comparison.suite.role
    assert isinstance(role, Budget)
    _, index = np.unique(clusters, return_inverse=True)
    groups = int(index.max()) + 1
    few = few_clusters(groups, equal_clusters(index)) if groups < len(values) else ""
    return few or ("" if role.quantile or comparison.suite.range or _rate(values) else UNBOUNDED)


def _rate(values: np.ndarray) -> bool:
    return bool(values.min() >= 0.0 and values.max() <= 1.0)
