"""The choice of method, and that evidence depends on the scores alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gate.statistics.paired import paired

RNG = np.random.default_rng(7)


def alone(n):
    return [f"case {i}" for i in range(n)]


@pytest.mark.parametrize(
    ("before", "after", "clusters", "formula"),
    [
        ([0.0, 1.0] * 20, [1.0, 1.0] * 20, alone(40), "tango_exact"),
        ([0.0, 1.0] * 20, [1.0, 1.0] * 20, [str(i // 2) for i in range(40)], "tango_effective"),
        ([0.0, 0.5] * 20, [1.0, 0.5] * 20, alone(40), "tango_effective"),
        (list(RNG.normal(5, 1, 40)), list(RNG.normal(5, 1, 40)), alone(40), "t"),
        (list(RNG.normal(5, 1, 120)), list(RNG.normal(5, 1, 120)), alone(120), "t"),
        (list(RNG.normal(5, 1, 40)), list(RNG.normal(5, 1, 40)), [str(i // 2) for i in range(40)], "cr1"),
    ],
)
def test_method_fits_the_scores(before, after, clusters, formula):
    """Each kind of score gets the method of the table, and says so."""
    found = paired(before, after, clusters, 0.05)
    assert found.formula == formula == found.interval.method
    assert found.interval.level == pytest.approx(0.9)


@pytest.mark.parametrize("kind", ["binary", "clustered", "rate", "range", "range clusters"])
def test_p_value_and_interval_agree(kind):
    """A bound outside the interval has p at most alpha on its side, one inside has more, for every method."""
    before = RNG.random(80)
    after = before + RNG.normal(0.05, 0.3, 80)
    clusters = [str(i // 4) for i in range(80)] if "cluster" in kind else alone(80)
    if kind in ("binary", "clustered"):
        before, after = (before > 0.5).astype(float), (after > 0.5).astype(float)
    elif kind == "rate":
        after = np.clip(after, 0, 1)
    else:
        before, after = 10 * before, 10 * after
    found = paired(before, after, clusters, 0.05, (-5.0, 15.0) if "range" in kind else None)
    low, high, step = found.interval.low, found.interval.high, 0.05 * (found.interval.high - found.interval.low)
    assert found.above(low - step) <= 0.05 < found.above(low + step)
    assert found.below(high + step) <= 0.05 < found.below(high - step)


def test_numbers_without_a_range_are_not_judged():
    """One unseen score may outweigh all of an open scale, so nothing is shown of it, and what to write is said."""
    found = paired([3.0] * 300, [13.0] * 300, alone(300), 0.05)
    assert "range=(LOW, HIGH)" in found.weakness and found.above(-5.0) == 1.0
    assert paired([3.0] * 300, [13.0] * 300, alone(300), 0.05, (0.0, 20.0)).shows_above(5.0, 0.05)


def test_a_declared_range_is_only_a_unit():
    """Scores of 0 to 50 judged with that range say what the same scores of 0 to 1 say, times 50."""
    before, after = RNG.random(60), RNG.random(60)
    one, fifty = paired(before, after, alone(60), 0.05), paired(50 * before, 50 * after, alone(60), 0.05, (0.0, 50.0))
    assert fifty.interval.low == pytest.approx(50 * one.interval.low)
    assert fifty.above(-5.0) == pytest.approx(one.above(-0.1))


def test_scores_beyond_the_range_count_as_its_ends():
    """A stall of two minutes on a range of ten seconds costs ten seconds, and is counted."""
    after = [1.0] * 59 + [120.0]
    found = paired([1.0] * 60, after, alone(60), 0.05, (0.0, 10.0))
    assert found.estimate == pytest.approx(9 / 60) and found.counts["beyond_range"] == 1


def test_equal_rates_can_be_judged():
    """Rates that never differ have the scale 0 to 1: an interval, not a point."""
    found = paired([1.0] * 30, [1.0] * 30, alone(30), 0.05)
    assert not found.weakness
    assert found.interval.low < -0.05


def test_under_ten_clusters_is_not_judged():
    """Nine clusters have no honest interval; ten have one."""
    values = [0.0, 1.0] * 45
    assert "9 clusters" in paired(values, values, [str(i % 9) for i in range(90)], 0.05).weakness
    assert not paired(values, values, [str(i % 10) for i in range(90)], 0.05).weakness


@settings(max_examples=15)
@given(st.permutations(list(range(24))), st.booleans(), st.booleans())
def test_order_and_names_change_nothing(order, clustered, rates):
    """Shuffled cases and renamed clusters give the very same evidence, resampling included."""
    scale = 1.0 if rates else 10.0
    rng = np.random.default_rng(3)
    before, after = scale * rng.random(24), scale * rng.random(24)
    clusters = [str(i // 2) if clustered else str(i) for i in range(24)]
    one = paired(before, after, clusters, 0.05)
    other = paired(before[order], after[order], [f"x{clusters[i]}" for i in order], 0.05)
    assert other.interval.low == pytest.approx(one.interval.low, abs=1e-12)
    assert other.interval.high == pytest.approx(one.interval.high, abs=1e-12)


def test_a_clear_difference_is_shown_and_a_weak_one_never():
    """Twenty of forty fixed is above 0 and not below it; the same in five clusters, which no method judges, is neither."""
    before, after = [0.0] * 40, [1.0] * 20 + [0.0] * 20
    clear, weak = paired(before, after, alone(40), 0.05), paired(before, after, [str(i % 5) for i in range(40)], 0.05)
    assert clear.shows_above(0.0, 0.05) and not clear.shows_below(0.0, 0.05)
    assert paired(after, before, alone(40), 0.05).shows_below(0.0, 0.05)
    assert not weak.shows_above(0.0, 0.05) and not weak.shows_below(1.0, 0.05)
    assert (clear.counts["b"], clear.counts["c"]) == (0, 20)


def test_a_gain_in_clusters_is_one_over_nothing():
    """Where cases come in clusters the p value of a gain is that of the score test at a bound of 0."""
    before, after = [0.0] * 60, [1.0, 0.0, 0.0] * 20
    found = paired(before, after, [str(i // 3) for i in range(60)], 0.05)
    assert found.gain() == found.above(0.0) < 0.05


def test_knife_edge_shows_nothing():
    """3 broken and 9 fixed of 16: the interval ends above 0, the test does not rule 0 out; so nothing is shown."""
    before, after = [1.0] * 3 + [0.0] * 13, [0.0] * 3 + [1.0] * 9 + [0.0] * 4
    found = paired(before, after, alone(16), 0.05)
    assert found.interval.low > 0 and found.above(0.0) > 0.05
    assert not found.shows_above(0.0, 0.05)
    assert found.covering(0.0, 0.05).low == 0.0
