"""Estimate the effect on traffic from cases that are no random sample of it.

Post-stratification: the mean difference of each kind of call, weighted by the share of production's calls that are of that
kind (Holt and Smith 1979, Journal of the Royal Statistical Society A 142:33). The interval adds up three errors:

- Of each mean: its own interval, which need be neither symmetric nor normal. The distances to the ends are added as squares,
  with the correlation of means that share clusters (the method of variance estimates recovery: Zou and Donner 2008,
  Statistics in Medicine 27:1693; for correlated parts Zou 2007, Psychological Methods 12:399).
- Of the shares: they were counted on so many calls. The delta method gives (sum w d^2 - (sum w d)^2) / calls, the variance of
  a multinomial mean (Agresti 2013, Categorical Data Analysis, 16.1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from harness.types import Interval

FORMULA = "post_stratified_mover"


@dataclass(frozen=True)
class Pool:
    """Cases that speak for a share of production's calls."""

    weight: float
    """That share, 0 to 1."""
    estimate: float
    """Their mean difference, and the ends of its interval, each with a one-sided error of alpha."""
    low: float
    high: float
    residuals: Mapping[str, float]
    """Cluster to the sum of its cases' differences from the estimate."""


def net_effect(pools: Sequence[Pool], calls: int, alpha: float) -> tuple[float, Interval]:
    """The weighted mean difference, and its interval, two-sided at 1 - 2 alpha. `calls` is on how many the weights, which
    add up to 1, were counted. The ends are cut off at -1 and 1."""
    weights = np.array([pool.weight for pool in pools])
    centres = np.array([pool.estimate for pool in pools])
    centre = float(weights @ centres)
    alike = correlations([pool.residuals for pool in pools])
    drawn = norm.isf(alpha) ** 2 * max(float(weights @ centres**2) - centre**2, 0.0) / max(calls, 1)

    def reach(distances: np.ndarray) -> float:
        parts = weights * np.maximum(distances, 0.0)
        return float(np.sqrt(parts @ alike @ parts + drawn))

    low = centre - reach(centres - [pool.low for pool in pools])
    high = centre + reach(np.array([pool.high for pool in pools]) - centres)
    return centre, Interval(low=max(low, -1.0), high=min(high, 1.0), level=1 - 2 * alpha, method=FORMULA)


def correlations(residuals: Sequence[Mapping[str, float]]) -> np.ndarray:
    """How far the errors of means go together, shape (pools, pools), 0 to 1: by what their common clusters show, and at
    least by how many of their clusters are common. A negative correlation counts as none, which errs on the safe side."""
    names = {name: at for at, name in enumerate(sorted(set().union(*residuals)))}
    sums, members = np.zeros((2, len(residuals), max(len(names), 1)))
    for row, pool in enumerate(residuals):
        for name, value in pool.items():
            sums[row, names[name]], members[row, names[name]] = value, 1.0
    alike = np.maximum(_cosines(sums), _cosines(members))
    np.fill_diagonal(alike, 1.0)
    clipped: np.ndarray = np.clip(alike, 0.0, 1.0)
    return clipped


def _cosines(rows: np.ndarray) -> np.ndarray:
    lengths = np.sqrt((rows**2).sum(axis=1))
    cosines: np.ndarray = rows @ rows.T / np.maximum(np.outer(lengths, lengths), 1e-12)
    return cosines
