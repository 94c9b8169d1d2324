"""Estimate the gate's own false-alarm rate, from data in which nothing changed.

Under no change it is chance which of two runs is called the candidate; so the labels of an A/A pair are swapped cluster by
cluster, and it is counted how often the test of a gain then finds one (a permutation of the null; Fisher 1935).
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from harness.gate.statistics import tango
from harness.gate.statistics.binary import mcnemar_exact
from harness.gate.statistics.effective import effective
from harness.gate.statistics.mean import SEED

SWAPS = 400


def false_alarm_rate(differences: np.ndarray, clusters: Sequence[str], alpha: float) -> float:
    """Chance that a gain over nothing is found, where the labels of the arms are chance. Differences in -1 to 1.

    Of independent pass/fail cases it is summed exactly; else it is counted over 400 swaps.
    """
    values = np.asarray(differences, dtype=float)
    _, index = np.unique(clusters, return_inverse=True)
    groups = int(index.max()) + 1
    if groups == len(values) and np.all(np.isin(values, (-1.0, 0.0, 1.0))):
        flips = int(np.abs(values).sum())
        found = [fixed for fixed in range(flips + 1) if mcnemar_exact(flips - fixed, fixed) <= alpha]
        return float(binom.sf(min(found) - 1, flips, 0.5)) if found else 0.0
    rng = np.random.default_rng(SEED)
    signs = rng.choice((-1.0, 1.0), size=(SWAPS, groups))
    return float(np.mean([_gains(values * swap[index], clusters, alpha) for swap in signs]))


def _gains(values: np.ndarray, clusters: Sequence[str], alpha: float) -> bool:
    """What the gate decides on effective counts. Far from the critical value the exact tail need not be summed."""
    found = effective(values, clusters, alpha)
    z = float(tango.score(found.broken, found.fixed, found.n, 0.0))
    if not 1.4 < z < 2.2:
        return z >= 2.2
    return tango.largest_tail(round(z, 3), max(1, round(found.n)), 0.0) <= alpha
