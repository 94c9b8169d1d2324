"""Tango's score test: as published, and made exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial, norm

from harness.gate.statistics import tango

counts = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 40))


def test_published_example():
    """Tango (1998), the contact lens trial of Miyanaga: 44 pairs, one loss, margin 0.1, Z = 1.709, 90 % interval."""
    assert float(tango.score(1, 0, 44, -0.1)) == pytest.approx(1.709, abs=5e-4)
    band = tango.asymptotic(1, 0, 44, 0.90)
    assert (band.low, band.high) == pytest.approx((-0.096, 0.037), abs=5e-4)


def test_published_interval():
    """Fagerland, Lydersen and Laake (2014), airway data of Bentur: 7 against 1 of 21, Tango's interval."""
    band = tango.asymptotic(7, 1, 21, 0.95)
    assert (band.low, band.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_no_margin_is_mcnemar():
    """At a bound of zero the score is McNemar's (c - b) / sqrt(b + c)."""
    assert float(tango.score(5, 14, 100, 0.0)) == pytest.approx(9 / 19**0.5)


def test_statistic_is_the_score_at_the_constrained_maximum():
    """Tango's closed form of the losses is where the likelihood under the bound is largest."""
    broken, fixed, n, bound = 9, 4, 80, -0.05
    losses = np.linspace(0.0501, 0.5, 200_001)
    rest = 1 - 2 * losses - bound
    likelihood = broken * np.log(losses) + fixed * np.log(losses + bound) + (n - broken - fixed) * np.log(rest)
    best = losses[np.argmax(likelihood)]
    expected = (fixed - broken - n * bound) / np.sqrt(n * (2 * best + bound - bound**2))
    assert float(tango.score(broken, fixed, n, bound)) == pytest.approx(expected, abs=1e-4)


def test_zero_flips_are_not_certainty():
    """Without any discordant case the interval still has a width, near 3/n at each end."""
    band = tango.interval(0, 0, 100, 0.90)
    assert band.low == pytest.approx(-0.0295, abs=2e-4)
    assert band.high == -band.low


@pytest.mark.parametrize(("n", "bound", "discordance"), [(12, -0.1, 0.3), (15, 0.2, 0.5), (10, 0.0, 0.4)])
def test_tail_is_the_sum_over_all_tables(n, bound, discordance):
    """The tail probability equals the brute-force sum over every table that reaches the statistic."""
    truth, z = bound, 1.2
    chances = [(discordance - truth) / 2, (discordance + truth) / 2, 1 - discordance]
    tables = [(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)]
    reach = [table for table in tables if float(tango.score(table[0], table[1], n, bound)) >= z - 1e-9]
    expected = sum(multinomial.pmf(table, n, chances) for table in reach)
    assert tango.tail(z, n, bound, truth, np.array([discordance]))[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [20, 100, 200, 500])
@pytest.mark.parametrize("bound", [-0.03, -0.1, 0.0, 0.05])
def test_size_is_at_most_alpha_at_any_discordance(n, bound):
    """At the exact critical value no discordance, on a finer grid than the search, lets more than alpha through."""
    rates = np.linspace(abs(bound) + 1e-6, 1.0, 1500)
    z = tango.critical(n, bound, 0.05)
    assert tango.tail(z, n, bound, bound, rates).max() <= 0.0502
    assert tango.tail(z - 0.2, n, bound, bound, rates).max() > 0.05


def test_normal_quantile_alone_lets_too_much_through():
    """The reason for the exact version: at 200 cases and 3 points the published test errs in up to 5.9 %."""
    rates = np.linspace(0.0301, 0.3, 400)
    assert tango.tail(float(norm.isf(0.05)), 200, -0.03, -0.03, rates).max() > 0.055


@settings(max_examples=40)
@given(counts, st.sampled_from([-0.2, -0.05, 0.0, 0.1]))
def test_interval_and_p_value_say_the_same(table, bound):
    """A bound well outside the interval is ruled out by the p value too, one well inside is not."""
    broken, fixed, rest = table
    n = broken + fixed + rest
    band = tango.interval(broken, fixed, n, 0.90)
    near = 0.02  # the exact p value is not everywhere monotone
    if abs(band.low - bound) > near:
        assert (band.low > bound) == (tango.p_above(broken, fixed, n, bound) <= 0.05)
    if abs(band.high - bound) > near:
        assert (band.high < bound) == (tango.p_below(broken, fixed, n, bound) <= 0.05)


@settings(max_examples=30)
@given(counts)
def test_interval_holds_the_estimate_and_turns_round(table):
    """low < estimate < high or both at an end of the scale, and swapping the arms mirrors the interval."""
    broken, fixed, rest = table
    n = broken + fixed + rest
    band, mirrored = tango.interval(broken, fixed, n, 0.90), tango.interval(fixed, broken, n, 0.90)
    assert -1 <= band.low < (fixed - broken) / n < band.high <= 1
    assert (band.low, band.high) == pytest.approx((-mirrored.high, -mirrored.low))


@settings(max_examples=30)
@given(st.integers(2, 60), st.floats(-0.9, 0.9), st.data())
def test_statistic_grows_with_every_case_fixed(n, bound, data):
    """For a given number of discordant cases more fixed ones never lower the score: the bisection relies on it."""
    m = data.draw(st.integers(1, n))
    fixed = np.arange(m + 1)
    assert np.all(np.diff(tango.score(m - fixed, fixed, n, bound)) >= -1e-9)


def test_bounds_past_the_scale():
    """A difference is never above 1 and always above -1."""
    assert tango.p_above(0, 10, 10, 1.0) == 1.0
    assert tango.p_above(10, 0, 10, -1.0) == 0.0


def test_large_samples_use_the_normal_tail():
    """Above the exact range p is the normal tail, and at the border the two agree."""
    at, above = tango.EXACT_UP_TO, tango.EXACT_UP_TO + 1
    assert tango.p_above(100, 60, at, -0.015) == pytest.approx(tango.p_above(100, 60, above, -0.015), rel=0.15)
