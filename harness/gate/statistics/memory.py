"""Tell how much longer than a day what befalls traffic lasts, from many shares together.

Bad days may come in runs: a provider is slow for a week, a campaign brings other people. Then the mean of many days varies more than
that of independent days with the same scatter, and what divides the counts of a day (`harness.gate.statistics.dispersion`) is too small. How much more
is the variance of weekly means, times seven, over that of days: the long-run variance by batch means (Song and Schmeiser, Management
Science 41:1, 1995). A week holds each weekday once, so a weekly pattern adds nothing. One share has too few weeks to tell; all
shares of one traffic together have enough, and those that differ most are left out, as they may have moved.
"""

import numpy as np

WEEK = 7
WARM_UP = 3 * WEEK
"""Days before which weeks are too few to be compared."""
UNKNOWN = 2.0
"""The factor until then, and where there are fewer than `LEAST` shares: that of days of which each is by a third like the last."""
LEAST, TRIMMED = 3, 0.1
"""Shares that tell it, and the part of them, the most different ones, that is left out."""


def memory(events: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """By what the dispersion of each day is multiplied, at least 1, from the days before it; shape (days,).

    `events` and `trials` have shape (shares, days).
    """
    shares, days = events.shape
    found = np.full(days, UNKNOWN)
    if shares < LEAST:
        return found
    kept = shares - max(1, int(TRIMMED * shares))
    seen, had = np.cumsum(trials, axis=1), np.cumsum(events, axis=1)
    parts = events / np.maximum(trials, 1e-12)
    daily = np.cumsum(np.diff(parts, axis=1) ** 2 / 2, axis=1)
    sums = np.concatenate([np.zeros((shares, 1)), np.cumsum(parts, axis=1)], axis=1)
    weeks = (sums[:, WEEK:] - sums[:, :-WEEK]) / WEEK
    weekly = np.cumsum((weeks[:, WEEK:] - weeks[:, :-WEEK]) ** 2 / 2 * WEEK, axis=1)
    for day in range(WARM_UP, days):
        chance = _chance(had[:, day - 1], seen[:, day - 1], day)
        long = np.sort(weekly[:, day - 2 * WEEK] / (day - 2 * WEEK + 1) / chance)[:kept].mean()
        short = np.sort(daily[:, day - 2] / (day - 1) / chance)[:kept].mean()
        found[day] = max(1.0, long / max(short, 1.0))
    return found


def _chance(events: np.ndarray, trials: np.ndarray, days: int) -> np.ndarray:
    """Variance of a day's share by chance alone, where calls are independent; infinite where a share has no news."""
    share = events / np.maximum(trials, 1e-12)
    variance = share * (1 - share) * days / np.maximum(trials, 1e-12)
    return np.asarray(np.where(variance > 0, variance, np.inf))
