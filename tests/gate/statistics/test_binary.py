"""McNemar, Newcombe and Clopper-Pearson against published figures and other implementations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from harness.gate.statistics.binary import _corrected_phi, clopper_pearson, mcnemar_exact, newcombe


def test_newcombe_published():
    """Newcombe (1998), table of worked examples, 36 / 12 / 2 / 0 of 50: method 10 gives 0.0569 to 0.3404."""
    band = newcombe(36, 2, 12, 0)
    assert (band.low, band.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_newcombe_second_published():
    """Fagerland, Lydersen and Laake (2014), airway data: 1 / 7 / 1 / 12 gives -0.507 to -0.026."""
    band = newcombe(1, 7, 1, 12)
    assert (band.low, band.high) == pytest.approx((-0.507, -0.026), abs=5e-4)


def test_newcombe_without_correlation_is_square_and_add():
    """With an empty margin phi is zero, so the Wilson distances add in squares."""
    band = newcombe(0, 0, 5, 15)
    one = binomtest(5, 20).proportion_ci(method="wilson")
    none = binomtest(0, 20).proportion_ci(method="wilson")
    assert band.low == pytest.approx(0.25 - ((0.25 - one.low) ** 2 + none.high**2) ** 0.5)
    assert band.high == pytest.approx(0.25 + (one.high - 0.25))


def test_newcombes_continuity_correction():
    """Half of n is taken off a positive association, down to none; a negative one stays as it is."""
    assert _corrected_phi(1, 0, 0, 1) == 0.0
    assert _corrected_phi(3, 0, 0, 3) == pytest.approx((9 - 3) / 9)
    assert _corrected_phi(0, 3, 3, 0) == -1.0


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_agrees_with_statsmodels(broken, fixed):
    """Twice the one-sided p is the two-sided exact p of statsmodels, where gains prevail."""
    two_sided = mcnemar([[0, broken], [fixed, 0]], exact=True).pvalue
    if fixed > broken:
        assert min(1.0, 2 * mcnemar_exact(broken, fixed)) == pytest.approx(two_sided)
    else:
        assert mcnemar_exact(broken, fixed) >= 0.5


def test_mcnemar_without_discordance_shows_nothing():
    """No case differs: p is 1, not NaN."""
    assert mcnemar_exact(0, 0) == 1.0


@given(st.integers(0, 50), st.integers(1, 50))
def test_clopper_pearson_agrees_with_scipy(passed, more):
    """The exact interval is the one of scipy, ends of the scale included."""
    n = passed + more
    ours, theirs = clopper_pearson(passed, n, 0.9), binomtest(passed, n).proportion_ci(0.9, method="exact")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_rule_of_three():
    """No failure in 300 leaves an upper end near 3/n."""
    assert clopper_pearson(0, 300, 0.90).high == pytest.approx(3 / 300, rel=0.01)
