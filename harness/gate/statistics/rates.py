"""Compare two rates over different cases, such as the calls before a change and those after it.

Newcombe's method 10 for independent proportions: the Wilson intervals of both rates, joined by adding the squares of
their arms (Newcombe 1998, Statistics in Medicine 17:873). A case may be a share of repeats: then the counts are
effective ones; see `harness.gate.statistics.effective`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from harness.gate.statistics.effective import design_effect
from harness.types import Interval


@dataclass(frozen=True)
class RateChange:
    before: float
    after: float
    interval: Interval
    """Of `after - before`."""


def change(before: Sequence[float], after: Sequence[float], level: float = 0.95) -> RateChange:
    """Change of a rate from the independent cases before, shape (n,), to those after, shape (m,), n and m at least 1:
    1 or True where it happened, or the share of a case's repeats in which it did."""
    first, low_first, high_first = _rate(before, level)
    second, low_second, high_second = _rate(after, level)
    difference = second - first
    low = difference - math.hypot(second - low_second, high_first - first)
    high = difference + math.hypot(high_second - second, first - low_first)
    return RateChange(first, second, Interval(low=max(low, -1.0), high=min(high, 1.0), level=level, method="newcombe"))


def _rate(events: Sequence[float], level: float) -> tuple[float, float, float]:
    """The rate, and its Wilson interval on effective counts."""
    values = np.asarray(events, dtype=float)
    design, _ = design_effect(values, np.arange(len(values)), level)
    low, high = proportion_confint(values.sum() / design, len(values) / design, alpha=1 - level, method="wilson")
    return float(values.mean()), float(low), float(high)
