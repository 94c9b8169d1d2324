"""Compute Tango's score test for a paired difference of proportions, made exact.

The score statistic estimates the variance under the hypothesis, so it stays honest where a Wald or t interval collapses
to a point: with no discordant case at all. Its normal approximation still lets a few per cent too many through at some
sizes; so the statistic only orders the tables, and the p value is the largest chance, over every discordance there may
be, of a table at least as extreme. Tango (1998), Statistics in Medicine 17:891; Hsueh, Liu and Chen (2001), Biometrics
57:478.

`broken` and `fixed` count discordant cases of `n`; the difference is `(fixed - broken) / n`. They may be fractions, for
effective counts (`harness.gate.statistics.effective`).
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import betainc, gammaln
from scipy.stats import norm

from harness.types import Interval

Floats = npt.NDArray[np.float64]
Numbers = float | npt.NDArray[Any]
"""One number, or an array of them."""

EXACT_UP_TO = 5000
"""Cases above which the normal approximation is used: there the two agree to the third digit of the p value."""
GRID = 96
"""Discordance rates tried for the largest chance, evenly on the arcsine scale: close together at both ends, where the
chance changes fastest. The neighbourhood of the largest is then searched finer."""
FINER = 16


def score(broken: Numbers, fixed: Numbers, n: float, bound: float) -> Floats:
    """Tango's statistic of "the difference is `bound`": above zero when more was gained. Arrays broadcast."""
    root = 2.0 * n
    linear = -broken - fixed + (2.0 * n - fixed + broken) * bound
    constant = -broken * bound * (1.0 - bound)
    loss = (np.sqrt(np.maximum(linear**2 - 4.0 * root * constant, 0.0)) - linear) / (2.0 * root)
    variance = n * (2.0 * loss + bound * (1.0 - bound))
    distance = fixed - broken - n * bound
    with np.errstate(divide="ignore", invalid="ignore"):
        value = distance / np.sqrt(np.maximum(variance, 0.0))
    statistic: Floats = np.where(np.abs(distance) < 1e-9, 0.0, value)
    return statistic


def p_above(broken: float, fixed: float, n: float, bound: float) -> float:
    """p of "the difference is at most `bound`"; small when it is larger. Exact over all discordance rates."""
    if not -1.0 < bound < 1.0:
        return 1.0 if bound >= 1.0 else 0.0
    z = float(score(broken, fixed, n, bound))
    return float(norm.sf(z)) if n > EXACT_UP_TO else largest_tail(z, max(1, round(n)), bound)


def p_below(broken: float, fixed: float, n: float, bound: float) -> float:
    """p of "the difference is at least `bound`"; small when it is smaller."""
    return p_above(fixed, broken, n, -bound)


def interval(broken: float, fixed: float, n: float, level: float) -> Interval:
    """Two-sided interval, each end at one-sided error (1 - level) / 2: where the exact test stops rejecting."""
    tail = (1.0 - level) / 2.0
    low = _lower_end(broken, fixed, n, tail)
    high = -_lower_end(fixed, broken, n, tail)
    return Interval(low=low, high=high, level=level, method="tango_exact")


def asymptotic(broken: float, fixed: float, n: float, level: float) -> Interval:
    """Tango's interval as published, by the normal approximation."""
    z = float(norm.isf((1.0 - level) / 2.0))
    return Interval(
        low=_score_root(broken, fixed, n, z), high=-_score_root(fixed, broken, n, z), level=level, method="tango"
    )


@lru_cache(maxsize=4096)
def critical(n: int, bound: float, alpha: float) -> float:
    """The smallest statistic that rejects "at most `bound`" with error `alpha`, whatever the discordance is."""
    low, high = 0.0, 16.0  # no statistic of up to 5,000 cases is so far out at a bound worth asking about
    for _ in range(20):
        middle = (low + high) / 2.0
        low, high = (low, middle) if largest_tail(middle, n, bound) <= alpha else (middle, high)
    return high


