"""Means of differences of any number, as they are shown."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from harness.gate.statistics import mean

RNG = np.random.default_rng(4)


def test_t_interval_agrees_with_scipy():
    """With a cluster a case our interval is the one of scipy's one-sample test."""
    values = RNG.normal(1, 2, 40)
    theirs = ttest_1samp(values, 0).confidence_interval(0.9)
    ours = mean.t_interval(values, np.arange(40), 0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.method == "t"


def test_cluster_interval_is_the_sandwich():
    """CR1 by hand: G/(G-1) times the sum of squared cluster residuals, over n squared, with t(G - 1)."""
    values, index = RNG.normal(size=200), np.repeat(np.arange(40), 5)
    residuals = np.bincount(index, weights=values - values.mean())
    error = np.sqrt(40 / 39 * (residuals**2).sum()) / 200
    band = mean.t_interval(values, index, 0.9)
    assert (band.high - band.low) / 2 == pytest.approx(1.6849 * error, rel=1e-3)
    assert band.method == "cr1"


def test_one_cluster_shows_its_range():
    """Between-cluster variation cannot be seen in one cluster, so no error is claimed."""
    band = mean.t_interval(np.array([1.0, 4.0, 2.0]), np.zeros(3, dtype=int), 0.9)
    assert (band.low, band.high, band.method) == (1.0, 4.0, "range")
