"""Expect of each weekday what it had in the weeks before, as far as they agree.

A share that is a fifth higher on Mondays says nothing on a Monday. So a day's trials are multiplied by what its weekday had, over the
mean of the week. Few weeks tell weekdays badly: their means are shrunk towards the week's by how much of their variance is chance
(James and Stein 1961; Efron and Morris, JASA 70:350, 1975). Where weekdays do not differ, nearly nothing changes.
"""

import numpy as np

WEEK = 7
WEEKS = 3
"""Weeks before which weekdays are not compared."""


def exposures(events: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Trials that would have had a day's events if all weekdays were alike, from the days before it, and at least its events; shape
    (shares, days), as that of `events` and `trials`."""
    parts, factors = events / np.maximum(trials, 1e-12), np.ones(events.shape)
    for day in range(WEEKS * WEEK, events.shape[1]):
        weeks = day // WEEK
        past = parts[:, day - weeks * WEEK : day].reshape(len(parts), weeks, WEEK)  # the first column is this weekday
        factors[:, day] = 1 + _agreed(past) * (past[:, :, 0].mean(axis=1) / _mean(past) - 1)
    return np.asarray(np.maximum(trials * factors, events))


def _mean(past: np.ndarray) -> np.ndarray:
    """Mean share, shape (shares,); infinite where there was nothing."""
    mean = past.mean(axis=(1, 2))
    return np.asarray(np.where(mean > 0, mean, np.inf))


def _agreed(past: np.ndarray) -> np.ndarray:
    """How much of the variance among weekday means is not chance, 0 to 1; shape (shares,)."""
    weeks = past.shape[1]
    mean, by_day, by_week = past.mean(axis=(1, 2)), past.mean(axis=1), past.mean(axis=2)
    among = weeks * np.sum((by_day - mean[:, None]) ** 2, axis=1) / (WEEK - 1)
    rest = past - by_day[:, None, :] - by_week[:, :, None] + mean[:, None, None]
    chance = np.sum(rest**2, axis=(1, 2)) / ((WEEK - 1) * (weeks - 1))
    kept = (WEEK - 3) / (WEEK - 1)  # of six differences: the estimate of James and Stein
    return np.asarray(np.where(among > 0, np.maximum(0.0, 1 - kept * chance / np.maximum(among, 1e-300)), 0.0))