@lru_cache(maxsize=65536)
def largest_tail(z: float, n: int, bound: float) -> float:
    """Largest chance, over all discordance rates, of a statistic of at least `z` when the difference is `bound`."""
    lowest = abs(bound)
    rates = lowest + (1.0 - lowest) * np.sin(np.linspace(0.0, np.pi / 2, GRID + 1)) ** 2
    chances = tail(z, n, bound, bound, rates)
    best = int(np.argmax(chances))
    near = np.linspace(rates[max(best - 1, 0)], rates[min(best + 1, GRID)], FINER + 1)
    return min(float(max(chances[best], np.max(tail(z, n, bound, bound, near)))), 1.0)


def tail(z: float, n: int, bound: float, truth: float, rates: np.ndarray) -> np.ndarray:
    """Chance of `score(..., bound) >= z` when the difference is `truth`, at each discordance rate of `rates`.

    A sum over the number m of discordant cases: its binomial chance times the chance of enough fixed ones among them.
    """
    rates = np.asarray(rates, dtype=float)
    share = np.clip((rates + truth) / 2.0 / np.maximum(rates, 1e-300), 0.0, 1.0)  # of discordant cases, fixed
    chance = _binomial(n, rates)
    rows, m = np.nonzero(chance > 1e-13)
    need = _fewest_fixed(z, n, bound)[m]
    enough = np.where(need > m, 0.0, 1.0)
    inner = (need > 0) & (need <= m)
    enough[inner] = betainc(need[inner], (m - need + 1)[inner], share[rows[inner]])
    return np.bincount(rows, weights=chance[rows, m] * enough, minlength=len(rates))


@lru_cache(maxsize=256)
def _fewest_fixed(z: float, n: int, bound: float) -> np.ndarray:
    """For each number m of discordant cases, 0 to n: the fewest fixed among them that reach `z`; m + 1 if none does.

    Bisection: for a given m the statistic grows with every broken case turned into a fixed one.
    """
    m = np.arange(n + 1)
    low, high = np.zeros(n + 1, dtype=int), m + 1
    while np.any(low < high):
        middle = (low + high) // 2
        reached = score(m - middle, middle, n, bound) >= z - 1e-9
        low, high = np.where(reached | (low >= high), low, middle + 1), np.where(reached, middle, high)
    return high


def _binomial(n: int, rates: np.ndarray) -> np.ndarray:
    """Chance of each count 0 to n, one row a rate."""
    m = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
    inside = np.clip(rates, 1e-300, 1.0 - 1e-16)[:, None]
    chances: Floats = np.exp(ways + m * np.log(inside) + (n - m) * np.log1p(-inside))
    return chances


def _lower_end(broken: float, fixed: float, n: float, alpha: float) -> float:
    """Bisection between -1 and the estimate, started at the end of the approximate interval."""
    estimate = (fixed - broken) / n
    guess = _score_root(broken, fixed, n, float(norm.isf(alpha)))
    reach = max(estimate - guess, 1.0 / n)
    low, high = max(guess - reach / 2.0, -1.0), min(guess + reach / 2.0, estimate)
    if p_above(broken, fixed, n, low) > alpha:
        low = -1.0
    if p_above(broken, fixed, n, high) <= alpha:
        high = estimate
    for _ in range(14):
        middle = (low + high) / 2.0
        low, high = (middle, high) if p_above(broken, fixed, n, middle) <= alpha else (low, middle)
    return low


def _score_root(broken: float, fixed: float, n: float, z: float) -> float:
    """The difference below the estimate whose statistic is `z`."""
    estimate = (fixed - broken) / n

    def excess(bound: float) -> float:
        return float(score(broken, fixed, n, bound)) - z

    floor = -1.0 + 1e-12
    if estimate <= floor or excess(floor) <= 0.0:
        return -1.0
    return float(brentq(excess, floor, estimate, xtol=1e-10))
