"""The betting confidence sequence."""

import numpy as np
import pytest

from harness.gate.statistics.sequential import sequence


def drawn(n, truth, discordance, rng):
    draw, loss = rng.random(n), (discordance - truth) / 2
    return np.where(draw < loss, -1.0, np.where(draw < discordance, 1.0, 0.0))


def test_the_truth_is_rarely_ever_left():
    """Whatever is seen later only tightens the sequence, and of 200 runs at most 20 % plus Monte Carlo error leave the
    truth out of a one-sided 20 % sequence at the end, and so at any look."""
    rng = np.random.default_rng(5)
    found = [sequence(drawn(80, -0.1, 0.3, rng), 0.2) for _ in range(200)]
    most = 0.2 + 2.33 * (0.16 / 200) ** 0.5
    assert np.mean([one.interval.low > -0.1 for one in found]) <= most
    assert np.mean([one.interval.high < -0.1 for one in found]) <= most
    assert np.mean([one.above(-0.1) <= 0.2 for one in found]) <= most


def test_it_only_tightens_and_mirrors():
    """Bounds never loosen with further cases, and swapping the arms turns the sequence round."""
    values = drawn(150, 0.1, 0.4, np.random.default_rng(1))
    looks = [sequence(values[:n], 0.05).interval for n in (0, 30, 60, 150)]
    assert (looks[0].low, looks[0].high) == (-1.0, 1.0)
    assert all(a.low <= b.low and a.high >= b.high for a, b in zip(looks, looks[1:], strict=False))
    assert sequence(-values, 0.05).interval.low == pytest.approx(-looks[-1].high)


def test_a_clear_loss_is_seen_early():
    """Half of 40 cases broken is a loss of more than 3 points; 40 without any difference are neither lost nor held."""
    lost = sequence(drawn(40, -0.5, 0.5, np.random.default_rng(2)), 0.05)
    assert lost.shows_below(-0.03, 0.05) and not lost.shows_above(-0.5, 0.05)
    same = sequence(np.zeros(40), 0.05)
    assert not same.shows_below(-0.03, 0.05) and not same.shows_above(-0.03, 0.05)
    assert sequence(np.zeros(300), 0.05).shows_above(-0.03, 0.05)


def test_interval_and_p_value_say_the_same():
    """Outside an end the p value is at most alpha, inside it is more; the level is two-sided."""
    found = sequence(drawn(120, 0.2, 0.4, np.random.default_rng(3)), 0.05)
    low, high = found.interval.low, found.interval.high
    assert found.above(low - 0.005) <= 0.05 < found.above(low + 0.005)
    assert found.below(high + 0.005) <= 0.05 < found.below(high - 0.005)
    assert found.interval.level == pytest.approx(0.9) and found.gain() == found.above(0.0)
    assert found.above(1.0) > 0.05 and found.estimate == pytest.approx((found.counts["c"] - found.counts["b"]) / 120)


def test_differences_off_the_scale_are_refused():
    """The bound holds for differences in -1 to 1 only."""
    with pytest.raises(ValueError, match="-1 to 1"):
        sequence(np.array([0.0, 1.5]), 0.05)
