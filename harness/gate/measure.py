"""Measure one comparison, for all rules alike."""

import dataclasses
from functools import lru_cache

import numpy as np
from msgspec.structs import replace

from harness.core.digests import drawn
from harness.gate.statistics import judged
from harness.gate.statistics.binary import newcombe
from harness.gate.statistics.corpus import paired_corpus
from harness.gate.statistics.paired import Paired, paired
from harness.gate.statistics.prediction_powered import LEAST_LABELS, prediction_powered
from harness.gate.statistics.sequential import sequence
from harness.gate.units import cluster, same, scored
from harness.gate.wording import error, is_rate, label
from harness.types import Comparison, Finding, Interval, Pair


@lru_cache(maxsize=512)
def measure(comparison: Comparison, alpha: float) -> Paired:
    """Evidence of the cases that both arms have a score of; there must be two or more."""
    if comparison.stopped:
        return _in_part(comparison, alpha)
    judge = comparison.suite.judge
    if judge is None:
        return _measure(comparison, alpha)
    if comparison.suite.across:
        why = f"the errors of a judge are known of single answers, and {comparison.suite.across} joins several"
        return dataclasses.replace(_measure(comparison, alpha), weakness=why)
    if not is_rate(comparison) or comparison.suite.corpus:
        why = "the errors of a judge are known for pass and fail only, and these scores are neither"
        return dataclasses.replace(_measure(comparison, alpha), weakness=why)
    labelled = dict(judge.arms)
    labels = labelled.get(comparison.baseline, ()), labelled.get(comparison.candidate, ())
    few = min(map(len, labels)) < LEAST_LABELS and judge.most_bias is not None
    if few or not all(labels):  # by all labels together, whichever arm they are of, and the author's word on its bias
        return judged.corrected(lambda error: _measure(comparison, error), judge, alpha)
    pairs = scored(comparison)
    before, after = (np.array([score or 0.0 for score in side]) for side in zip(*map(_scores, pairs), strict=True))
    return prediction_powered(before, after, [cluster(pair) for pair in pairs], labels, alpha)


def _scores(pair: Pair) -> tuple[float | None, float | None]:
    return pair.baseline, pair.candidate


def _measure(comparison: Comparison, alpha: float) -> Paired:
    pairs = scored(comparison)
    clusters = [cluster(pair) for pair in pairs]
    if comparison.suite.corpus:
        return paired_corpus([pair.labels for pair in pairs], clusters, comparison.suite.corpus, alpha)
    before = [pair.baseline for pair in pairs if pair.baseline is not None]
    after = [pair.candidate for pair in pairs if pair.candidate is not None]
    return paired(before, after, clusters, alpha, comparison.suite.range)


def _in_part(comparison: Comparison, alpha: float) -> Paired:
    """Evidence of an evaluation that was ended early: only what holds at every look may be published of it."""
    pairs = sorted(scored(comparison), key=lambda pair: drawn(pair.case_id))
    differences = [float(pair.candidate or 0.0) - float(pair.baseline or 0.0) for pair in pairs]
    alone = len({cluster(pair) for pair in pairs}) == len(pairs)
    if alone and is_rate(comparison) and not (comparison.suite.corpus or comparison.suite.judge):
        return sequence(differences, alpha)
    return Paired(
        estimate=sum(differences) / len(differences),
        interval=Interval(low=min(differences), high=max(differences), level=0.0, method="range"),
        above=lambda bound: 1.0,
        below=lambda bound: 1.0,
        gain=lambda: 1.0,
        formula="none",
        counts={},
        weakness="only a part of its cases was asked, and no sequential method fits its scores",
    )


def gaps(comparison: Comparison) -> tuple[Pair, ...]:
    """Cases without a score under one arm or both: what is missing may hide a loss."""
    return tuple(pair for pair in comparison.pairs if pair.baseline is None or pair.candidate is None)


