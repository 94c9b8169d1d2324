"""The gate's own false-alarm rate."""

import numpy as np
import pytest
from scipy.stats import binom

from harness.gate.statistics.alarm import false_alarm_rate


def alone(n):
    return [str(i) for i in range(n)]


def test_pass_or_fail_is_summed_exactly():
    """Ten flips alarm from nine gains on (p = 11/1024): eleven of 1,024 label swaps; four flips never do."""
    flips = np.array([1.0] * 10 + [0.0] * 90)
    assert false_alarm_rate(flips, alone(100), 0.05) == pytest.approx(float(binom.sf(8, 10, 0.5)))
    assert false_alarm_rate(flips[:4], alone(4), 0.05) == 0.0
    assert false_alarm_rate(np.zeros(50), alone(50), 0.05) == 0.0


def test_it_never_passes_alpha():
    """Swapped labels of clusters or repeats alarm in at most alpha plus Monte Carlo error; those of single cases not
    never."""
    rng = np.random.default_rng(8)
    halves = rng.choice([-0.5, 0.0, 0.5], size=200)
    clusters = [str(i // 4) for i in range(200)]
    most = 0.1 + 2.33 * (0.09 / 400) ** 0.5
    assert 0.0 < false_alarm_rate(halves, alone(200), 0.1) <= most
    assert false_alarm_rate(halves, clusters, 0.1) <= most
