"""Resample measures of a whole suite that are no mean over its cases, such as macro-F1, for the paired difference.

The measure of both arms is counted again in each resample of the clusters, so what the pairing and the clusters carry
is in the interval (Koehn 2004, EMNLP, for corpus measures; Cameron, Gelbach and Miller 2008 for whole clusters).

A bootstrap of cases that never differ is a point. So one pseudo cluster of the rarest label is drawn along: broken for the
lower end, fixed for the upper. Without any difference seen, the interval is then about 3 / n wide, as a score test's is.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import norm, t

from harness.gate.statistics.effective import equal_clusters, few_clusters
from harness.gate.statistics.mean import SEED
from harness.gate.statistics.paired import Paired
from harness.types import Interval

RESAMPLES = 1999
"""At least; a smaller error asks for more."""
BEYOND = 5
"""Resamples that lie beyond an end at least."""
LEAST = 5
"""Cases that each expected label needs: of a label with fewer, a resample often holds none."""
AT_ONCE = 500
"""Resamples that are counted in one matrix product."""

Labels = tuple[tuple[str, str, str], ...]
"""Of one case, one a repeat: what was expected, what the baseline and the candidate said."""


def macro_f1(hits: np.ndarray, said: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Mean over the labels of F1; counts of shape (..., labels). A label that is not expected does not count."""
    return _mean_over_labels(2.0 * hits, expected + said, expected)


