"""Convert scores to effective counts: how many independent pass/fail cases say as much as they do.

Repeats say more than one pass/fail case each, clusters say less. Both are one number, the design effect: the variance
of the total that the data show, over the variance that independent cases would have if every point lost were a case
broken and every point won a case fixed. Dividing the counts by it gives counts for a score test that stays honest with
few differences, where a robust standard error does not (Rao and Scott 1992, Biometrics 48:577; Korn and Graubard 1998,
Survey Methodology 24:193, whose t correction for few clusters is used too).

Clusters of unequal size count as fewer equal ones: n^2 over the sum of squared sizes (Kish 1965, Survey Sampling, 8.2).
Scores between pass and fail may hide a rare total failure that the sample lacks, so one case of it is counted along:
the worst possible one for the lower end, the best for the upper. So it is with clusters: the less the cases of one move
together, the more of an unseen cluster that fails as a whole is counted along. One is enough at an error of 5 %. A sample of n
lacks with chance alpha what happens in log(1 / alpha) of n cases, so a smaller error counts more of it along, in that ratio.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, t

from harness.gate.statistics.binary import clopper_pearson
from harness.types import Interval

TOO_FEW_CLUSTERS = 10
"""Below as many equal clusters no method here is honest."""
ONE_UNSEEN_AT = 0.05
"""One-sided error at which one unseen failure is counted along; see docs/calibration.md for what that gives."""


@dataclass(frozen=True)
class Effective:
    broken: float
    fixed: float
    n: float
    design: float
    """Design effect: 1 for independent pass/fail cases, above 1 for clusters, below 1 for averaged repeats."""
    clusters: int
    equal_clusters: float
    """How many clusters of one size say as much: `clusters` itself where all have one size."""


def effective(differences: np.ndarray, clusters: ArrayLike, alpha: float = 0.05, unseen: float = -1.0) -> Effective:
    """Effective counts of differences in -1 to 1 (candidate minus baseline), shape (n,), with a cluster name each.

    `unseen` is the difference that the sample may lack: -1 for a lower end, 1 for an upper one. Independent pass/fail
    cases need none: the score test knows the worst that a case can do.
    """
    values = np.asarray(differences, dtype=float)
    _, index = np.unique(clusters, return_inverse=True)
    groups, equal = int(index.max()) + 1, equal_clusters(index)
    binary, alone = bool(np.all(np.isin(values, (-1.0, 0.0, 1.0)))), groups == len(values)
    if not (alone and binary):
        values, index = _with_unseen(values, index, unseen, alpha)
    design = 1.0 if binary else _design(values, np.arange(len(values)))
    if not alone:
        design = max(design, _design(values, index))
    if not (alone and binary):
        design *= few_clusters_factor(equal, alpha)
    return Effective(
        broken=float(np.maximum(-values, 0).sum()) / design,
        fixed=float(np.maximum(values, 0).sum()) / design,
        n=len(values) / design,
        design=design,
        clusters=groups,
        equal_clusters=equal,
    )


def one_rate(values: np.ndarray, clusters: ArrayLike, level: float = 0.95) -> Interval:
    """Interval of the mean of scores in 0 to 1 under one arm: Clopper-Pearson, on effective counts where cases come in
    clusters or have scores between 0 and 1 (Korn and Graubard 1998)."""
    scores = np.asarray(values, dtype=float)
    design, groups = design_effect(scores, clusters, level)
    if groups == len(scores) and design == 1.0:
        return clopper_pearson(int(scores.sum()), groups, level)
    low, high = (_rate_end(scores, clusters, level, unseen) for unseen in (0.0, 1.0))
    return Interval(low=low.low, high=high.high, level=level, method="clopper_pearson_effective")


def design_effect(scores: np.ndarray, clusters: ArrayLike, level: float) -> tuple[float, int]:
    """Design effect of one arm's mean of scores in 0 to 1, shape (n,), with the correction for few clusters, and the
    number of clusters; 1.0 for independent pass/fail cases."""
    _, index = np.unique(clusters, return_inverse=True)
    groups, n = int(index.max()) + 1, len(scores)
    if groups == n and bool(np.all(np.isin(scores, (0.0, 1.0)))):
        return 1.0, groups
    design = max(_design(scores, np.arange(n)), _design(scores, index) if groups < n else 0.0)
    return design * few_clusters_factor(equal_clusters(index), (1 - level) / 2), groups


def equal_clusters(index: np.ndarray) -> float:
    """How many clusters of one size say as much as these, whose members are numbered in `index`."""
    sizes = np.bincount(index).astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def few_clusters_factor(clusters: float, alpha: float) -> float:
    """By how much few clusters widen a variance: Student's quantile with one degree less, over the normal one, squared."""
    return float((t.isf(alpha, max(clusters - 1.0, 1.0)) / norm.isf(alpha)) ** 2)


def few_clusters(clusters: int, equal: float) -> str:
    """Why clusters cannot be judged; empty when they can."""
    if clusters < TOO_FEW_CLUSTERS:
        return f"only {clusters} clusters, and {TOO_FEW_CLUSTERS} are needed"
    if equal < TOO_FEW_CLUSTERS - 1e-9:
        return (
            f"its {clusters} clusters are so unequal that they count as {equal:.1f} equal ones, and {TOO_FEW_CLUSTERS} are "
            'needed; weights="cluster" or cluster_cap=N in @suite evens them'
        )
    return ""


def _with_unseen(values: np.ndarray, index: np.ndarray, unseen: float, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """More clusters, of the size of equal ones, in which every case is as bad (or as good) as can be: one, or as many as
    `alpha` asks for. What is left of a case, where it is only a part of one, is as the cases are on average.

    Of pass/fail cases only the share that does not move together: clusters that all flip as a whole are cases themselves,
    whose worst the score test knows.
    """
    size = len(values) / equal_clusters(index)
    if np.all(np.isin(values, (-1.0, 0.0, 1.0))):
        size *= 1.0 - min(max((_design(values, index) - 1.0) / max(size - 1.0, 1e-9), 0.0), 1.0)
    whole, part = divmod(round(size * max(np.log(alpha) / np.log(ONE_UNSEEN_AT), 1.0), 6), 1.0)
    added = np.append(np.full(int(whole), unseen), [unseen * part + values.mean() * (1 - part)] if part else [])
    numbers = index.max() + 1 + np.arange(len(added)) // max(int(np.ceil(size)), 1)
    return np.append(values, added), np.append(index, numbers)


def _rate_end(scores: np.ndarray, clusters: ArrayLike, level: float, unseen: float) -> Interval:
    _, index = np.unique(clusters, return_inverse=True)
    scores, index = _with_unseen(scores, index, unseen, (1 - level) / 2)
    design, _ = design_effect(scores, index, level)
    return clopper_pearson(float(scores.sum()) / design, len(scores) / design, level)


def _design(values: np.ndarray, index: np.ndarray) -> float:
    """Design effect, as if one more cluster, of the size of equal ones, had flipped as a whole: without any difference
    seen, that makes each cluster count as one case."""
    size = len(values) / equal_clusters(index)
    residuals = np.bincount(index, weights=values - values.mean())
    seen = float(np.sum(residuals**2)) + size**2
    naive = max(float(np.abs(values).sum() - len(values) * values.mean() ** 2), 0.0) + size
    return seen / naive
