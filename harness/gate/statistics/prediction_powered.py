"""Correct a judge's scores by people's labels of the very arms that are compared.

The mean that people would give to an arm is the judge's mean over all its answers, plus what people and judge differ by on
those that people labelled (prediction-powered inference). The judge's part is weighted by how much it is worth, so a poor
judge only makes the interval wider (PPI++: Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453). Each part has Tango's
interval on effective counts, which does not collapse with few differences; they are joined by the squares of their arms
(MOVER: Zou and Donner 2008, Statistics in Medicine 27:1693). A judge that is laxer on one arm is so corrected, and noticed.
"""

from collections.abc import Sequence
from math import hypot
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from harness.gate.statistics import tango
from harness.gate.statistics.effective import effective, few_clusters
from harness.gate.statistics.paired import Paired
from harness.types import Interval

Labels = Sequence[tuple[float, float]]
"""Of one arm, one an answer: people's score and the judge's, each 0 to 1."""
LEAST_LABELS = 30
"""Of each arm; below it no interval of what judge and people differ by is worth its name."""


def prediction_powered(
    baseline: np.ndarray, candidate: np.ndarray, clusters: Sequence[str], labels: tuple[Labels, Labels], alpha: float
) -> Paired:
    """Evidence of the difference that people would see. `baseline` and `candidate` are the judge's scores of each case,
    shape (n,), 0 to 1; `labels` are those of baseline and candidate, independent of the cases that are compared."""
    old, new = (_weight(one, len(baseline)) for one in labels)
    judged = _part(new * candidate - old * baseline, clusters, alpha)
    before, after = (_beyond(one, weight, alpha) for one, weight in zip(labels, (old, new), strict=True))
    estimate, band = _joined([judged, after], before, alpha)
    laxer, laxer_band = _joined([_beyond(labels[0], 1.0, alpha)], _beyond(labels[1], 1.0, alpha), alpha)
    found = effective(candidate - baseline, clusters, alpha)
    counts: dict[str, float] = {"judge_n": len(labels[0]) + len(labels[1]), "judge_weight": round((old + new) / 2, 4)}
    return Paired(
        estimate=estimate,
        interval=band,
        above=lambda bound: _tail(estimate - bound, estimate - band.low, alpha),
        below=lambda bound: _tail(bound - estimate, band.high - estimate, alpha),
        gain=lambda: _tail(estimate, estimate - band.low, alpha),
        formula=band.method,
        counts=counts
        | {"laxer": round(laxer, 4), "laxer_low": round(laxer_band.low, 4), "laxer_high": round(laxer_band.high, 4)},
        weakness=few_clusters(found.clusters, found.equal_clusters) or _few(labels),
    )


class _Part(NamedTuple):
    """A mean with the ends of its interval."""

    mean: float
    low: float
    high: float


def _part(differences: np.ndarray, clusters: Sequence[str], alpha: float) -> _Part:
    """The mean of differences in -1 to 1, with Tango's interval on effective counts."""
    down, up = (effective(differences, clusters, alpha, unseen) for unseen in (-1.0, 1.0))
    low = tango.asymptotic(down.broken, down.fixed, down.n, 1 - 2 * alpha).low
    return _Part(float(differences.mean()), low, tango.asymptotic(up.broken, up.fixed, up.n, 1 - 2 * alpha).high)


def _weight(labels: Labels, cases: int) -> float:
    """What the judge's scores are worth: the weight that makes the sum least uncertain, from 0 to 1."""
    if len(labels) < 2:
        return 0.0
    people, judge = np.array(labels, dtype=float).T
    spread = float(np.var(judge, ddof=1)) * (1 + len(labels) / cases)
    return min(max(float(np.cov(people, judge)[0, 1]) / spread, 0.0), 1.0) if spread > 0 else 0.0


def _beyond(labels: Labels, weight: float, alpha: float) -> _Part:
    """What people give beyond the weighted judge."""
    people, judge = np.array(labels if len(labels) > 1 else [(0.0, 0.0)] * 2, dtype=float).T
    return _part(people - weight * judge, [str(number) for number in range(len(people))], alpha)


def _joined(added: Sequence[_Part], off: _Part, alpha: float) -> tuple[float, Interval]:
    """The sum of independent parts less one of them."""
    estimate = sum(one.mean for one in added) - off.mean
    down = hypot(*(one.mean - one.low for one in added), off.high - off.mean)
    up = hypot(*(one.high - one.mean for one in added), off.mean - off.low)
    low, high = max(-1.0, estimate - down), min(1.0, estimate + up)
    return estimate, Interval(low=low, high=high, level=1 - 2 * alpha, method="prediction_powered")


def _tail(distance: float, reach: float, alpha: float) -> float:
    """p of a distance, where `reach` is that of the end of the interval."""
    return float(norm.sf(float(norm.isf(alpha)) * distance / reach)) if reach > 0 else 1.0


def _few(labels: tuple[Labels, Labels]) -> str:
    least = min(map(len, labels))
    if least >= LEAST_LABELS:
        return ""
    return f"people labelled only {least} answers of an arm, and {LEAST_LABELS} of each are needed; with judge(most_bias=0.05) fewer may do"
