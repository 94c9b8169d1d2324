"""The effect on traffic: the right centre, and an interval that covers it as often as it says."""

import numpy as np
import pytest
from scipy.stats import norm

from harness.gate.statistics.net_effect import Pool, correlations, net_effect


def pool(weight, values, names, z):
    """A pool with the normal interval of its mean; `names` are the clusters of its cases."""
    residuals = {}
    for name, value in zip(names, values, strict=True):
        residuals[name] = residuals.get(name, 0.0) + value - values.mean()
    reach = z * np.sqrt(sum(value**2 for value in residuals.values())) / len(values)
    return Pool(weight, values.mean(), values.mean() - reach, values.mean() + reach, residuals)


def test_the_centre_is_the_weighted_mean_and_known_shares_add_independent_errors_as_squares():
    """With shares counted on very many calls and pools apart, the reach is that of a stratified mean."""
    pools = [Pool(0.25, 0.4, 0.3, 0.5, {"a": 1.0}), Pool(0.75, -0.1, -0.15, -0.05, {"b": 1.0})]
    centre, interval = net_effect(pools, 10**12, 0.025)
    assert centre == pytest.approx(0.25 * 0.4 - 0.75 * 0.1)
    assert interval.high - centre == pytest.approx(np.hypot(0.25 * 0.1, 0.75 * 0.05), rel=1e-4)
    assert (interval.level, interval.method) == (0.95, "post_stratified_mover")


def test_few_counted_calls_widen_it_by_the_delta_method():
    """Means without any error leave the shares' own: a share of 0.3 counted on 400 calls, gain 0.5 against nothing."""
    pools = [Pool(0.3, 0.5, 0.5, 0.5, {}), Pool(0.7, 0.0, 0.0, 0.0, {})]
    centre, interval = net_effect(pools, 400, 0.05)
    assert interval.high - centre == pytest.approx(norm.isf(0.05) * 0.5 * np.sqrt(0.3 * 0.7 / 400))


def test_pools_of_the_same_clusters_add_up_their_errors():
    """Common clusters are no independent evidence; clusters apart are."""
    same, apart = ({"a": 1.0, "b": -1.0},) * 2, ({"a": 1.0, "b": -1.0}, {"c": 1.0, "d": -1.0})
    assert correlations(same) == pytest.approx(np.ones((2, 2)))
    assert correlations(apart) == pytest.approx(np.eye(2))
    reach = [net_effect([Pool(0.5, 0.0, -0.1, 0.1, one) for one in each], 1, 0.05)[1].high for each in (same, apart)]
    assert reach == pytest.approx([0.1, 0.1 / np.sqrt(2)])


def test_it_covers_the_truth_with_shared_clusters_and_counted_shares():
    """1,000 samples: users ask on both sides, and shares are counted on 600 calls; each end errs in about 5 % at most."""
    rng, alpha, share, low, high = np.random.default_rng(3), 0.05, 0.3, 0, 0
    for _ in range(1000):
        users = rng.normal(0.0, 0.1, 40)
        names = [f"u{at}" for at in range(40)] * 3
        failed, passed = (np.tile(users, 3) + rng.normal(mean, 0.2, 120) for mean in (0.4, -0.05))
        counted = rng.binomial(600, share) / 600
        z = norm.isf(alpha)
        pools = [pool(counted, failed, names, z), pool(1 - counted, passed, names, z)]
        truth = share * 0.4 - (1 - share) * 0.05
        interval = net_effect(pools, 600, alpha)[1]
        low, high = low + (interval.low > truth), high + (interval.high < truth)
    assert low <= 70 and high <= 70
