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
from dataclasses import dataclass

from msgspec.structs import replace

from harness.gate.statistics.binary import clopper_pearson
from harness.gate.statistics.paired import Paired
from harness.types import Calibration, Interval

LEAST_KAPPA, LEAST_RATE = 0.4, 0.6
"""A judge below either agrees with people too little to decide anything: Landis and Koch (1977) call kappa under 0.4
fair at best; with both rates at 0.6 only a fifth of a true difference is seen."""
SPENT = 0.1
"""Share of alpha that is spent on not knowing J."""


@dataclass(frozen=True)
class Agreement:
    """How a judge stands to people."""

    sensitivity: float
    specificity: float
    kappa: float
    """Cohen (1960), Educational and Psychological Measurement 20:37."""
    n: int


def agreement(table: Calibration) -> Agreement:
    """Rates of a calibration table; a rate without answers to count is 0."""
    good, bad = table.true_pass + table.false_fail, table.false_pass + table.true_fail
    n, passed = good + bad, table.true_pass + table.false_pass
    seen = (table.true_pass + table.true_fail) / n if n else 0.0
    chance = (good * passed + bad * (n - passed)) / n**2 if n else 0.0
    return Agreement(
        sensitivity=table.true_pass / good if good else 0.0,
        specificity=table.true_fail / bad if bad else 0.0,
        kappa=(seen - chance) / (1 - chance) if chance < 1 else 0.0,
        n=n,
    )


def youden(table: Calibration, miss: float) -> tuple[float, float]:
    """Ends between which J lies, except with chance `miss` at most: exact intervals of both rates, joined."""
    good, bad = table.true_pass + table.false_fail, table.false_pass + table.true_fail
    hits = clopper_pearson(table.true_pass, good, 1 - miss / 2) if good else _UNKNOWN
    refusals = clopper_pearson(table.true_fail, bad, 1 - miss / 2) if bad else _UNKNOWN
    return hits.low + refusals.low - 1, hits.high + refusals.high - 1


def corrected(measure: Callable[[float], Paired], table: Calibration, alpha: float) -> Paired:
    """Evidence of the true difference. `measure` gives that of the judged scores, in 0 to 1, at a one-sided error."""
    seen, spent = _widened(measure(alpha * (1 - SPENT)), table.most_bias or 0.0), alpha * SPENT
    stands, (least, most) = agreement(table), youden(table, spent)
    factor = stands.sensitivity + stands.specificity - 1
    weakness = seen.weakness or _weakness(stands, least) or (UNKNOWN_BIAS if table.most_bias is None else "")
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


def _weakness(stands: Agreement, least: float) -> str:
    if stands.n == 0:
        return "its judge was never held against people's labels"
    if stands.kappa < LEAST_KAPPA:
        return f"its judge agrees with people at kappa {stands.kappa:.2f}, and {LEAST_KAPPA} is the least"
    if min(stands.sensitivity, stands.specificity) < LEAST_RATE:
        return (
            f"its judge passes {stands.sensitivity:.0%} of the good answers and fails {stands.specificity:.0%} of the "
            f"bad ones, and {LEAST_RATE:.0%} of each is the least"
        )
    if least <= 0:
        return f"{stands.n} labels do not show that its judge tells good answers from bad ones"
    return ""


_UNKNOWN = Interval(low=0.0, high=1.0, level=1.0, method="unknown")
