"""Test the mean of paired differences: t, BCa bootstrap and sign flips; and the same for clusters."""

from collections.abc import Sequence

import numpy as np
import statsmodels.api as sm
from scipy.stats import bootstrap, permutation_test, skew, t

from harness.types import Interval

RESAMPLES = 4999
FEW_CASES, FEW_CLUSTERS, TOO_FEW_CLUSTERS = 100, 30, 10
COCHRAN = 25.0
"""Cases needed per squared skewness before the mean of numbers without bounds is judged: Cochran (1977), Sampling
Techniques, section 2.15. With fewer, t and bootstrap alike let far more than alpha through."""
SEED = 20260101
"""Resampling is part of the verdict, so it is the same each time."""


def cases_for_skew(differences: np.ndarray) -> int:
    """Fewest cases from which a mean of numbers as skewed as these may be judged."""
    return int(np.ceil(COCHRAN * float(skew(differences)) ** 2)) if np.ptp(differences) > 0 else 0


def mean_interval(differences: np.ndarray, level: float) -> Interval:
    """Interval of the mean, shape (n,): t; under 100 cases the wider of t and BCa at each end."""
    plain = t_interval(differences, level)
    if len(differences) >= FEW_CASES or np.ptp(differences) == 0:
        return plain
    boot = bca_interval(differences, level)
    return Interval(low=min(plain.low, boot.low), high=max(plain.high, boot.high), level=level, method="t_or_bca")


def t_interval(differences: np.ndarray, level: float) -> Interval:
    """Student's interval of the mean of paired differences."""
    n = len(differences)
    centre, error = float(np.mean(differences)), float(np.std(differences, ddof=1)) / np.sqrt(n)
    reach = float(t.isf((1 - level) / 2, n - 1) * error)
    return Interval(low=centre - reach, high=centre + reach, level=level, method="t")


def bca_interval(differences: np.ndarray, level: float) -> Interval:
    """Bias-corrected and accelerated bootstrap of the mean. Efron (1987), JASA 82:171."""
    found = bootstrap(
        (differences,), np.mean, confidence_level=level, n_resamples=RESAMPLES, method="BCa", rng=_rng()
    ).confidence_interval
    return Interval(low=float(found.low), high=float(found.high), level=level, method="bca")


def sign_flip(differences: np.ndarray) -> float:
    """One-sided p of "no gain": how often the mean is as large when the sign of each difference is drawn by chance."""
    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=9999,
        batch=500,
        rng=_rng(),
    )
    return float(found.pvalue)


def cluster_interval(differences: np.ndarray, clusters: Sequence[str] | np.ndarray, level: float) -> Interval:
    """Interval of the mean when cases of one cluster move together: CR1 standard error and t(G - 1); with fewer than 30
    clusters the wider of that and the wild cluster bootstrap. Cameron, Gelbach and Miller (2008), REStat 90:414.

    Raises ValueError below two clusters: between-cluster variation cannot be seen in one.
    """
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    groups = int(index.max()) + 1
    if groups < 2:
        raise ValueError("a cluster-robust interval needs two clusters")
    values = np.asarray(differences, dtype=float)
    fit = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": index})
    centre, error = float(fit.params[0]), float(fit.bse[0])
    reach = float(t.isf((1 - level) / 2, groups - 1))
    method = "cr1"
    if groups < FEW_CLUSTERS and error > 0:
        reach, method = max(reach, _wild_quantile(values, index, (1 - level) / 2)), "cr1_wild"
    return Interval(low=centre - reach * error, high=centre + reach * error, level=level, method=method)


def _wild_quantile(values: np.ndarray, index: np.ndarray, tail: float) -> float:
    """Upper quantile of |t| under the wild cluster bootstrap with the mean imposed and Webb's six weights."""
    groups = int(index.max()) + 1
    totals = np.bincount(index, weights=values - values.mean())
    sizes = np.bincount(index).astype(float)
    weights = np.sqrt(np.array([0.5, 1.0, 1.5]))
    drawn = _rng().choice(np.concatenate([-weights, weights]), size=(RESAMPLES, groups)) * totals
    means = drawn.sum(axis=1) / sizes.sum()
    residual = drawn - means[:, None] * sizes
    errors = np.sqrt((residual**2).sum(axis=1) * groups / (groups - 1)) / sizes.sum()
    return float(np.quantile(np.abs(means) / np.maximum(errors, 1e-300), 1 - 2 * tail))


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)
