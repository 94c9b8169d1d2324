"""Two rates over different cases, such as the calls before a change and those after it.

Newcombe's method 10 for independent proportions: the Wilson intervals of both rates, joined by adding the squares of
their arms (Newcombe 1998, Statistics in Medicine 17:873). Calls of one person hang together, so each rate has effective
counts; see `harness.statistics.effective`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from harness.statistics.effective import design_effect
from harness.types import Interval


@dataclass(frozen=True)
class Change:
    before: float
    after: float
    interval: Interval
    """Of `after - before`."""
    clusters: tuple[int, int]
    """How many there are on either side."""


def change(
    before: Sequence[float],
    after: Sequence[float],
    before_clusters: Sequence[str],
    after_clusters: Sequence[str],
    level: float = 0.95,
) -> Change:
    """Change of a rate from the cases before, shape (n,), to those after, shape (m,), n and m at least 1: 1 or True
    where it happened, or the share of a case's repeats in which it did; a cluster name each."""
    first, low_first, high_first, groups_first = _rate(before, before_clusters, level)
    second, low_second, high_second, groups_second = _rate(after, after_clusters, level)
    difference = second - first
    below = math.hypot(second - low_second, high_first - first)
    above = math.hypot(high_second - second, first - low_first)
    return Change(
        before=first,
        after=second,
        interval=Interval(
            low=max(difference - below, -1.0), high=min(difference + above, 1.0), level=level, method="newcombe"
        ),
        clusters=(groups_first, groups_second),
    )


def _rate(events: Sequence[float], clusters: Sequence[str], level: float) -> tuple[float, float, float, int]:
    """The rate, its Wilson interval on effective counts, and how many clusters there are."""
    values = np.asarray(events, dtype=float)
    design, groups = design_effect(values, clusters, level)
    low, high = proportion_confint(values.sum() / design, len(values) / design, alpha=1 - level, method="wilson")
    return float(values.mean()), float(low), float(high), groups
