"""Days that scatter more than independent calls would are told, a month of one share with the help of the others."""

import numpy as np

from harness.gate.statistics.dispersion import dispersions

BASELINE, DAYS = 7, 60


def scattered(rng, times, shares=1):
    """1,000 calls a day with a share of a tenth, whose variance is `times` that of independent calls."""
    size = 999 / (times - 1) - 1 if times > 1 else 0
    share = rng.beta(0.1 * size, 0.9 * size, (shares, DAYS)) if size else 0.1
    return rng.binomial(1000, share, (shares, DAYS)).astype(float)


def weights(events):
    return dispersions(events, np.full(events.shape, 1000.0), BASELINE)


def test_days_that_scatter_count_for_less():
    """Three times the variance of independent calls is noticed; independent calls are hardly divided."""
    rng = np.random.default_rng(1)
    assert 2 < weights(scattered(rng, 3))[0, -1] < 6
    assert weights(scattered(rng, 1))[0, -1] < 2


def test_shares_that_scatter_alike_tell_it_together():
    """Alone a share is bounded by a month of its own: between about the truth and twice it. Together all are near the truth."""
    together = weights(scattered(np.random.default_rng(2), 3, shares=30))[:, 30]
    assert together.min() > 2.7 and together.max() < 4


def test_a_share_that_scatters_by_itself_is_not_taken_for_the_others():
    """Nine calm shares and a wild one: the calm ones do not hide it."""
    rng = np.random.default_rng(3)
    found = weights(np.concatenate([scattered(rng, 1, shares=9), scattered(rng, 12)]))
    assert found[-1, -1] > 9 and found[:9, -1].max() < 3


def test_rare_and_empty_shares_are_no_evidence_of_calm():
    """They would make busy shares seem to scatter less than they do."""
    rng = np.random.default_rng(4)
    busy = scattered(rng, 6, shares=10)
    rare = np.concatenate([np.zeros((20, DAYS)), (rng.random((20, DAYS)) < 0.02).astype(float)])
    assert np.allclose(weights(np.concatenate([busy, rare]))[:10], weights(busy))


def test_a_day_is_judged_by_the_days_before_it():
    """What happens tonight does not change how tonight is read."""
    rng = np.random.default_rng(5)
    events = scattered(rng, 2, shares=5)
    later = events.copy()
    later[:, 30:] = 900
    assert (weights(events)[:, :31] == weights(later)[:, :31]).all()
