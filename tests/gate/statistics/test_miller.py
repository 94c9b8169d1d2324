"""Miller (2024), "Adding error bars to evals", arXiv 2411.00640: its formulas written out as they stand, and ours.

The paper gives no data, so each formula is held against our functions and statsmodels on the same drawn scores; the
planning example of its section 5 is a published number.
"""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm, t

from harness.gate.statistics import mean
from harness.gate.statistics.power import _normal_cases

RNG = np.random.default_rng(2411)


def scores(groups: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of two models on questions that share passages, and the passage of each; both find the same ones hard."""
    passage = np.repeat(np.arange(groups), size)
    hard = RNG.normal(0, 1, groups)[passage] + RNG.normal(0, 1, groups * size)
    return hard + RNG.normal(0, 0.5, groups * size), hard + RNG.normal(0.3, 0.5, groups * size), passage


def clustered_variance(values: np.ndarray, passage: np.ndarray) -> float:
    """The squared clustered standard error: that of independent questions, and the covariance of all pairs within one
    passage (section 2.2), as a double sum."""
    n, rest = len(values), values - values.mean()
    within = sum(rest[i] * rest[j] for i in range(n) for j in range(n) if i != j and passage[i] == passage[j])
    return (rest**2).sum() / n**2 + within / n**2


def test_clustered_standard_error():
    """Ours is the paper's times G / (G - 1), which is what few passages need, and is statsmodels' of the same data."""
    before, after, passage = scores(40, 5)
    values = after - before
    band = mean.t_interval(values, passage, 0.95)
    error = (band.high - band.low) / 2 / t.isf(0.025, 39)
    assert error**2 == pytest.approx(clustered_variance(values, passage) * 40 / 39)
    theirs = sm.OLS(values, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": passage}, use_t=True)
    assert (band.low, band.high) == pytest.approx(tuple(theirs.conf_int()[0]))


def test_passages_of_one_question_are_independent():
    """With one question a passage the clustered error is that of independent questions."""
    before, after, passage = scores(120, 1)
    band, error = mean.t_interval(after - before, passage, 0.9), (after - before).std(ddof=1) / 120**0.5
    assert (band.high - band.low) / 2 == pytest.approx(t.isf(0.05, 119) * error)


def test_paired_standard_error():
    """The error of a paired difference is that of both models, less twice their covariance (section 4.2)."""
    before, after, _ = scores(150, 1)
    variance = (before.var(ddof=1) + after.var(ddof=1) - 2 * np.cov(before, after)[0, 1]) / 150
    band = mean.t_interval(after - before, np.arange(150), 0.9)
    assert (band.high - band.low) / 2 == pytest.approx(t.isf(0.05, 149) * variance**0.5)


def test_questions_needed():
    """Section 5: 3 points, 5 % two-sided, 80 % power and a variance of 1/9 between questions ask for 969 questions, about
    the thousand that the paper speaks of; sampling noise of 1/6 a model adds to the variance, its share falls with K."""
    quantiles = norm.isf(0.025) + norm.isf(0.2)

    def by_formula(repeats: float) -> float:
        return quantiles**2 * (1 / 9 + 2 * (1 / 6) / repeats) / 0.03**2

    assert by_formula(np.inf) == pytest.approx(969, abs=0.5)
    for repeats in (1, 10, np.inf):
        variance = 1 / 9 + 2 * (1 / 6) / repeats
        ours = _normal_cases(-0.03, 0.0, variance, 0.025, 0.8)
        assert ours == pytest.approx(by_formula(repeats))
