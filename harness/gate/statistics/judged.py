"""Correct scores that a judge gave for the judge's own errors.

A judge that passes a share `sensitivity` of the good answers and fails a share `specificity` of the bad ones shrinks
every true difference by J = sensitivity + specificity - 1 (Youden), so the true difference is the seen one over J
(Rogan and Gladen 1978, American Journal of Epidemiology 107:71). J is known from answers that people labelled too, and
only so far: a test at the least favourable J of its confidence set, plus the chance that the set misses J, is a valid
test (Berger and Boos 1994, JASA 89:1012).

That the judge errs alike on both arms is not known; how much laxer it may be on one is the author's word (`most_bias`), and
widens the interval. Labels that name their arm need no such word: `harness.gate.statistics.prediction_powered`.
"""

import dataclasses
from collections.abc import Callable

from msgspec.structs import replace

from harness.evaluate.judging import labels
from harness.gate.statistics.paired import Paired
from harness.types import Calibration, Interval

SPENT = 0.1
"""Share of alpha that is spent on not knowing J."""


def corrected(measure: Callable[[float], Paired], table: Calibration, alpha: float) -> Paired:
    """Evidence of the true difference. `measure` gives that of the judged scores, in 0 to 1, at a one-sided error."""
    seen, spent = _widened(measure(alpha * (1 - SPENT)), table.most_bias or 0.0), alpha * SPENT
    stands, (least, most) = labels.agreement(table), labels.youden(table, spent)
    factor = stands.sensitivity + stands.specificity - 1
    weakness = seen.weakness or labels.weakness(table, spent) or (UNKNOWN_BIAS if table.most_bias is None else "")
    if weakness:
        least, most, factor = 1.0, 1.0, 1.0  # the judge's own figures, and nothing is shown by them
    return dataclasses.replace(
        seen,
        estimate=max(-1.0, min(seen.estimate / factor, 1.0)),
        interval=_stretched(seen.interval, least, most, alpha),
        above=lambda bound: min(1.0, seen.above(bound * (least if bound < 0 else most)) + spent),
        below=lambda bound: min(1.0, seen.below(bound * (most if bound < 0 else least)) + spent),
        formula=f"rogan_gladen_{seen.formula}",
        counts=seen.counts | {"judge_n": stands.n, "judge_kappa": round(stands.kappa, 4), "judge_j": round(factor, 4)},
        weakness=weakness,
    )


UNKNOWN_BIAS = (
    "its labels do not say which arm gave the answers, so a judge that is laxer on one arm would not be seen; give each label "
    "its `arm`, or say how much laxer it may be: judge(most_bias=0.05)"
)


def _widened(seen: Paired, bias: float) -> Paired:
    """Evidence of scores of which as much may be the judge's liking for one arm."""
    return dataclasses.replace(
        seen,
        interval=replace(seen.interval, low=seen.interval.low - bias, high=seen.interval.high + bias),
        above=lambda bound: seen.above(bound + bias),
        below=lambda bound: seen.below(bound - bias),
        gain=lambda: seen.above(bias) if bias else seen.gain(),
    )


def _stretched(seen: Interval, least: float, most: float, alpha: float) -> Interval:
    low = seen.low / (least if seen.low < 0 else most)
    high = seen.high / (least if seen.high > 0 else most)
    return replace(
        seen, low=max(-1.0, low), high=min(1.0, high), level=1 - 2 * alpha, method=f"rogan_gladen_{seen.method}"
    )
