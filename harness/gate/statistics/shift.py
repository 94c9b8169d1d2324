"""Tell from daily counts whether a share has moved, with one bound on false alarms over all nights together.

The days' shares are held against "all days have one share, whatever it is". The evidence is an e-process: the likelihood of
a share that moved once, averaged over the day of the move and over both shares, divided by the largest likelihood of one
share (universal inference: Wasserman, Ramdas and Balakrishnan, PNAS 117:29, 2020; shares averaged by the Jeffreys prior,
Krichevsky and Trofimov, IEEE Trans. Inf. Theory 27:2, 1981). By Ville's inequality it ever passes 1/alpha with a chance of at
most alpha if nothing moved, so one may look every night. Many shares are watched at the price of a union bound (`spent`).

Days differ more than independent calls would: weekdays, things that befall many at once, bad days that come in runs. So trials are
those of the weekday (`weekdays`), and counts are divided by their dispersion over what independent calls would have (McCullagh and
Nelder, Generalized Linear Models, 1989, section 4.5; `dispersion`), times how much longer than a day it lasts (`memory`); each from
the days before. That part is approximate: simulated in `benchmarks/watch.py`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, xlogy

from harness.gate.statistics.dispersion import dispersions
from harness.gate.statistics.memory import memory
from harness.gate.statistics.weekdays import exposures

FORMULA = "universal inference, one shift"
BASELINE = 7
"""Days before which no shift is looked for: a week."""


class Weighed(NamedTuple):
    """Counts of several shares by day, each of shape (shares, days)."""

    events: np.ndarray
    trials: np.ndarray
    exposures: np.ndarray
    """Trials, had all weekdays been alike."""
    weights: np.ndarray
    """By which a day's counts are divided."""


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


def weigh(events: ArrayLike, trials: ArrayLike) -> Weighed:
    """What the days of all shares of one traffic weigh; shapes (shares, days)."""
    k, n = np.asarray(events, dtype=float), np.asarray(trials, dtype=float)
    expected = exposures(k, n)
    weights = dispersions(k, expected, BASELINE) * memory(k, expected)
    weights[:, :BASELINE] = weights[:, BASELINE : BASELINE + 1] if k.shape[1] > BASELINE else 1.0
    return Weighed(k, n, expected, weights)


def shift(weighed: Weighed, share: int, bar: float) -> Shift | None:
    """Evidence of a move of the share of that index; `bar` is a log. None before there is a day to judge."""
    k, n, expected, weight = (each[share] for each in weighed)
    if len(n) <= BASELINE:
        return None
    path = log_evidence(k / weight, expected / weight)
    reached = np.flatnonzero(path >= bar)
    place = _likeliest(k / weight, expected / weight)
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
