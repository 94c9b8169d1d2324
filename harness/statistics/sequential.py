"""Early stopping that stays honest: a betting confidence sequence for the mean of bounded differences.

Look after every case and stop whenever you like: the chance that the true mean ever leaves the sequence is at most alpha.
For each candidate mean a fortune is kept that is bet on the cases seen next; a mean against which it grows 1 / alpha fold
is ruled out (Ville's inequality). Waudby-Smith and Ramdas (2024), JRSS B 86:1, the hedged capital process with
predictable plug-in bets.

Cases must come in an order that was drawn at random beforehand; of clustered data, one value a cluster.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

GRID = 1001
"""Candidate means between -1 and 1."""
LARGEST_BET = 0.75
"""Share of the fortune that one case may cost at most."""


@dataclass(frozen=True)
class Sequence:
    """Confidence sequence after each case; `low[i]` and `high[i]` use the first i + 1 cases. Both only tighten."""

    low: np.ndarray
    high: np.ndarray


def confidence_sequence(differences: np.ndarray, alpha: float = 0.05) -> Sequence:
    """Two-sided sequence for the mean of differences in -1 to 1, shape (n,), each end at one-sided error `alpha`.

    Raises ValueError on a difference outside -1 to 1.
    """
    values = np.asarray(differences, dtype=float)
    if values.size and (values.min() < -1 or values.max() > 1):
        raise ValueError("differences must lie in -1 to 1")
    scaled = (values + 1) / 2
    low = _lower(scaled, alpha)
    high = 1 - _lower(1 - scaled, alpha)
    return Sequence(low=2 * low - 1, high=2 * high - 1)


def decided(
    differences: np.ndarray, bound: float, alpha: float = 0.05, least: int = 1
) -> tuple[int, Literal["above", "below"]] | None:
    """After how many cases the mean is first known to be above or below the bound; None while it is not."""
    found = confidence_sequence(differences, alpha)
    for seen in range(max(least, 1), len(found.low) + 1):
        if found.low[seen - 1] > bound:
            return seen, "above"
        if found.high[seen - 1] < bound:
            return seen, "below"
    return None


def _lower(values: np.ndarray, alpha: float) -> np.ndarray:
    """Running lower bound of the mean of values in 0 to 1: the smallest mean not yet ruled out from below."""
    means = np.linspace(0.0, 1.0, GRID)
    capital = np.zeros(GRID)  # log fortune of betting that the mean is larger
    ruled_out = np.zeros(GRID, dtype=bool)
    bounds = np.empty(len(values))
    for i, (value, bet) in enumerate(zip(values, _bets(values, alpha), strict=True)):
        stake = np.minimum(bet, LARGEST_BET / np.maximum(means, 1e-12))
        capital += np.log1p(stake * (value - means))
        ruled_out |= capital >= np.log(1 / alpha)
        bounds[i] = means[int(np.argmin(ruled_out))] if not ruled_out.all() else 1.0
    return bounds


def _bets(values: np.ndarray, alpha: float) -> np.ndarray:
    """The bet before each case, from the cases before it alone: sqrt(2 log(1/alpha) / (variance i log(1 + i)))."""
    number = np.arange(1, len(values) + 1)
    centre = (0.5 + np.cumsum(values)) / (number + 1)
    spread = (0.25 + np.cumsum((values - centre) ** 2)) / (number + 1)
    before = np.concatenate([[0.25], spread[:-1]])[: len(values)]
    return np.sqrt(2 * np.log(1 / alpha) / (before * number * np.log1p(number)))
