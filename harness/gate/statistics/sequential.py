"""Compute evidence that is valid at every look: a betting confidence sequence for a mean of bounded differences.

Look after any case and stop whenever you like: the chance that the true mean ever leaves the sequence is at most alpha
at either end. For each candidate mean a fortune is kept that is bet on the cases seen next; a mean against which it once
grew 1 / alpha fold is ruled out (Ville's inequality), and 1 over the largest fortune is its p value. Waudby-Smith and
Ramdas (2024), JRSS B 86:1, the hedged capital process with predictable plug-in bets.

Cases must come in an order that was drawn beforehand (`harness.core.digests.drawn`), and be independent.
"""

import numpy as np
from numpy.typing import ArrayLike

from harness.gate.statistics.paired import Paired
from harness.types import Interval

FORMULA = "betting_sequence"
GRID = 1001
"""Candidate means between -1 and 1."""
LARGEST_BET = 0.75
"""Share of the fortune that one case may cost at most."""


def sequence(differences: ArrayLike, alpha: float) -> Paired:
    """Evidence of differences in -1 to 1, shape (n,), in the order in which the cases were asked.

    Raises ValueError on a difference outside -1 to 1.
    """
    values = np.asarray(differences, dtype=float)
    if values.size and (values.min() < -1 or values.max() > 1):
        raise ValueError("differences must lie in -1 to 1")
    scaled = (values + 1) / 2
    up, down = _fortunes(scaled, alpha), _fortunes(1 - scaled, alpha)
    band = Interval(low=2 * _end(up, alpha) - 1, high=1 - 2 * _end(down, alpha), level=1 - 2 * alpha, method=FORMULA)
    return Paired(
        estimate=float(values.mean()) if values.size else 0.0,
        interval=band,
        above=lambda bound: _p_value(up, (1 + bound) / 2),
        below=lambda bound: _p_value(down, (1 - bound) / 2),
        gain=lambda: _p_value(up, 0.5),
        formula=FORMULA,
        counts={"b": int((values < 0).sum()), "c": int((values > 0).sum())},
    )


def _fortunes(values: np.ndarray, alpha: float) -> np.ndarray:
    """For each candidate mean of values in 0 to 1: the log of the largest fortune ever made by betting that the true one
    is larger, or of the least such fortune of a smaller candidate. Shape (GRID,), falling."""
    means = np.linspace(0.0, 1.0, GRID)
    capital, largest = np.zeros(GRID), np.zeros(GRID)
    for value, bet in zip(values, _bets(values, alpha), strict=True):
        stake = np.minimum(bet, LARGEST_BET / np.maximum(means, 1e-12))
        capital += np.log1p(stake * (value - means))
        largest = np.maximum(largest, capital)
    return np.minimum.accumulate(largest)


def _end(fortunes: np.ndarray, alpha: float) -> float:
    """The smallest mean that is not ruled out."""
    return float(np.sum(fortunes >= np.log(1 / alpha))) / (GRID - 1) if fortunes[-1] < np.log(1 / alpha) else 1.0


def _p_value(fortunes: np.ndarray, mean: float) -> float:
    """p of "the true mean is at most this one", by the next candidate above it."""
    place = min(max(int(np.ceil(round(mean * (GRID - 1), 9))), 0), GRID - 1)
    return float(np.exp(-fortunes[place]))


def _bets(values: np.ndarray, alpha: float) -> np.ndarray:
    """The bet before each case, from the cases before it alone: sqrt(2 log(1/alpha) / (variance i log(1 + i)))."""
    number = np.arange(1, len(values) + 1)
    centre = (0.5 + np.cumsum(values)) / (number + 1)
    spread = (0.25 + np.cumsum((values - centre) ** 2)) / (number + 1)
    before = np.concatenate([[0.25], spread[:-1]])[: len(values)]
    bets: np.ndarray = np.sqrt(2 * np.log(1 / alpha) / (before * number * np.log1p(number)))
    return bets
