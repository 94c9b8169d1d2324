"""Means of differences of any number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from harness.gate.statistics import mean

RNG = np.random.default_rng(4)


def test_t_interval_agrees_with_scipy():
    """Our t interval is the one of scipy's one-sample test."""
    values = RNG.normal(1, 2, 40)
    theirs = ttest_1samp(values, 0).confidence_interval(0.9)
    ours = mean.t_interval(values, 0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_few_cases_take_the_wider_of_two():
    """Under 100 cases each end is the farther one of t and BCa; from 100 it is t alone."""
    values = RNG.exponential(1, 60)
    wide, plain, boot = (f(values, 0.9) for f in (mean.mean_interval, mean.t_interval, mean.bca_interval))
    assert (wide.low, wide.high) == (min(plain.low, boot.low), max(plain.high, boot.high))
    assert mean.mean_interval(RNG.normal(size=100), 0.9).method == "t"


def test_resampling_repeats_exactly():
    """The same differences give the same bootstrap and the same permutation p, each time."""
    values = RNG.normal(0.2, 1, 30)
    assert mean.bca_interval(values, 0.9) == mean.bca_interval(values, 0.9)
    assert mean.sign_flip(values) == mean.sign_flip(values)


def test_sign_flip_is_exact_for_few_cases():
    """Five gains of five: the largest mean of 32 sign patterns, so p is 1/32."""
    assert mean.sign_flip(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(1 / 32)


def test_cluster_interval_is_the_sandwich():
    """CR1 by hand: G/(G-1) times the sum of squared cluster residuals, over n squared, with t(G - 1)."""
    values, index = RNG.normal(size=200), np.repeat(np.arange(40), 5)
    residuals = np.bincount(index, weights=values - values.mean())
    error = np.sqrt(40 / 39 * (residuals**2).sum() * (199 / 199)) / 200
    band = mean.cluster_interval(values, index, 0.9)
    assert (band.high - band.low) / 2 == pytest.approx(1.6849 * error * np.sqrt(199 / 199), rel=1e-3)
    assert band.method == "cr1"


def test_few_clusters_are_never_narrower_than_cr1():
    """Under 30 clusters the wild bootstrap may only widen the interval."""
    values, index = RNG.normal(size=60), np.repeat(np.arange(12), 5)
    few = mean.cluster_interval(values, index, 0.9)
    centre = values.mean()
    assert few.method == "cr1_wild"
    residuals = np.bincount(index, weights=values - centre)
    error = np.sqrt(12 / 11 * (residuals**2).sum()) / 60
    assert (few.high - few.low) / 2 >= 1.7959 * error * 0.999


def test_one_cluster_has_no_interval():
    """Between-cluster variation cannot be seen in one cluster."""
    with pytest.raises(ValueError, match="two clusters"):
        mean.cluster_interval(np.ones(5), np.zeros(5, dtype=int), 0.9)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 5), st.floats(-5, 5))
def test_interval_moves_with_scale_and_shift(scale, shift):
    """Changing the unit of the scores changes the interval by the same factor and shift."""
    values = np.random.default_rng(1).normal(size=30)
    one, other = mean.t_interval(values, 0.9), mean.t_interval(scale * values + shift, 0.9)
    assert other.low == pytest.approx(scale * one.low + shift, abs=1e-9)


def test_the_wild_bootstrap_is_that_of_the_textbook():
    """Residuals of whole clusters times Webb's weights, a mean and its CR1 error of each, drawn case by case here: the
    quantile of |t| is ours, within what 3,000 draws leave open."""
    values, index = RNG.normal(3, 1, 60) + np.repeat(RNG.normal(size=12), 5), np.repeat(np.arange(12), 5)
    values[:5] += 10  # one cluster far from the others: what is not centred shows
    rng, found = np.random.default_rng(8), []
    for _ in range(3000):
        weights = rng.choice([s * w**0.5 for s in (-1, 1) for w in (0.5, 1.0, 1.5)], size=12)
        drawn = weights[index] * (values - values.mean())
        rest = np.bincount(index, weights=drawn - drawn.mean())
        found.append(abs(drawn.mean()) / (np.sqrt((rest**2).sum() * 12 / 11) / 60))
    assert mean._wild_quantile(values, index, 0.05) == pytest.approx(np.quantile(found, 0.9), rel=0.06)


def test_skew_asks_for_cases():
    """Cochran's rule: 25 cases per squared skewness; none for symmetric numbers, nor for equal ones."""
    assert mean.cases_for_skew(np.ones(9)) == 0
    assert mean.cases_for_skew(np.array([-1.0, 0.0, 1.0])) == 0
    assert mean.cases_for_skew(np.array([0.0] * 99 + [1.0])) > 1000
