"""Say how far people's labels of a judge go, in the same words in its trial and in the gate.

The share of good answers that a judge passes and of bad ones that it fails are known from labels only so far; their sum less 1
(Youden's J) must be shown to be above 0, else nothing that the judge says is shown. A judge without a single error needs about
twenty labels for that, half of answers that people pass and half of answers that they fail.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from harness.types import Calibration

LEAST_KAPPA, LEAST_RATE = 0.4, 0.6
"""A judge below either agrees with people too little to decide anything: Landis and Koch (1977) call kappa under 0.4
fair at best; with both rates at 0.6 only a fifth of a true difference is seen."""
MISS = 0.0025
"""Chance that J is not between its ends: what the gate spends on it under its default `alpha` at the first look."""
MOST_LABELS = 2000
"""More labels than this are not asked for."""


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
    hits = _rate(table.true_pass, table.true_pass + table.false_fail, miss / 2)
    refusals = _rate(table.true_fail, table.true_fail + table.false_pass, miss / 2)
    return hits[0] + refusals[0] - 1, hits[1] + refusals[1] - 1


def weakness(table: Calibration, miss: float = MISS) -> str:
    """Why nothing is shown by the judge's scores, and what would help; empty when something may be."""
    known = agreement(table)
    if table.brief:
        return "its judge was tried briefly only"
    if known.n == 0:
        return f"its judge was never held against people's labels; about {needed(PERFECT, miss)} are needed"
    if known.kappa < LEAST_KAPPA:
        return f"its judge agrees with people at kappa {known.kappa:.2f}, and {LEAST_KAPPA} is the least"
    if min(known.sensitivity, known.specificity) < LEAST_RATE:
        return (
            f"its judge passes {known.sensitivity:.0%} of the good answers and fails {known.specificity:.0%} of the "
            f"bad ones, and {LEAST_RATE:.0%} of each is the least"
        )
    if youden(table, miss)[0] <= 0:
        return (
            f"{known.n} labels do not show that its judge tells good answers from bad ones; about {needed(table, miss)} would, "
            "half of them of answers that people fail"
        )
    return ""


PERFECT = Calibration(true_pass=1, true_fail=1)


def needed(table: Calibration, miss: float = MISS) -> int:
    """Labels, half of good answers and half of bad ones, that would show it for a judge with the rates of `table`."""
    rates = agreement(table)
    for half in range(2, MOST_LABELS // 2):
        hits, refusals = round(rates.sensitivity * half), round(rates.specificity * half)
        tried = replace(table, true_pass=hits, false_fail=half - hits, true_fail=refusals, false_pass=half - refusals)
        if youden(tried, miss)[0] > 0:
            return 2 * half
    return MOST_LABELS


def _rate(count: int, n: int, miss: float) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson 1934); all of 0 to 1 where nothing was counted."""
    if not n:
        return 0.0, 1.0
    from scipy.stats import beta  # only runs with a judge pay for it

    low = float(beta.ppf(miss / 2, count, n - count + 1)) if count else 0.0
    high = float(beta.isf(miss / 2, count + 1, n - count)) if count < n else 1.0
    return low, high
