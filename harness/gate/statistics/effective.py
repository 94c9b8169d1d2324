"""Convert scores to effective counts: how many independent pass/fail cases say as much as they do.

Repeats say more than one pass/fail case each, clusters say less. Both are one number, the design effect: the variance
of the total that the data show, over the variance that independent cases would have if every point lost were a case
broken and every point won a case fixed. Dividing the counts by it gives counts for a score test that stays honest with
few differences, where a robust standard error does not (Rao and Scott 1992, Biometrics 48:577; Korn and Graubard 1998,
Survey Methodology 24:193, whose t correction for few clusters is used too).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, t

from harness.gate.statistics.binary import clopper_pearson
from harness.types import Interval


@dataclass(frozen=True)
class Effective:
    broken: float
    fixed: float
    n: float
    design: float
    """Design effect: 1 for independent pass/fail cases, above 1 for clusters, below 1 for averaged repeats."""
    clusters: int


def effective(differences: np.ndarray, clusters: ArrayLike, alpha: float = 0.05) -> Effective:
    """Effective counts of differences in -1 to 1 (candidate minus baseline), shape (n,), with a cluster name each."""
    values = np.asarray(differences, dtype=float)
    _, index = np.unique(clusters, return_inverse=True)
    groups, n = int(index.max()) + 1, len(values)
    binary = bool(np.all(np.isin(values, (-1.0, 0.0, 1.0))))
    design = 1.0 if binary else _design(values, np.arange(n))
    if groups < n:
        design = max(design, _design(values, index))
    if groups < n or not binary:
        degrees = max(groups - 1, 1)
        design *= float((t.isf(alpha, degrees) / norm.isf(alpha)) ** 2)
    return Effective(
        broken=float(np.maximum(-values, 0).sum()) / design,
        fixed=float(np.maximum(values, 0).sum()) / design,
        n=n / design,
        design=design,
        clusters=groups,
    )


def one_rate(values: np.ndarray, clusters: ArrayLike, level: float = 0.95) -> Interval:
    """Interval of the mean of scores in 0 to 1 under one arm: Clopper-Pearson, on effective counts where cases come in
    clusters or are averaged repeats (Korn and Graubard 1998)."""
    scores = np.asarray(values, dtype=float)
    design, groups = design_effect(scores, clusters, level)
    if groups == len(scores) and design == 1.0:
        return clopper_pearson(int(scores.sum()), groups, level)
    band = clopper_pearson(float(scores.sum()) / design, len(scores) / design, level)
    return Interval(low=band.low, high=band.high, level=level, method="clopper_pearson_effective")


def design_effect(scores: np.ndarray, clusters: ArrayLike, level: float) -> tuple[float, int]:
    """Design effect of one arm's mean of scores in 0 to 1, shape (n,), with the correction for few clusters, and the
    number of clusters; 1.0 for independent pass/fail cases."""
    _, index = np.unique(clusters, return_inverse=True)
    groups, n = int(index.max()) + 1, len(scores)
    if groups == n and bool(np.all(np.isin(scores, (0.0, 1.0)))):
        return 1.0, groups
    design = max(_design(scores, np.arange(n)), _design(scores, index) if groups < n else 0.0)
    alpha = (1 - level) / 2
    return design * float((t.isf(alpha, max(groups - 1, 1)) / norm.isf(alpha)) ** 2), groups


def _design(values: np.ndarray, index: np.ndarray) -> float:
    """Design effect, as if one more cluster of average size had flipped as a whole: without any difference seen, that
    makes each cluster count as one case."""
    n, groups = len(values), int(index.max()) + 1
    size = n / groups
    residuals = np.bincount(index, weights=values - values.mean())
    seen = float(np.sum(residuals**2)) + size**2
    naive = max(float(np.abs(values).sum() - n * values.mean() ** 2), 0.0) + size
    return seen / naive
