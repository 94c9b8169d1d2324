"""The change of a rate between two groups of cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.statistics.rates import change


def of(events, cases, each=1):
    """Events first; clusters of `each` cases."""
    return [True] * events + [False] * (cases - events), [str(number // each) for number in range(cases)]


def changed(first, second, level=0.95):
    (before, of_before), (after, of_after) = first, second
    return change(before, after, of_before, of_after, level)


def test_newcombes_example():
    """56 of 70 against 48 of 80 (his example a): method 10 gives 0.0524 to 0.3339 for the first minus the second."""
    found = changed(of(48, 80), of(56, 70))
    assert found.interval.low == pytest.approx(0.0524, abs=5e-5)
    assert found.interval.high == pytest.approx(0.3339, abs=5e-5)


@given(st.integers(1, 80), st.integers(1, 80), st.data())
@settings(max_examples=40)
def test_independent_cases_agree_with_statsmodels(n, m, data):
    """The same interval as the reference implementation, at the edges too."""
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = changed(of(x, n), of(y, m)).interval
    low, high = confint_proportions_2indep(y, m, x, n, method="newcomb")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def test_one_loud_person_is_not_many():
    """Forty failures of one person widen the interval past zero, where forty of forty people do not."""
    calm = of(10, 400)
    loud = [True] * 40 + [False] * 360, ["one"] * 40 + [str(n) for n in range(360)]
    assert changed(calm, of(40, 400)).interval.low > 0
    assert changed(calm, loud).interval.low < 0


def test_equal_rates_are_seldom_called_a_change():
    """With clusters of five that fail together half the time, at most 5 % false alarms beside Monte Carlo error."""
    draw = np.random.default_rng(5)
    clusters = np.repeat(np.arange(60), 5).astype(str)

    def side():
        own, shared = draw.random(300) < 0.2, np.repeat(draw.random(60) < 0.2, 5)
        return np.where(np.repeat(draw.random(60) < 0.5, 5), shared, own)

    alarms = 0
    for _ in range(300):
        found = change(side(), side(), clusters, clusters).interval
        alarms += found.low > 0 or found.high < 0
    assert alarms <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5
