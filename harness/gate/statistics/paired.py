"""Choose the method for the data, in one place, and name it.

| scores | method |
|---|---|
| pass or fail, independent cases | `tango_exact`: Tango's score test, exact over the discordance |
| pass or fail in clusters; averaged repeats; any score from 0 to 1 | `tango_effective`: the same on effective counts |
| other numbers | `t`; under 100 cases the wider of it and `bca`; too skewed for their number: not judged |
| other numbers in clusters | `cr1`; under 30 clusters the wider of it and a wild bootstrap; under 10: not judged |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import ArrayLike

from harness.gate.statistics import mean, tango
from harness.gate.statistics.binary import mcnemar_exact
from harness.gate.statistics.effective import Effective, effective
from harness.types import Interval


@dataclass(frozen=True)
class Paired:
    """What paired scores say of the mean difference, candidate minus baseline."""

    estimate: float
    interval: Interval
    """Two-sided at 1 - 2 alpha: each end is a one-sided bound with error alpha."""
    above: Callable[[float], float]
    """p of "the true difference is at most this bound"."""
    below: Callable[[float], float]
    """p of "the true difference is at least this bound"."""
    gain: Callable[[], float]
    """p of "no gain at all": exact McNemar for pass or fail, sign flips for numbers."""
    formula: str
    counts: dict[str, float]
    weakness: str = ""
    """Why no method would be honest with what there is; empty when one is."""

    def shows_above(self, bound: float, alpha: float) -> bool:
        """The true difference is shown to be above the bound: by the test, and by the interval that is shown.

        An exact p value is not everywhere monotone in the bound, so close to the end of the interval the two may differ;
        then nothing is shown.
        """
        return not self.weakness and self.interval.low > bound and self.above(bound) <= alpha

    def shows_below(self, bound: float, alpha: float) -> bool:
        return not self.weakness and self.interval.high < bound and self.below(bound) <= alpha

    def covering(self, bound: float, alpha: float) -> Interval:
        """The interval, widened to hold a bound that the test does not rule out."""
        low = self.interval.low if self.above(bound) <= alpha else min(self.interval.low, bound)
        high = self.interval.high if self.below(bound) <= alpha else max(self.interval.high, bound)
        return replace(self.interval, low=low, high=high)


def paired(baseline: ArrayLike, candidate: ArrayLike, clusters: Sequence[str], alpha: float) -> Paired:
    """Evidence of paired scores, shapes (n,), n >= 2, all finite; `clusters` names each case's cluster."""
    before, after = np.asarray(baseline, dtype=float), np.asarray(candidate, dtype=float)
    differences = after - before
    both = np.concatenate([before, after])
    if both.min() >= 0.0 and both.max() <= 1.0:
        return _bounded(differences, clusters, alpha, binary=bool(np.all(np.isin(both, (0.0, 1.0)))))
    return _numbers(differences, clusters, alpha)


def _bounded(differences: np.ndarray, clusters: Sequence[str], alpha: float, binary: bool) -> Paired:
    found = effective(differences, clusters, alpha)
    broken, fixed, n = found.broken, found.fixed, found.n
    plain = binary and found.clusters == len(differences)
    formula = "tango_exact" if plain else "tango_effective"
    if plain:
        broken, fixed, n = round(broken), round(fixed), round(n)
    band = tango.interval(broken, fixed, n, 1 - 2 * alpha)
    return Paired(
        estimate=float(differences.mean()),
        interval=Interval(low=band.low, high=band.high, level=band.level, method=formula),
        above=lambda bound: tango.p_above(broken, fixed, n, bound),
        below=lambda bound: tango.p_below(broken, fixed, n, bound),
        gain=lambda: mcnemar_exact(round(broken), round(fixed)) if plain else tango.p_above(broken, fixed, n, 0.0),
        formula=formula,
        counts=_counts(differences, found),
        weakness="" if plain else _few_clusters(found.clusters),
    )


def _numbers(differences: np.ndarray, clusters: Sequence[str], alpha: float) -> Paired:
    values, index = _canonical(differences, clusters)
    groups = int(index.max()) + 1
    clustered = groups < len(values)

    def interval(level: float) -> Interval:
        return mean.cluster_interval(values, index, level) if clustered else mean.mean_interval(values, level)

    band = interval(1 - 2 * alpha)
    return Paired(
        estimate=float(values.mean()),
        interval=band,
        above=lambda bound: _smallest_alpha(lambda level: interval(level).low > bound),
        below=lambda bound: _smallest_alpha(lambda level: interval(level).high < bound),
        gain=lambda: _smallest_alpha(lambda level: interval(level).low > 0.0) if clustered else mean.sign_flip(values),
        formula=band.method,
        counts={"clusters": groups} if clustered else {},
        weakness=_few_clusters(groups) or _unjudgeable(values),
    )


def _canonical(differences: np.ndarray, clusters: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Differences and cluster numbers in an order that depends on the values alone: resampling draws by position, and
    no renaming of cases may change a verdict."""
    grouped: dict[str, list[float]] = {}
    for value, cluster in zip(differences, clusters, strict=True):
        grouped.setdefault(cluster, []).append(float(value))
    groups = sorted(sorted(group) for group in grouped.values())
    index = [number for number, group in enumerate(groups) for _ in group]
    return np.array([value for group in groups for value in group]), np.array(index)


def _few_clusters(groups: int) -> str:
    return f"only {groups} clusters, and {mean.TOO_FEW_CLUSTERS} are needed" if groups < mean.TOO_FEW_CLUSTERS else ""


def _unjudgeable(values: np.ndarray) -> str:
    if float(np.ptp(values)) == 0.0:
        return "every case differs by the same amount"
    needed = mean.cases_for_skew(values)
    return f"so skewed that {needed} cases are needed" if len(values) < needed else ""


def _smallest_alpha(clear: Callable[[float], bool]) -> float:
    """One-sided p by bisection (log scale, 0.0001 to 0.5) over the levels whose interval is clear of a bound."""
    low, high = 1e-4, 0.5
    if not clear(1 - 2 * high):
        return 1.0
    if clear(1 - 2 * low):
        return low
    for _ in range(12):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if clear(1 - 2 * middle) else (middle, high)
    return high


def _counts(differences: np.ndarray, found: Effective) -> dict[str, float]:
    counts: dict[str, float] = {"b": int((differences < 0).sum()), "c": int((differences > 0).sum())}
    if found.clusters < len(differences):
        counts["clusters"] = found.clusters
    if found.design != 1.0:
        counts |= {"design_effect": round(found.design, 4), "effective_n": round(found.n, 1)}
    return counts
