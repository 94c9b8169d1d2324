"""Two arms of a random split: what is estimated, what is ruled out, and a split that is not as stated."""

import numpy as np
import pytest

from harness.gate.statistics.randomized import block_size, effect, paired_effect, wrong_split


def drawn(seed, size, share, rates):
    rng = np.random.default_rng(seed)
    arms = rng.random(size) < share
    return arms, (rng.random(size) < np.where(arms, rates[0], rates[1])).astype(float)


@pytest.mark.parametrize("share,size", [(0.05, 20), (0.5, 6), (0.2, 6), (0.01, 100), (0.95, 20)])
def test_a_block_has_about_one_of_the_smaller_arm(share, size):
    """And never so few units that most blocks have one arm only."""
    assert block_size(share) == size


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
def test_a_rise_is_shown_and_estimated(share):
    """Twenty points of a share, at any split; the interval has the truth in it."""
    arms, values = drawn(3, int(600 / share), share, (0.3, 0.1))
    found = effect(arms, values, share, 0.01)
    assert 0 < found.interval.low < 0.2 < found.interval.high and found.p_harm < 0.01
    assert found.units == (int(arms.sum()), int((~arms).sum())) and str(block_size(share)) in found.formula


def test_a_drift_that_hits_both_arms_is_no_effect():
    """The rate climbs from 0 to 80 % while the candidate does nothing."""
    rng = np.random.default_rng(5)
    arms = rng.random(8_000) < 0.2
    values = (rng.random(8_000) < np.linspace(0, 0.8, 8_000)).astype(float)
    found = effect(arms, values, 0.2, 0.01)
    assert found.interval.low < 0 < found.interval.high and abs(found.estimate) < 0.05


def test_within_a_block_the_estimate_is_unbiased_whatever_the_order():
    """Over all assignments of one candidate in a block, the mean difference is the mean effect exactly."""
    values = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.5])
    differences = [effect(np.arange(6) == place, values, 0.5, 0.05).estimate for place in range(6)]
    assert np.mean(differences) == pytest.approx(0.0, abs=1e-12)


def test_one_arm_alone_tells_nothing():
    """No blocks, and an interval that rules nothing out."""
    found = effect([False] * 50, [1.0] * 50, 0.05, 0.05)
    assert found.blocks == 0 and found.interval.low <= -1 and found.interval.high >= 1 and found.p_harm == 1.0
    assert effect([], [], 0.05, 0.05).units == (0, 0)


def test_pairs_are_compared_unit_by_unit():
    """Both arms answered each of them."""
    rng = np.random.default_rng(1)
    control = rng.random(400) * 0.5
    found = paired_effect(control + 0.2, control, 0.01)
    assert found.estimate == pytest.approx(0.2) and found.interval.low > 0.1


@pytest.mark.parametrize("real,is_wrong", [(0.05, False), (0.08, True), (0.0, True), (0.5, True)])
def test_a_split_that_is_not_as_stated_is_noticed(real, is_wrong):
    """Also one that gives the candidate nobody."""
    arms = np.random.default_rng(2).random(4_000) < real
    assert (wrong_split(arms, 0.05) < 0.001) is is_wrong
    assert wrong_split([], 0.05) == 1.0


@pytest.mark.slow
def test_under_no_harm_few_canaries_ever_show_any():
    """Sixty days of daily looks, people who come back with rates of their own, a drift: at most alpha, with room for chance."""
    from benchmarks.canary import ALPHA, false_alarm

    rng = np.random.default_rng(11)
    alarms = sum(false_alarm(rng, "mixed", 200) for _ in range(40))
    assert alarms <= 5  # binomial(40, 0.05) exceeds it with a chance of 0.01
    assert ALPHA == 0.05
