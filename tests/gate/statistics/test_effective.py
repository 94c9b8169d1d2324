"""Effective counts of clusters and repeats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gate.statistics.binary import clopper_pearson
from harness.gate.statistics.effective import (
    _design,
    design_effect,
    effective,
    equal_clusters,
    few_clusters_factor,
    one_rate,
)


def test_independent_pass_or_fail_is_left_alone():
    """Own cluster each, 0/1 scores: the counts are the counts."""
    found = effective(np.array([-1.0, 1.0, 1.0, 0.0]), ["a", "b", "c", "d"])
    assert (found.broken, found.fixed, found.n, found.design) == (1, 2, 4, 1.0)


def test_clusters_that_move_as_one_count_as_one_case():
    """Ten clusters of five that break as a whole are worth about the ten, not the fifty."""
    values = np.repeat([-1.0] * 3 + [0.0] * 37, 5)
    found = effective(values, np.repeat(np.arange(40), 5))
    assert found.design == pytest.approx(5.0, rel=0.1)
    assert found.n == pytest.approx(40, rel=0.1)


def test_without_any_difference_each_cluster_counts_once():
    """No flip seen says nothing about cases within a cluster, so only the clusters count."""
    found = effective(np.zeros(100), np.repeat(np.arange(20), 5))
    assert found.n == pytest.approx(20, rel=0.15)
    assert found.n < 20


def test_repeats_count_for_more():
    """Differences of a half are surer than flips of a whole: the design effect falls below 1, not below the truth."""
    values = np.array([-0.5, 0.5] * 50 + [0.0] * 100)
    found = effective(values, np.arange(200))
    assert 0.5 < found.design < 0.55


def test_few_clusters_pay_for_their_degrees_of_freedom():
    """Twelve clusters count for less than a twelfth of 12 times as many, by (t / z) squared."""
    few = effective(np.tile([1.0, -1.0, 0.0, 0.0], 12), np.repeat(np.arange(12), 4), alpha=0.05)
    assert few.design > (1.7959 / 1.6449) ** 2 * 0.99


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.integers(0, 8)), min_size=2, max_size=40))
def test_clusters_never_add_evidence(rows):
    """Putting pass/fail cases into clusters never raises the effective number of cases by more than the unseen one that is
    counted along, nor the difference."""
    values, clusters = np.array([value for value, _ in rows]), [number for _, number in rows]
    found = effective(values, clusters)
    assert found.n <= 2 * len(rows) + 1e-9
    assert (found.fixed - found.broken) / found.n <= values.mean() + 1e-9


@settings(max_examples=40)
@given(st.permutations(list(range(12))))
def test_order_and_names_do_not_matter(order):
    """Shuffled rows and renamed clusters give the same counts."""
    values = np.array([-1, 1, 0, 0, 1, 0, -1, 0, 0.5, 0, 0, 1])
    clusters = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    one = effective(values, clusters)
    other = effective(values[order], [f"name {9 - clusters[i]}" for i in order])
    assert other.n == pytest.approx(one.n)


def test_pass_or_fail_in_clusters_of_one_or_alone_is_the_same():
    """Pass/fail cases, each a cluster, have a design effect of exactly 1: nothing is estimated."""
    values = np.array([1.0, -1.0, 0.0, 0.0, 1.0] * 8)
    assert effective(values, np.arange(40)).design == 1.0


def test_clusters_have_one_degree_of_freedom_less():
    """The correction for few clusters is (t / z) squared with one degree less than clusters."""
    for groups, quantile in ((2, 6.3138), (3, 2.9200), (12, 1.7959)):
        assert few_clusters_factor(groups, 0.05) == pytest.approx((quantile / 1.6449) ** 2, rel=1e-3)
    values = np.repeat([1.0, -1.0, 0.0, 0.0], 10)
    together = effective(values, np.repeat(np.arange(4), 10), alpha=0.05)
    assert together.design == pytest.approx(
        _design(values, np.repeat(np.arange(4), 10)) * (2.3534 / 1.6449) ** 2, rel=1e-3
    )


def test_one_rate_of_independent_cases_is_clopper_pearson():
    """Own cluster each and 0/1 scores: the exact interval as it is."""
    values = np.array([1.0] * 3 + [0.0] * 57)
    assert one_rate(values, np.arange(60), 0.9) == clopper_pearson(3, 60, 0.9)


def test_one_rate_of_clusters_is_wider():
    """Twelve clusters that pass or fail as a whole are about twelve cases, less their degrees of freedom."""
    values, index = np.repeat([1.0] * 2 + [0.0] * 10, 5), np.repeat(np.arange(12), 5)
    band, twelve = one_rate(values, index, 0.9), clopper_pearson(2, 12, 0.9)
    assert band.method == "clopper_pearson_effective"
    assert band.high > twelve.high and band.low < twelve.low


def test_one_rate_of_few_clusters_has_their_degrees_of_freedom():
    """The counts are divided by the design effect and by (t / z) squared with one degree less than clusters."""
    values, index = np.repeat([1.0, 0.0, 0.0], 8), np.repeat(np.arange(3), 8)
    design, clusters = design_effect(values, index, 0.9)
    bare = max(_design(values, np.arange(24)), _design(values, index))
    assert (clusters, design) == (3, pytest.approx(bare * (2.91999 / 1.64485) ** 2, rel=1e-4))


def test_one_rate_of_repeats_is_narrower():
    """Averages of many repeats that all lie at one half say more than as many single answers."""
    halves = one_rate(np.full(60, 0.5), np.arange(60), 0.9)
    single = clopper_pearson(30, 60, 0.9)
    assert halves.high - halves.low < 0.5 * (single.high - single.low)


def test_unequal_clusters_count_as_fewer():
    """One session of 100 cases among 100 of one each counts as four equal clusters; equal ones count as they are."""
    assert equal_clusters(np.array([0] * 100 + list(range(1, 101)))) == pytest.approx(200**2 / (100**2 + 100))
    assert equal_clusters(np.repeat(np.arange(17), 4)) == 17


def test_a_total_failure_that_the_sample_lacks_is_counted_along():
    """Fifty small gains and one unseen total loss: broken at least one effective case, and n one case more."""
    found = effective(np.full(50, 0.05), np.arange(50))
    assert found.broken * found.design == pytest.approx(1.0)
    assert found.n * found.design == pytest.approx(51)
    upper = effective(np.full(50, 0.05), np.arange(50), unseen=1.0)
    assert (upper.broken, upper.fixed * upper.design) == (0.0, pytest.approx(3.5))