def balanced_accuracy(hits: np.ndarray, said: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Mean over the labels of recall; counts of shape (..., labels)."""
    return _mean_over_labels(hits, expected, expected)


Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Takes hits, what was said and what was expected."""

MEASURES: dict[str, Measure] = {
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
}


def paired_corpus(cases: Sequence[Labels], clusters: Sequence[str], measure: str, alpha: float) -> Paired:
    """Evidence of the difference of `measure` between the arms; `clusters` names each case's cluster."""
    rows = _Rows(cases, clusters)
    before, after = (float(one) for one in rows.values(MEASURES[measure], np.ones((1, rows.clusters)))[:, 0])
    falls, rises = (_drawn(rows, MEASURES[measure], end, after - before, alpha) for end in (BROKEN, FIXED))
    places = len(falls) + 1

    def above(bound: float) -> float:
        return float(1 + np.searchsorted(falls, bound, side="right")) / places

    def below(bound: float) -> float:
        return float(places - np.searchsorted(rises, bound, side="left")) / places

    edge = int(alpha * places) - 1
    low, high = (-1.0, 1.0) if edge < 0 else (float(falls[edge]), float(rises[-1 - edge]))
    formula = f"bootstrap_{measure}"
    return Paired(
        estimate=after - before,
        interval=Interval(low=low, high=high, level=1 - 2 * alpha, method=formula),
        above=above,
        below=below,
        gain=lambda: above(0.0),
        formula=formula,
        counts=rows.counts,
        weakness=rows.weakness,
    )


def corpus_values(cases: Sequence[Labels], measure: str) -> tuple[float, float]:
    """`measure` of the baseline and of the candidate over all cases."""
    rows = _Rows(cases, [str(place) for place in range(len(cases))])
    before, after = rows.values(MEASURES[measure], np.ones((1, rows.clusters)))[:, 0]
    return float(before), float(after)


class _Rows:
    """Counts of each cluster and label: expected, hits and said of each arm."""

    def __init__(self, cases: Sequence[Labels], clusters: Sequence[str]) -> None:
        names = sorted({wanted for case in cases for wanted, _, _ in case})
        place = {name: number for number, name in enumerate(names)}
        _, index = np.unique(clusters, return_inverse=True)
        self.clusters, self.equal, n = int(index.max()) + 1, equal_clusters(index), len(cases)
        table = np.zeros((self.clusters, 5, len(names)))
        for case, group in zip(cases, index, strict=True):
            _count(table[group], case, place)
        order = sorted(range(self.clusters), key=lambda group: table[group].tobytes())
        self.table = table[order]
        self.pseudo = _pseudo(table.sum(axis=0), n / self.equal)
        right = [[sum(one[0] == one[arm] for one in case) for arm in (1, 2)] for case in cases]
        self.counts: dict[str, float] = {"b": sum(b > c for b, c in right), "c": sum(c > b for b, c in right)}
        if self.clusters < n:
            self.counts["clusters"] = self.clusters
        self.rarest = float(table.sum(axis=0)[EXPECTED].min())
        self.weakness = few_clusters(self.clusters, self.equal) or _rare(names, cases)

    def stretch(self, alpha: float) -> float:
        """Student's correction for the cases of the rarest label, which carry the most of a mean over labels."""
        degrees = max(min(self.equal, self.rarest) - 1.0, 1.0)
        return float(t.isf(alpha, degrees) / norm.isf(alpha))

    def values(self, measure: Measure, weights: np.ndarray, end: int | None = None) -> np.ndarray:
        """The measure of baseline and candidate, shape (2, resamples), under weights of the clusters; with `end` the last
        weight is of that pseudo cluster."""
        table = self.table if end is None else np.concatenate([self.table, self.pseudo[end : end + 1]])
        counted = np.tensordot(weights, table, axes=1)
        expected, *arms = (counted[:, part] for part in range(5))
        return np.stack([measure(arms[0], arms[1], expected), measure(arms[2], arms[3], expected)])


BROKEN, FIXED = range(2)
"""Pseudo clusters."""
EXPECTED, HITS_BEFORE, SAID_BEFORE, HITS_AFTER, SAID_AFTER = range(5)


def _count(row: np.ndarray, case: Labels, place: dict[str, int]) -> None:
    """Add one case; its repeats share one case's weight."""
    weight = 1.0 / len(case)
    for wanted, before, after in case:
        row[EXPECTED, place[wanted]] += weight
        for said, hits, all_said in ((before, HITS_BEFORE, SAID_BEFORE), (after, HITS_AFTER, SAID_AFTER)):
            if said in place:
                row[all_said, place[said]] += weight
            if said == wanted:
                row[hits, place[wanted]] += weight


def _pseudo(total: np.ndarray, size: float) -> np.ndarray:
    """A cluster of average size that is broken as a whole and one that is fixed, all of the rarest label."""
    rarest = int(np.argmin(total[EXPECTED]))
    pseudo = np.zeros((2, *total.shape))
    weight = min(size, float(total[EXPECTED, rarest]))
    pseudo[:, EXPECTED, rarest] = weight
    pseudo[BROKEN, HITS_BEFORE : SAID_BEFORE + 1, rarest] = weight
    pseudo[FIXED, HITS_AFTER : SAID_AFTER + 1, rarest] = weight
    return pseudo


def _drawn(rows: _Rows, measure: Measure, end: int, estimate: float, alpha: float) -> np.ndarray:
    """Differences, candidate minus baseline, of resampled clusters with one pseudo cluster; sorted."""
    rng, groups = np.random.default_rng(SEED), rows.clusters + 1
    found, number = [], max(RESAMPLES, round(BEYOND / alpha) - 1)
    for start in range(0, number, AT_ONCE):
        weights = rng.multinomial(groups, np.full(groups, 1.0 / groups), size=min(AT_ONCE, number - start))
        before, after = rows.values(measure, weights.astype(float), end)
        found.append(after - before)
    return estimate + rows.stretch(alpha) * (np.sort(np.concatenate(found)) - estimate)


def _mean_over_labels(upper: np.ndarray, lower: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Mean of upper / lower over the labels that are expected at all; 0.0 where none is."""
    there = expected > 0
    shares = np.divide(upper, lower, out=np.zeros(lower.shape), where=there)
    means: np.ndarray = shares.sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)
    return means


def _rare(names: Sequence[str], cases: Sequence[Labels]) -> str:
    """Why a label cannot be judged; empty when each has cases enough."""
    for name in names:
        count = sum(case[0][0] == name for case in cases)
        if count < LEAST:
            return f"only {count} cases of the label {name!r}, and {LEAST} are needed"
    return ""
