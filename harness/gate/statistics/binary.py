"""Test paired pass/fail outcomes: each case is broken (passed before, fails now), fixed, or the same."""

import math

from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from harness.types import Interval


def mcnemar_exact(broken: int, fixed: int) -> float:
    """One-sided p of "no gain": the chance of at least `fixed` of the discordant cases, were both kinds equally likely.

    1.0 without discordant cases. McNemar (1947), exact conditional form.
    """
    discordant = broken + fixed
    return float(binomtest(fixed, discordant, 0.5, alternative="greater").pvalue) if discordant else 1.0


def newcombe(both: int, broken: int, fixed: int, neither: int, level: float = 0.95) -> Interval:
    """Newcombe's method 10 for the paired difference of proportions, `(fixed - broken) / n`.

    Wilson intervals of the two rates, joined by the correlation of the pairs (with his continuity correction of phi).
    For display: it needs the whole table, which a score test does not. Newcombe (1998), Statistics in Medicine 17:2635.
    """
    n = both + broken + fixed + neither
    after, before = (both + fixed) / n, (both + broken) / n
    low_a, high_a = _wilson(both + fixed, n, level)
    low_b, high_b = _wilson(both + broken, n, level)
    phi = _corrected_phi(both, broken, fixed, neither)
    difference = after - before
    below = _joined(after - low_a, high_b - before, phi)
    above = _joined(high_a - after, before - low_b, phi)
    return Interval(low=difference - below, high=difference + above, level=level, method="newcombe10")


def clopper_pearson(passed: float, n: float, level: float = 0.95) -> Interval:
    """Exact interval of one rate. Without any success the upper end is near 3/n. Clopper and Pearson (1934);
    with fractions for effective counts, through the same beta quantiles."""
    low, high = proportion_confint(passed, n, alpha=1 - level, method="beta")
    return Interval(low=_number(low, 0.0), high=_number(high, 1.0), level=level, method="clopper_pearson")


def _wilson(count: int, n: int, level: float) -> tuple[float, float]:
    low, high = proportion_confint(count, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def _corrected_phi(both: int, broken: int, fixed: int, neither: int) -> float:
    margins = (both + broken) * (fixed + neither) * (both + fixed) * (broken + neither)
    if margins == 0:
        return 0.0
    n = both + broken + fixed + neither
    product = float(both * neither - broken * fixed)
    if product > 0:
        product = max(product - n / 2, 0.0)
    return product / math.sqrt(margins)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))


def _number(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else float(value)
