"""Show the mean of differences of any number with Student's interval, cluster-robust where cases come in clusters (CR1).

For display only. Numbers without bounds are not judged: one case that a sample lacks can outweigh all those that it has,
so no interval keeps its error (Bahadur and Savage 1956, Annals of Mathematical Statistics 27:1115).
"""

import numpy as np
from scipy.stats import t

from harness.types import Interval

SEED = 20260101
"""Resampling is part of the verdict, so it is the same each time."""


def t_interval(differences: np.ndarray, index: np.ndarray, level: float) -> Interval:
    """Interval of the mean of `differences`, shape (n,); `index` numbers each case's cluster. Of one cluster: the range."""
    n, groups = len(differences), int(index.max()) + 1
    centre = float(np.mean(differences))
    if groups < 2:
        return Interval(low=float(differences.min()), high=float(differences.max()), level=level, method="range")
    residuals = np.bincount(index, weights=differences - centre)
    error = float(np.sqrt(groups / (groups - 1) * np.sum(residuals**2)) / n)
    reach = float(t.isf((1 - level) / 2, groups - 1)) * error
    return Interval(low=centre - reach, high=centre + reach, level=level, method="t" if groups == n else "cr1")
