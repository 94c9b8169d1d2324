"""Tell from daily counts whether a share has moved, with one bound on false alarms over all nights together.

The days' shares are held against "all days have one share, whatever it is". The evidence is an e-process: the likelihood of
a share that moved once, averaged over the day of the move and over both shares, divided by the largest likelihood of one
share (universal inference: Wasserman, Ramdas and Balakrishnan, PNAS 117:29, 2020; shares averaged by the Jeffreys prior,
Krichevsky and Trofimov, IEEE Trans. Inf. Theory 27:2, 1981). By Ville's inequality it ever passes 1/alpha with a chance of at
most alpha if nothing moved, so one may look every night. Many shares are watched at the price of a union bound (`spent`).

Days differ more than independent calls would: weekdays, and things that befall many at once. So each day's counts are divided by
the dispersion of the days before it, over what independent calls would have (McCullagh and Nelder, Generalized Linear Models,
1989, section 4.5). It is read from the differences of successive days (von Neumann, Ann. Math. Stat. 12:4, 1941) but the largest,
which may be the move, at its upper confidence bound, since a few days tell it badly. Where days are like the one before, their
differences are too small, which `harness.gate.statistics.memory` makes up for. Both are approximate: simulated in
`benchmarks/watch.py`.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import betaln, xlogy
from scipy.stats import chi2

FORMULA = "universal inference, one shift"
BASELINE = 7
"""Days before which no shift is looked for: a week."""
SURE = 0.1
"""Quantile of the chi-square distribution that bounds the dispersion: the true one is larger with a chance of one in ten."""


class Shift(NamedTuple):
    """What the counts of all days say."""

    log_evidence: float
    """Natural log of the e-process after the last day."""
    day: int
    """Index of the first day after the likeliest move."""
    before: float
    """Share before that day, and since."""
    since: float
    first: int
    """Index of the first day at which `log_evidence` reached `bar`; -1: it never did."""
    dispersion: float
    """By which the last day's counts were divided."""


def shift(
    events: Sequence[float], trials: Sequence[float], bar: float, memory: np.ndarray | float = 1.0
) -> Shift | None:
    """Evidence of a move of `events / trials`, shape (days,) each; `bar` is a log. None before there is a day to judge.

    `memory`: by what each day's dispersion is multiplied, shape (days,); see `harness.gate.statistics.memory`.
    """
    k, n = np.asarray(events, dtype=float), np.asarray(trials, dtype=float)
    days = len(n)
    if days <= BASELINE:
        return None
    weight = dispersions(k, n) * memory
    weight[:BASELINE] = weight[BASELINE]
    path = log_evidence(k / weight, n / weight)
    reached = np.flatnonzero(path >= bar)
    place = _likeliest(k / weight, n / weight)
    return Shift(
        log_evidence=float(path[-1]),
        day=place,
        before=float(k[:place].sum() / max(n[:place].sum(), 1)),
        since=float(k[place:].sum() / max(n[place:].sum(), 1)),
        first=int(reached[0]) + BASELINE if len(reached) else -1,
        dispersion=float(weight[-1]),
    )


def spent(rank: int, alpha: float) -> float:
    """The log of what the evidence must reach for the share of that rank (0 for the first): its part of alpha is
    alpha / ((rank + 1)(rank + 2)), and the parts of any number of shares add up to at most alpha."""
    return float(np.log((rank + 1) * (rank + 2) / alpha))


def log_evidence(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Log of the e-process after each day from BASELINE on, shape (days - BASELINE,). Counts need not be whole."""
    events, trials = np.cumsum(k), np.cumsum(n)
    moves = np.arange(BASELINE, len(n))
    prior = -np.log((moves - BASELINE + 1) * (moves - BASELINE + 2.0))
    path = np.empty(len(moves))
    for place, last in enumerate(moves):
        at = moves[: place + 1] - 1  # the last day before the move
        before = _marginal(events[at], trials[at])
        after = _marginal(events[last] - events[at], trials[last] - trials[at])
        moved = before + after + prior[: place + 1]
        rest = -np.log(place + 2.0) + _marginal(events[last], trials[last])  # it moves later, or never
        path[place] = np.logaddexp(np.logaddexp.reduce(moved), rest) - _largest(events[last], trials[last])
    return path


def dispersions(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """By what each day's counts are divided, at least 1, from the days before it; one value for the days of the baseline."""
    weights, squares = np.ones(len(n)), _squares(k, n)
    for day in range(BASELINE, len(n)):
        known = squares[: day - 1]
        freedom = 2 / 3 * len(known)  # neighbouring differences share a day
        rest = (known.sum() - known.max()) / (len(known) - _largest_square(len(known)))
        weights[day] = max(1.0, rest * freedom / chi2.ppf(SURE, freedom))
    if len(n) > BASELINE:
        weights[:BASELINE] = weights[BASELINE]
    return weights


@cache
def _largest_square(count: int) -> float:
    """Mean of the largest of `count` squared standard normal values."""
    grid = np.linspace(0.0, 60.0, 6_001)
    return float(np.trapezoid(1 - chi2.cdf(grid, 1) ** count, grid))


def _squares(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Squared difference of each day's share to the next one's, over the variance of independent calls; shape (days - 1,).
    A pair without trials or events differs by nothing."""
    size = np.maximum(n, 1e-12)
    both = (k[1:] + k[:-1]) / (size[1:] + size[:-1])
    variance = both * (1 - both) * (1 / size[1:] + 1 / size[:-1])
    apart = (k[1:] / size[1:] - k[:-1] / size[:-1]) ** 2
    return np.asarray(np.where((variance > 0) & (n[1:] > 0) & (n[:-1] > 0), apart / np.maximum(variance, 1e-300), 0.0))


def _marginal(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Log-likelihood of k events in n trials in one order, averaged over the share by Jeffreys' prior."""
    return np.asarray(betaln(k + 0.5, n - k + 0.5) - betaln(0.5, 0.5))


def _largest(k: float, n: float) -> float:
    """Log-likelihood under the share that fits best."""
    return float(xlogy(k, k / n) + xlogy(n - k, 1 - k / n)) if n else 0.0


def _likeliest(k: np.ndarray, n: np.ndarray) -> int:
    """Index of the first day after the likeliest move."""
    events, trials = np.cumsum(k), np.cumsum(n)
    at = np.arange(BASELINE, len(n)) - 1
    both = _marginal(events[at], trials[at]) + _marginal(events[-1] - events[at], trials[-1] - trials[at])
    return int(at[np.argmax(both)]) + 1
