"""The betting confidence sequence."""

import numpy as np
import pytest

from harness.statistics.sequential import confidence_sequence, decided


def drawn(n, truth, discordance, rng):
    draw, loss = rng.random(n), (discordance - truth) / 2
    return np.where(draw < loss, -1.0, np.where(draw < discordance, 1.0, 0.0))


def test_the_truth_is_rarely_ever_left():
    """Over all looks of 120 runs the mean leaves a one-sided 20 % sequence in at most 20 % plus Monte Carlo error."""
    rng = np.random.default_rng(5)
    left = [(confidence_sequence(drawn(80, -0.1, 0.3, rng), 0.2).low > -0.1).any() for _ in range(120)]
    assert np.mean(left) <= 0.2 + 2.33 * (0.16 / 120) ** 0.5


def test_it_only_tightens_and_mirrors():
    """Bounds never loosen, and swapping the arms turns the sequence round."""
    values = drawn(150, 0.1, 0.4, np.random.default_rng(1))
    one, other = confidence_sequence(values), confidence_sequence(-values)
    assert np.all(np.diff(one.low) >= 0) and np.all(np.diff(one.high) <= 0)
    assert other.low == pytest.approx(-one.high)


def test_a_clear_loss_stops_early():
    """Half of the cases broken is known long before the end; an unchanged model is not stopped for a loss."""
    stopped = decided(drawn(300, -0.5, 0.5, np.random.default_rng(2)), -0.03)
    assert stopped is not None and stopped[0] < 60 and stopped[1] == "below"
    assert decided(np.zeros(60), -0.03) is None
    held = decided(np.zeros(300), -0.03)
    assert held is not None and held[1] == "above"


def test_differences_off_the_scale_are_refused():
    """The bound holds for differences in -1 to 1 only."""
    with pytest.raises(ValueError, match="-1 to 1"):
        confidence_sequence(np.array([0.0, 1.5]))
