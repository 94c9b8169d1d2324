"""The planner: what it foretells is what happens."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.power import TTestPower

from harness.gate.statistics import tango
from harness.gate.statistics.power import _normal_cases, cases_needed, more_cases, power
from harness.types import Interval


@pytest.mark.parametrize(("n", "bound", "truth", "discordance"), [(200, -0.05, 0.0, 0.1), (150, 0.05, 0.15, 0.25)])
def test_power_is_what_a_simulation_finds(n, bound, truth, discordance):
    """20,000 simulated runs reject as often as foretold, within Monte Carlo error."""
    rng = np.random.default_rng(11)
    drawn = rng.multinomial(n, [(discordance - truth) / 2, (discordance + truth) / 2, 1 - discordance], size=20_000)
    seen = np.mean(tango.score(drawn[:, 0], drawn[:, 1], n, bound) >= tango.critical(n, bound, 0.05))
    assert power(n, bound, truth, discordance) == pytest.approx(seen, abs=0.012)


@pytest.mark.parametrize(("margin", "discordance", "normal"), [(0.03, 0.10, 687), (0.03, 0.05, 344), (0.08, 0.10, 97)])
def test_cases_needed_is_near_the_normal_formula(margin, discordance, normal):
    """Miller's formula gives 687, 344 and 97 cases; the exact test asks for somewhat more."""
    assert normal <= cases_needed(-margin, 0.0, discordance) <= 1.2 * normal + 5


def test_cases_needed_reaches_the_power_and_not_much_before():
    """At the number it gives the power is there; a tenth fewer cases do not have it."""
    n = cases_needed(-0.05, 0.0, 0.1)
    assert power(n, -0.05, 0.0, 0.1) >= 0.8
    assert power(int(0.9 * n), -0.05, 0.0, 0.1) < 0.8


def test_what_is_not_true_cannot_be_planned_for():
    """A gain that is not above the bound is refused, not answered with a large number."""
    with pytest.raises(ValueError, match="not above"):
        cases_needed(0.05, 0.05, 0.2)


def test_clusters_need_more_cases():
    """A design effect of 3 asks for three times the cases, and gives the same power there."""
    assert cases_needed(-0.08, 0.0, 0.1, design=3) == pytest.approx(3 * cases_needed(-0.08, 0.0, 0.1), abs=3)
    assert power(300, -0.08, 0.0, 0.1, design=3) == power(100, -0.08, 0.0, 0.1)


def test_more_cases_follow_the_noise_that_was_seen():
    """Half the width needs a quarter of the cases in all; and it is never less than one more."""
    wide, narrow = (Interval(low=-w, high=w, level=0.9, method="t") for w in (0.08, 0.04))
    all_wide, all_narrow = more_cases(wide, 100, -0.03, 0.0) + 100, more_cases(narrow, 100, -0.03, 0.0) + 100
    assert all_wide == pytest.approx(4 * all_narrow, abs=4)
    assert more_cases(narrow, 10_000, -0.5, 0.0) == 1
    error = 0.08 / 1.644854
    assert all_wide == pytest.approx(100 * ((1.644854 + 0.841621) * error / 0.03) ** 2, abs=1)


def test_more_cases_outweigh_an_unlucky_start():
    """500 cases that lost 2.4 points of 4 do not clear the margin with one more: those after them have to make it up."""
    seen = Interval(low=-0.049, high=0.001, level=0.9, method="t")
    more = more_cases(seen, 500, -0.04, 0.0)
    share = 500 / (500 + more)
    assert more > 100
    assert share * -0.024 - 0.025 * share**0.5 > -0.04


def test_large_samples_are_planned_without_the_exact_sum():
    """Above the exact range the normal approximation continues it."""
    n = tango.EXACT_UP_TO
    assert power(n + 1, -0.01, 0.0, 0.1) == pytest.approx(power(n, -0.01, 0.0, 0.1), abs=0.02)


@pytest.mark.parametrize(("margin", "discordance", "alpha"), [(0.03, 1 / 9, 0.025), (0.05, 0.2, 0.05)])
def test_the_starting_formula_is_that_of_statsmodels(margin, discordance, alpha):
    """Miller (2024), section 5: the cases for a margin and a variance of differences, as statsmodels' normal power."""
    effect = margin / discordance**0.5
    power_there = norm.cdf(effect * _normal_cases(-margin, 0.0, discordance, alpha, 0.8) ** 0.5 - norm.isf(alpha))
    assert power_there == pytest.approx(0.8)
    theirs = TTestPower().solve_power(effect_size=effect, alpha=alpha, power=0.8, alternative="larger")
    assert _normal_cases(-margin, 0.0, discordance, alpha, 0.8) == pytest.approx(theirs, rel=0.01)
