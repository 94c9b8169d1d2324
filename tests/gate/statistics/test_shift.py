"""Shares by day: a move is seen, and nothing else is."""

import numpy as np
import pytest

from benchmarks.watch import measure
from harness.gate.statistics.shift import BASELINE, log_evidence, shift, spent, weigh


def test_all_parts_of_alpha_add_up_to_alpha():
    """Whatever number of shares is watched."""
    parts = [np.exp(-spent(rank, 0.05)) for rank in range(100_000)]
    assert sum(parts) == pytest.approx(0.05, rel=1e-4) and sum(parts) < 0.05


def test_the_evidence_is_an_e_process():
    """Under any one share its mean is at most 1 at the end, and it rarely ever passes 20 (Ville)."""
    rng = np.random.default_rng(5)
    for share in (0.02, 0.3):
        paths = [log_evidence(rng.binomial(40, share, 20).astype(float), np.full(20, 40.0)) for _ in range(400)]
        assert np.mean([np.exp(path[-1]) for path in paths]) <= 1
        assert np.mean([path.max() >= np.log(20) for path in paths]) <= 0.05


@pytest.mark.parametrize("day", [BASELINE, 20, 27])
@pytest.mark.parametrize("after", [0.02, 0.3])
def test_a_move_up_or_down_is_seen_with_its_day_and_shares(day, after):
    """From 10 % of 1,000 people, on the first day that can be judged, within, and on one of the last."""
    rng = np.random.default_rng(day)
    shares = np.where(np.arange(30) < day, 0.1, after)
    found = shift(weigh([rng.binomial(1000, shares)], [np.full(30, 1000)]), 0, spent(20, 0.05))
    assert day <= found.first <= day + 2
    assert abs(found.day - day) <= 1
    assert found.before == pytest.approx(0.1, abs=0.02) and found.since == pytest.approx(after, abs=0.06)


@pytest.mark.parametrize("events,trials", [([0] * 20, [50] * 20), ([50] * 20, [50] * 20), ([0] * 20, [0] * 20)])
def test_shares_without_news_have_no_evidence(events, trials):
    """Never, always, and nobody there: finite numbers, and no alarm."""
    found = shift(weigh([events], [trials]), 0, spent(0, 0.05))
    assert np.isfinite(found.log_evidence) and found.first == -1


def test_a_week_is_needed():
    """Before a day after the baseline there is nothing to say."""
    assert shift(weigh([[1] * BASELINE], [[10] * BASELINE]), 0, 3.0) is None
    assert shift(weigh([[1] * (BASELINE + 1)], [[10] * (BASELINE + 1)]), 0, 3.0).first == -1


@pytest.mark.parametrize("kind", ["independent", "weekdays"])
def test_the_simulation_of_the_benchmark_holds_its_bounds(kind):
    """A small run: at most 5 % of 90-night series with any alarm, a rise by 10 points seen within 7 nights in 80 %."""
    found = measure(kind, series=6)
    assert found["false_alarms"] <= 0.05 and found["within_7"] >= 0.8
