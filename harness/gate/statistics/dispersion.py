"""Tell how much more days differ than independent calls would, from all shares of one traffic together.

Calls of a day are not independent: things befall many at once. The dispersion of a share is read from the differences of successive days
(von Neumann, Ann. Math. Stat. 12:4, 1941) but the largest, which may be a move. A month tells it badly, and a test must stand at its
upper confidence bound. Shares of one traffic scatter much alike, so each is moderated by the others: a scaled inverse chi-square
prior is fitted to them, and it counts for more the more alike they are (Smyth, Stat. Appl. Genet. Mol. Biol. 3:3, 2004).
"""

from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import chi2

SURE = 0.1
"""Quantile of the chi-square distribution that bounds the dispersion: the true one is larger with a chance of one in ten."""
LEAST, RARE = 3, 1.0
"""Shares that a prior is fitted to, and the mean of their events a day: rarer ones tell no dispersion."""
MOST = 1_000.0
"""Degrees of freedom of a prior at most."""


def dispersions(events: np.ndarray, trials: np.ndarray, baseline: int) -> np.ndarray:
    """By what each day's counts are divided, at least 1, from the days before it; shape (shares, days), as that of `events` and
    `trials`. Days before `baseline` get the value of that day."""
    weights, squares = np.ones(events.shape), _squares(events, trials)
    frequent = np.cumsum(events, axis=1) / np.arange(1, events.shape[1] + 1) >= RARE
    for day in range(baseline, events.shape[1]):
        known = squares[:, : day - 1]
        count = known.shape[1]
        rest = (known.sum(axis=1) - known.max(axis=1)) / (count - _largest_square(count))
        freedom = 2 / 3 * count  # neighbouring differences share a day
        more, usual = _prior(rest[frequent[:, day - 1] & (rest > 0)], freedom)
        whole = freedom + more
        weights[:, day] = np.maximum(1.0, (freedom * rest + more * usual) / chi2.ppf(SURE, whole))
    if events.shape[1] > baseline:
        weights[:, :baseline] = weights[:, [baseline]]
    return weights


def _prior(seen: np.ndarray, freedom: float) -> tuple[float, float]:
    """Degrees of freedom and mean of the dispersions that shares have, from those that were seen; 0 degrees: too few shares."""
    if len(seen) < LEAST:
        return 0.0, 1.0
    logs = np.log(seen) - digamma(freedom / 2) + np.log(freedom / 2)
    spread = float(logs.var(ddof=1) - polygamma(1, freedom / 2))
    more = (
        MOST
        if spread <= polygamma(1, MOST / 2)
        else 2 * float(brentq(lambda half: polygamma(1, half) - spread, 1e-3, MOST / 2))
    )
    return more, float(np.exp(logs.mean() + digamma(more / 2) - np.log(more / 2)))


@cache
def _largest_square(count: int) -> float:
    """Mean of the largest of `count` squared standard normal values."""
    grid = np.linspace(0.0, 60.0, 6_001)
    return float(np.trapezoid(1 - chi2.cdf(grid, 1) ** count, grid))


def _squares(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Squared difference of each day's share to the next one's, over the variance of independent calls; shape (shares, days - 1).
    A pair without trials or events differs by nothing."""
    size = np.maximum(n, 1e-12)
    before, after = size[:, :-1], size[:, 1:]
    both = (k[:, 1:] + k[:, :-1]) / (after + before)
    variance = both * (1 - both) * (1 / after + 1 / before)
    apart = (k[:, 1:] / after - k[:, :-1] / before) ** 2
    has_news = (variance > 0) & (n[:, 1:] > 0) & (n[:, :-1] > 0)
    return np.asarray(np.where(has_news, apart / np.maximum(variance, 1e-300), 0.0))