def worst_case(comparison: Comparison) -> Comparison:
    """The comparison with every gap filled against the candidate: its missing scores the worst there are, the baseline's
    the best. The ends are those of the declared range, else 0 and 1, or what was seen beyond."""
    seen = [value for pair in comparison.pairs for value in (pair.baseline, pair.candidate) if value is not None]
    low, high = comparison.suite.range or (min([0.0, *seen]), max([1.0, *seen]))

    def filled(pair: Pair) -> Pair:
        return replace(
            pair,
            baseline=high if pair.baseline is None else pair.baseline,
            candidate=low if pair.candidate is None else pair.candidate,
            labels=tuple((right, right if pair.baseline is None else old, new) for right, old, new in pair.labels),
        )

    return replace(comparison, pairs=tuple(filled(pair) for pair in comparison.pairs))


def start(rule: str, comparison: Comparison) -> Finding:
    """A finding with what is true of the comparison whatever the rule says: who, what, and the counts."""
    lost, repeated = len(gaps(comparison)), same(comparison)
    counts: dict[str, float] = {
        "n": len(scored(comparison)),
        "missing": lost,
        "errors": sum(map(bool, map(error, comparison.pairs))),
    }
    return Finding(
        rule=rule,
        suite=comparison.suite.name,
        outcome="unresolved",
        sentence="",
        baseline=comparison.baseline,
        candidate=comparison.candidate,
        metric=comparison.metric,
        counts=counts | ({"same": repeated} if repeated else {}),
    )


def measured(finding: Finding, comparison: Comparison, found: Paired, bound: float, alpha: float) -> Finding:
    """The finding with its evidence: estimate, interval, formula and counts."""
    return replace(
        finding,
        estimate=found.estimate,
        bound=bound,
        interval=found.covering(bound, alpha),
        formula=found.formula,
        counts=finding.counts | found.counts | _display(comparison),
    )


def too_few(finding: Finding, least: int) -> Finding | None:
    """The finding of a suite with fewer scored cases than the policy asks for (never fewer than two), else None."""
    n, least = int(finding.counts["n"]), max(least, 2)
    if n >= least:
        return None
    text = f"{label(finding.suite)} has {n} cases with a score under both arms; {least} are needed."
    needed = {"needed": least - n}
    return replace(finding, sentence=text, counts=finding.counts | needed, next=f"add cases to {finding.suite}")


def unresolvable(finding: Finding, said: str, weakness: str) -> Finding:
    sentence = f"{said}, which cannot be judged: {weakness}."
    return replace(finding, sentence=sentence, next=f"add cases to {finding.suite}")


def survives(finding: Finding, comparison: Comparison, bound: float, alpha: float) -> Finding:
    """A pass stays one only if it holds with every gap filled against the candidate; the gaps are named either way."""
    lost = gaps(comparison)
    if not lost:
        return finding
    named = ", ".join(pair.case_id for pair in lost[:NAMED]) + (" and others" if len(lost) > NAMED else "")
    text = f"{_cases(len(lost))} no score under both arms ({named})"
    if measure(worst_case(comparison), alpha).shows_above(bound, alpha):
        return replace(
            finding, sentence=f"{finding.sentence} {text}: counted against the candidate, the answer is the same."
        )
    text = f"But {text}, and counted against the candidate they change the answer."
    return replace(finding, outcome="invalid", sentence=f"{finding.sentence} {text}", next="trueup eval")


NAMED = 3
"""Cases without a score that a sentence names."""


def _cases(count: int) -> str:
    return "1 case has" if count == 1 else f"{count} cases have"


def _display(comparison: Comparison) -> dict[str, float]:
    """Newcombe's 95 % interval, for pass or fail of independent cases."""
    pairs = scored(comparison)
    plain = comparison.binary and not comparison.suite.corpus and comparison.suite.judge is None
    plain = plain and not comparison.stopped
    plain = plain and all((pair.baseline, pair.candidate) in TABLE for pair in pairs)
    if not plain or len({pair.cluster for pair in pairs}) < len(pairs):
        return {}
    table = [sum((pair.baseline, pair.candidate) == kind for pair in pairs) for kind in TABLE]
    shown = newcombe(*table)
    return {"newcombe_low": round(shown.low, 6), "newcombe_high": round(shown.high, 6)}


TABLE = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
"""Both pass, broken, fixed, both fail."""
