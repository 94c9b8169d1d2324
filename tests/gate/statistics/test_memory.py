"""Bad days that come in runs are told from days that scatter, and from weekdays."""

import numpy as np
import pytest

from benchmarks.watch import counts
from harness.gate.statistics.memory import UNKNOWN, WARM_UP, memory


def lasts(kind, shares=30, seed=3):
    rng = np.random.default_rng(seed)
    events = np.array([counts(rng, share, kind) for share in rng.uniform(0.02, 0.3, shares)])
    return memory(events, np.full(events.shape, 1000.0))


@pytest.mark.parametrize("kind", ["independent", "weekdays", "strong_week", "wild"])
def test_days_without_a_memory_are_hardly_divided(kind):
    """Nor are those with a weekly pattern: a week has each weekday once."""
    assert lasts(kind)[WARM_UP + 14 :].max() < 1.5


def test_days_that_come_in_runs_are():
    """An autoregression of 0.6 has four times the variance in the long run, of which chance, a third, has no memory."""
    assert 2 < lasts("weeks")[-1] < 4


def test_nothing_is_assumed_before_three_weeks_or_of_two_shares():
    """Then a middling memory is."""
    assert (lasts("independent")[:WARM_UP] == UNKNOWN).all() and (lasts("weeks", shares=2) == UNKNOWN).all()


def test_a_share_that_moves_does_not_hide_itself():
    """Those that differ most are left out; shares without any event tell nothing."""
    rng = np.random.default_rng(4)
    events = rng.binomial(1000, 0.1, (10, 60)).astype(float)
    events[0, 30:] = 400
    events[1] = 0
    assert memory(events, np.full(events.shape, 1000.0))[25:].max() < 1.6


def test_a_day_is_judged_by_the_days_before_it():
    """What happens tonight does not change how tonight is read."""
    rng = np.random.default_rng(5)
    events = rng.binomial(1000, 0.1, (6, 40)).astype(float)
    later = events.copy()
    later[:, 30:] = 900
    trials = np.full(events.shape, 1000.0)
    assert (memory(events, trials)[:31] == memory(later, trials)[:31]).all()
