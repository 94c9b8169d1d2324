"""The change of a rate between two groups of cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.gate.statistics.rates import change


def of(events, cases):
    return [True] * events + [False] * (cases - events)


def test_newcombes_example():
    """56 of 70 against 48 of 80 (his example a): method 10 gives 0.0524 to 0.3339 for the first minus the second."""
    found = change(of(48, 80), of(56, 70))
    assert found.interval.low == pytest.approx(0.0524, abs=5e-5)
    assert found.interval.high == pytest.approx(0.3339, abs=5e-5)


@given(st.integers(1, 80), st.integers(1, 80), st.data())
@settings(max_examples=40)
def test_independent_cases_agree_with_statsmodels(n, m, data):
    """The same interval as the reference implementation, at the edges too."""
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = change(of(x, n), of(y, m)).interval
    low, high = confint_proportions_2indep(y, m, x, n, method="newcomb")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def test_equal_rates_are_seldom_called_a_change():
    """Shares of five calls that fail together half the time: at most 5 % false alarms beside Monte Carlo error."""
    draw = np.random.default_rng(5)

    def side():
        own, shared = draw.random((60, 5)) < 0.2, draw.random((60, 1)) < 0.2
        return np.where(draw.random((60, 1)) < 0.5, shared, own).mean(axis=1)

    alarms = 0
    for _ in range(300):
        found = change(side(), side()).interval
        alarms += found.low > 0 or found.high < 0
    assert alarms <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5
