"""Compute how many cases it takes, before anything is trained or measured.

For pass/fail cases the power is not simulated or approximated: the exact test rejects a known set of tables, and their
chance is summed. Everything speaks of `truth`, the true difference, and of `discordance`, the share of cases whose
outcome differs between the arms (broken plus fixed).
"""

import math

import numpy as np
from scipy.stats import norm

from harness.gate.statistics import tango
from harness.types import Interval

MOST = 200_000
"""More cases than this are not planned for."""


def power(n: int, bound: float, truth: float, discordance: float, alpha: float = 0.05, design: float = 1.0) -> float:
    """Chance that `n` cases show a difference above `bound`. `design` is the design effect of clusters or repeats."""
    effective = max(1, round(n / design))
    discordance = max(discordance, abs(truth))
    if effective > tango.EXACT_UP_TO:
        return _approximate(effective, bound, truth, discordance, alpha)
    z = tango.critical(effective, bound, alpha)
    return float(tango.tail(z, effective, bound, truth, np.array([discordance]))[0])


def cases_needed(
    bound: float, truth: float, discordance: float, alpha: float = 0.05, power_wanted: float = 0.8, design: float = 1.0
) -> int:
    """Fewest cases, within 1 %, that show a difference above `bound` with the wanted power.

    Starts from the normal approximation (Miller 2024, arXiv 2411.00640, section 5). Raises ValueError when truth <=
    bound: what is not so cannot be shown.
    """
    if truth <= bound:
        raise ValueError(f"a true difference of {truth} is not above the bound {bound}")
    discordance = max(discordance, abs(truth))
    guess = min(_normal_cases(bound, truth, discordance, alpha, power_wanted), MOST)
    low, high = 1, min(math.ceil(1.05 * guess) + 4, MOST)

    def enough(n: int) -> bool:
        return power(n, bound, truth, discordance, alpha) >= power_wanted

    while not enough(high) and high < MOST:
        low, high = high, min(math.ceil(1.2 * high), MOST)
    while high - low > max(1, high // 100):
        middle = max((low + high) // 2, high - max(high // 20, 1))  # the answer is near the upper end
        low, high = (low, middle) if enough(middle) else (middle, high)
    return math.ceil(high * design)


def more_cases(seen: Interval, n: int, bound: float, truth: float, power_wanted: float = 0.8) -> int:
    """Further cases that would show a difference above `bound`, were the truth `truth` and the noise that of `seen`.

    At once, for "needs about N more cases": by the normal approximation, at the one-sided error of the interval's ends.
    What was seen stays in: never fewer than after which all cases together are expected to show it.
    """
    alpha = (1 - seen.level) / 2
    estimate, error = (seen.low + seen.high) / 2, (seen.high - seen.low) / 2 / float(norm.isf(alpha))
    quantiles = float(norm.isf(alpha) + norm.isf(1 - power_wanted))
    more = max(1, math.ceil(n * (quantiles * error / (truth - bound)) ** 2) - n)

    def expected_low() -> float:
        share = n / (n + more)
        return share * estimate + (1 - share) * truth - float(norm.isf(alpha)) * error * math.sqrt(share)

    while more < MOST and expected_low() <= bound:
        more = math.ceil(1.05 * more)
    return min(more, MOST)


def _normal_cases(bound: float, truth: float, discordance: float, alpha: float, power_wanted: float) -> float:
    quantiles = float(norm.isf(alpha) + norm.isf(1 - power_wanted))
    return quantiles**2 * (discordance - truth**2) / (truth - bound) ** 2


def _approximate(n: int, bound: float, truth: float, discordance: float, alpha: float) -> float:
    error = math.sqrt(max(discordance - truth**2, 1e-12) / n)
    return float(norm.sf(norm.isf(alpha) - (truth - bound) / error))
