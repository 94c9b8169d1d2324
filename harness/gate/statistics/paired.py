"""Choose the method for the data, in one place, and name it.

| scores | method |
|---|---|
| pass or fail, independent cases | `tango_exact`: Tango's score test, exact over the discordance |
| pass or fail in clusters; averaged repeats; any score of a known range | `tango_effective`: the same on effective counts |
| other numbers | shown with Student's interval (`t`, `cr1`), and not judged |
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import ArrayLike

from harness.gate.statistics import mean, tango
from harness.gate.statistics.binary import mcnemar_exact
from harness.gate.statistics.effective import Effective, effective, few_clusters
from harness.types import Interval


@dataclass(frozen=True)
class Paired:
    """What paired scores say of the mean difference, candidate minus baseline."""

    estimate: float
    interval: Interval
    """Two-sided at 1 - 2 alpha: each end is a one-sided bound with error alpha."""
    above: Callable[[float], float]
    """p of "the true difference is at most this bound"."""
    below: Callable[[float], float]
    """p of "the true difference is at least this bound"."""
    gain: Callable[[], float]
    """p of "no gain at all": exact McNemar for independent pass/fail cases, else the score test at a bound of 0."""
    formula: str
    counts: dict[str, float]
    weakness: str = ""
    """Why no method would be honest with what there is; empty when one is."""

    def shows_above(self, bound: float, alpha: float) -> bool:
        """The true difference is shown to be above the bound: by the test, and by the interval that is shown.

        An exact p value is not everywhere monotone in the bound, so close to the end of the interval the two may differ;
        then nothing is shown.
        """
        return not self.weakness and self.interval.low > bound and self.above(bound) <= alpha

    def shows_below(self, bound: float, alpha: float) -> bool:
        return not self.weakness and self.interval.high < bound and self.below(bound) <= alpha

    def covering(self, bound: float, alpha: float) -> Interval:
        """The interval, widened to hold a bound that the test does not rule out."""
        low = self.interval.low if self.above(bound) <= alpha else min(self.interval.low, bound)
        high = self.interval.high if self.below(bound) <= alpha else max(self.interval.high, bound)
        return replace(self.interval, low=low, high=high)


Span = tuple[float, float]
RATE: Span = (0.0, 1.0)


def paired(
    baseline: ArrayLike, candidate: ArrayLike, clusters: Sequence[str], alpha: float, span: Span | None = None
) -> Paired:
    """Evidence of paired scores, shapes (n,), n >= 2, all finite; `clusters` names each case's cluster.

    `span` is the range of scores that was declared; what lies beyond counts as its ends (the winsorised mean). Without
    one it is 0 to 1, and scores beyond that are not judged.
    """
    before, after = np.asarray(baseline, dtype=float), np.asarray(candidate, dtype=float)
    both = np.concatenate([before, after])
    inside = both.min() >= 0.0 and both.max() <= 1.0
    if span is None and not inside:
        return _numbers(after - before, clusters, alpha)
    low, high = span or RATE
    before, after = ((np.clip(side, low, high) - low) / (high - low) for side in (before, after))
    binary = bool(np.all(np.isin(np.concatenate([before, after]), (0.0, 1.0))))
    found = _bounded(after - before, clusters, alpha, binary)
    return found if (low, high) == RATE else _in_units(found, high - low, int(((both < low) | (both > high)).sum()))


def _bounded(differences: np.ndarray, clusters: Sequence[str], alpha: float, binary: bool) -> Paired:
    down, up = (effective(differences, clusters, alpha, unseen) for unseen in (-1.0, 1.0))
    plain = binary and down.clusters == len(differences)
    formula = "tango_exact" if plain else "tango_effective"
    low, high = (_table(found, plain) for found in (down, up))
    band = replace(tango.interval(*low, 1 - 2 * alpha), method=formula)
    if not plain:
        band = replace(band, high=tango.interval(*high, 1 - 2 * alpha).high)
    return Paired(
        estimate=float(differences.mean()),
        interval=band,
        above=lambda bound: tango.p_above(*low, bound),
        below=lambda bound: tango.p_below(*high, bound),
        gain=lambda: mcnemar_exact(*low[:2]) if plain else tango.p_above(*low, 0.0),
        formula=formula,
        counts=_counts(differences, down),
        weakness="" if plain else few_clusters(down.clusters, down.equal_clusters),
    )


def _table(found: Effective, whole: bool) -> tuple[Any, Any, Any]:
    """Broken, fixed and all cases: whole numbers of independent pass/fail cases, else effective counts."""
    if whole:
        return round(found.broken), round(found.fixed), round(found.n)
    return found.broken, found.fixed, found.n


def _in_units(found: Paired, width: float, beyond: int) -> Paired:
    """Evidence of scores that were scaled to 0 to 1, in their own unit."""
    return dataclasses.replace(
        found,
        estimate=found.estimate * width,
        interval=replace(found.interval, low=found.interval.low * width, high=found.interval.high * width),
        above=lambda bound: found.above(bound / width),
        below=lambda bound: found.below(bound / width),
        counts=found.counts | ({"beyond_range": beyond} if beyond else {}),
    )


def _numbers(differences: np.ndarray, clusters: Sequence[str], alpha: float) -> Paired:
    """What can be shown of numbers without bounds, and that it decides nothing."""
    _, index = np.unique(clusters, return_inverse=True)
    band = mean.t_interval(differences, index, 1 - 2 * alpha)
    return Paired(
        estimate=float(differences.mean()),
        interval=band,
        above=lambda bound: 1.0,
        below=lambda bound: 1.0,
        gain=lambda: 1.0,
        formula=band.method,
        counts={"b": int((differences < 0).sum()), "c": int((differences > 0).sum())},
        weakness=UNBOUNDED,
    )


UNBOUNDED = "its scores have no declared range, so one rare case could outweigh all; write range=(LOW, HIGH) in @suite"


def _counts(differences: np.ndarray, found: Effective) -> dict[str, float]:
    counts: dict[str, float] = {"b": int((differences < 0).sum()), "c": int((differences > 0).sum())}
    if found.clusters < len(differences):
        counts["clusters"] = found.clusters
        if found.clusters - found.equal_clusters > 0.05:
            counts["equal_clusters"] = round(found.equal_clusters, 1)
    if found.design != 1.0:
        counts |= {"design_effect": round(found.design, 4), "effective_n": round(found.n, 1)}
    return counts
