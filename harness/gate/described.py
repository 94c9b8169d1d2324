"""Describe runs by means with intervals: what a report shows beside the findings, and what decides nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from harness.gate import compare, measure, units, wording
from harness.gate.statistics.corpus import corpus_values
from harness.gate.statistics.effective import one_rate
from harness.types import ArmMean, Comparison, Interval, Pair, PairMean, Run

LEVEL = 0.95
"""Two-sided level of the interval of one arm's mean."""
FEWEST = 5
"""Scored cases below which a slice has no interval."""


def arm_means(runs: Iterable[Run], comparisons: Sequence[Comparison]) -> tuple[ArmMean, ...]:
    """Each suite under each arm. `comparisons` are used where they hold the arm; a run without one is taken alone."""
    held = {(each.suite.name, arm): (each, first) for each in comparisons for arm, first in _sides(each)}
    means = []
    for run in runs:
        own = {suite.name for suite in run.suites}
        known = {name: held[name, run.arm.name] for name in own if (name, run.arm.name) in held}
        if len(known) < len(own):
            known = {each.suite.name: (each, True) for each in compare.compare(run, run)} | known
        means += [_arm_mean(*known[name], run.arm.name) for name in sorted(known) if name in own]
    return tuple(mean for mean in means if mean is not None)


def pair_means(
    comparisons: Iterable[Comparison], unwaived: Callable[[Comparison], Comparison], alpha: float
) -> tuple[PairMean, ...]:
    """Each comparison without its waived cases, then each of its slices. `alpha`: one-sided error of the intervals."""
    return tuple(_pair_means(comparisons, unwaived, alpha))


def _pair_means(
    comparisons: Iterable[Comparison], unwaived: Callable[[Comparison], Comparison], alpha: float
) -> Iterator[PairMean]:
    for whole in comparisons:
        judged = unwaived(whole)
        waived = len(whole.pairs) - len(judged.pairs)
        for part, comparison in [("", judged), *_slices(judged)]:
            mean = _pair_mean(comparison, part, alpha)
            if mean is not None:
                yield replace(mean, waived=0 if part else waived)


def _sides(comparison: Comparison) -> tuple[tuple[str, bool], ...]:
    return (comparison.baseline, True), (comparison.candidate, False)


def _arm_mean(comparison: Comparison, first: bool, arm: str) -> ArmMean | None:
    """The mean of one side over the units that this side has a score of."""
    alone = replace(comparison, pairs=tuple(_alone(pair, first) for pair in comparison.pairs))
    pairs = units.scored(alone)
    if not pairs:
        return None
    values = np.array([pair.baseline for pair in pairs], dtype=float)
    if comparison.suite.corpus and all(pair.labels for pair in pairs):
        value = corpus_values([pair.labels for pair in pairs], comparison.suite.corpus)[0 if first else 1]
        return ArmMean(suite=comparison.suite.name, arm=arm, n=len(pairs), mean=value)
    interval = _interval(values, [units.cluster(pair) for pair in pairs], alone)
    return ArmMean(suite=comparison.suite.name, arm=arm, n=len(pairs), mean=float(values.mean()), interval=interval)


def _alone(pair: Pair, first: bool) -> Pair:
    value = pair.baseline if first else pair.candidate
    return replace(pair, baseline=value, candidate=value)


def _interval(values: np.ndarray, clusters: list[str], comparison: Comparison) -> Interval | None:
    low, high = comparison.suite.range or (0.0, 1.0)
    if comparison.suite.range is None and not wording.is_rate(comparison):
        return None
    width = (high - low) or 1.0
    scaled = one_rate((np.clip(values, low, high) - low) / width, clusters, LEVEL)
    return replace(scaled, low=low + width * scaled.low, high=low + width * scaled.high)


def _pair_mean(comparison: Comparison, part: str, alpha: float) -> PairMean | None:
    pairs = units.scored(comparison)
    if not pairs:
        return None
    before = float(np.mean([pair.baseline for pair in pairs if pair.baseline is not None]))
    after = float(np.mean([pair.candidate for pair in pairs if pair.candidate is not None]))
    if comparison.suite.corpus and all(pair.labels for pair in pairs):
        before, after = corpus_values([pair.labels for pair in pairs], comparison.suite.corpus)
    enough = len(pairs) >= FEWEST
    return PairMean(
        suite=comparison.suite.name,
        baseline=comparison.baseline,
        candidate=comparison.candidate,
        n=len(pairs),
        before=before,
        after=after,
        part=part,
        interval=measure.measure(comparison, alpha).interval if part and enough else None,
    )


def _slices(comparison: Comparison) -> Iterator[tuple[str, Comparison]]:
    for name in sorted({name for pair in comparison.pairs for name in pair.slices}):
        yield name, replace(comparison, pairs=tuple(pair for pair in comparison.pairs if name in pair.slices))
