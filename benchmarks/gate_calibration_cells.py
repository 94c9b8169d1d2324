"""Settings whose truth is known, judged by the shipped methods; see `benchmarks.gate_calibration`.

A cell is one setting: how to draw data whose true difference is the bound, and how the gate decides on them at an error
alpha. Where the data have few kinds of samples the chance is summed, else it is counted over drawn ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, t

from harness.evaluate.judging.labels import weakness, youden
from harness.gate.statistics import tango
from harness.gate.statistics.corpus import MEASURES, _drawn, _Rows
from harness.gate.statistics.effective import effective, equal_clusters, few_clusters, few_clusters_factor, one_rate
from harness.gate.statistics.judged import SPENT
from harness.gate.statistics.power import power
from harness.gate.statistics.prediction_powered import prediction_powered
from harness.gate.statistics.sequential import sequence
from harness.types import Calibration

ALPHA = 0.05
SIZES = (20, 50, 100, 200, 500, 1000)
DISCORDANCE = (0.01, 0.03, 0.05, 0.10, 0.20, 0.30)
Rng = np.random.Generator
Decide = Callable[[Any, float], bool]


@dataclass(frozen=True)
class Cell:
    """One setting: how often it passed at ALPHA, and over how many runs (0: summed exactly)."""

    method: str
    setting: str
    n: int
    passed: float
    runs: int
    looks: tuple[float, ...] = ()
    """How often it passed at the share of alpha of each of 20 looks, where that was counted."""
    old: float | None = None
    """How often the rule that the gate had before passed."""


# ---------------------------------------------------------------- independent pass/fail cases


def independent() -> Iterator[Cell]:
    """False passes at a loss of exactly the margin (3 points; 1 where discordance is 1 %), summed over every table."""
    for n in SIZES:
        for discordance in DISCORDANCE:
            margin = min(0.03, discordance)
            setting = f"discordance {discordance:.0%}, margin {margin:.0%}"
            yield Cell("tango_exact", setting, n, power(n, -margin, -margin, discordance, ALPHA), 0)


def peers(runs: int, rng: Rng) -> Iterator[Cell]:
    """The same with rules that are shown for comparison only."""
    for n in SIZES:
        for discordance in DISCORDANCE:
            margin = min(0.03, discordance)
            drawn = rng.multinomial(
                n, [discordance / 2 + margin / 2, discordance / 2 - margin / 2, 1 - discordance], runs
            )
            broken, fixed = drawn[:, 0], drawn[:, 1]
            setting = f"discordance {discordance:.0%}, margin {margin:.0%}"
            tango_rule = tango.score(broken, fixed, n, -margin) > norm.isf(ALPHA)
            yield Cell("tango (asymptotic)", setting, n, float(np.mean(tango_rule)), runs)
            yield Cell("t interval (other gates)", setting, n, float(np.mean(t_rule(broken, fixed, n, -margin))), runs)


def t_rule(broken: np.ndarray, fixed: np.ndarray, n: int, bound: float) -> np.ndarray:
    """The rule of other gates: pass when Student's 95 % interval of the differences lies above the bound."""
    centre = (fixed - broken) / n
    variance = ((fixed + broken) / n - centre**2) * n / (n - 1)
    return centre - t.isf(0.025, n - 1) * np.sqrt(np.maximum(variance, 0) / n) > bound


# ---------------------------------------------------------------- effective counts


def passes(values: np.ndarray, index: np.ndarray, bound: float, alpha: float) -> bool:
    """What the gate decides on effective counts."""
    found = effective(values, index, alpha)
    if few_clusters(found.clusters, found.equal_clusters):
        return False
    return _beyond(found.broken, found.fixed, found.n, bound, alpha)


def passed_before(values: np.ndarray, index: np.ndarray, bound: float, alpha: float) -> bool:
    """What the gate decided before: no unseen case, and clusters counted as if they were equal."""
    groups, n = int(index.max()) + 1, len(values)

    def design(of: np.ndarray) -> float:
        size = n / (int(of.max()) + 1)
        seen = float(np.sum(np.bincount(of, weights=values - values.mean()) ** 2)) + size**2
        return seen / (max(float(np.abs(values).sum() - n * values.mean() ** 2), 0.0) + size)

    binary = bool(np.all(np.isin(values, (-1.0, 0.0, 1.0))))
    factor = max(1.0 if binary else design(np.arange(n)), design(index) if groups < n else 0.0)
    if groups < n or not binary:
        factor *= few_clusters_factor(groups, alpha)
    counts = (float(np.maximum(side, 0).sum()) / factor for side in (-values, values))
    return groups >= 10 and _beyond(*counts, n / factor, bound, alpha)


def _beyond(broken: float, fixed: float, n: float, bound: float, alpha: float) -> bool:
    """Whether the exact test rejects; far from the critical value the tail need not be summed."""
    z = float(tango.score(broken, fixed, n, bound))
    if not alpha / 20 < norm.sf(z) < 2.5 * alpha:
        return bool(norm.sf(z) <= alpha / 20)
    return tango.largest_tail(round(z, 2), max(1, round(n)), bound) <= alpha


def clustered(sizes: np.ndarray, discordance: float, truth: float, together: float, rng: Rng) -> tuple:
    """Differences and cluster numbers; in a share `together` of the clusters all cases share one fate."""
    index = np.repeat(np.arange(len(sizes)), sizes)
    shared = rng.random(len(sizes)) < together
    fate = np.where(shared[index], rng.random(len(sizes))[index], rng.random(len(index)))
    return np.where(fate < (discordance - truth) / 2, -1.0, np.where(fate < discordance, 1.0, 0.0)), index


def repeated(n: int, repeats: int, truth: float, spread: float, rng: Rng) -> tuple:
    """Mean differences over `repeats` of cases with Beta(spread, spread) chances; the candidate loses some for good."""
    chance = rng.beta(spread, spread, n)
    after = np.where(rng.random(n) < -2 * truth, 0.0, chance)
    return (rng.binomial(repeats, after) - rng.binomial(repeats, chance)) / repeats, np.arange(n)


def equal_ones(n: int, size: int) -> np.ndarray:
    return np.full(n // size, size)


EFFECTIVE: dict[str, Callable[[int, float, Rng], tuple]] = {
    "clusters of 2, half together, discordance 10%": lambda n, d, r: clustered(equal_ones(n, 2), 0.10, d, 0.5, r),
    "clusters of 5, half together, discordance 10%": lambda n, d, r: clustered(equal_ones(n, 5), 0.10, d, 0.5, r),
    "clusters of 5, always together, discordance 3%": lambda n, d, r: clustered(equal_ones(n, 5), 0.03, d, 1.0, r),
    "3 repeats, mostly certain cases": lambda n, d, r: repeated(n, 3, d, 0.1, r),
    "5 repeats, uncertain cases": lambda n, d, r: repeated(n, 5, d, 1.0, r),
}


def effective_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    for setting, draw in EFFECTIVE.items():
        for n in SIZES:
            passed = np.mean([passes(*draw(n, -0.03, rng), -0.03, ALPHA) for _ in range(runs)])
            yield Cell("tango_effective", setting, n, float(passed), runs)


# ---------------------------------------------------------------- corpus measures, judges, rates, early stop


def labelled(n: int, shares: tuple[float, ...], discordance: float, rng: Rng) -> np.ndarray:
    """Numbers of the labels that were expected and that each arm said, shape (n, 3); seven flips of ten are losses."""
    wanted = rng.choice(len(shares), size=n, p=shares)
    other = (wanted + rng.integers(1, len(shares), n)) % len(shares)
    before = np.where(rng.random(n) < 0.8, wanted, other)
    flips = rng.random(n)
    after = np.where((before == wanted) & (flips < 0.7 * discordance / 0.8), other, before)
    after = np.where((before != wanted) & (flips < 0.3 * discordance / 0.2), wanted, after)
    return np.stack([wanted, before, after], axis=1)


def corpus_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """Macro-F1: the bound is the true difference, counted over two million cases."""
    for shares, discordance in (((0.7, 0.2, 0.1), 0.3),):
        wanted, before, after = labelled(2_000_000, shares, discordance, rng).T
        truth = _macro_f1(wanted, after, len(shares)) - _macro_f1(wanted, before, len(shares))
        for n in (50, 100):
            passed = np.mean([_corpus_passes(labelled(n, shares, discordance, rng), truth) for _ in range(runs)])
            setting = f"labels {', '.join(f'{one:.0%}' for one in shares)}, discordance {discordance:.0%}"
            yield Cell("bootstrap_macro_f1", setting, n, float(passed), runs)


def _macro_f1(wanted: np.ndarray, said: np.ndarray, labels: int) -> float:
    table = np.bincount(wanted * labels + said, minlength=labels**2).reshape(labels, labels)
    return float(np.mean(2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))))


def _corpus_passes(drawn: np.ndarray, bound: float) -> bool:
    """As `paired_corpus(...).shows_above`, without the upper end."""
    rows = _Rows([((f"l{a}", f"l{b}", f"l{c}"),) for a, b, c in drawn], [str(i) for i in range(len(drawn))])
    measure = MEASURES["macro_f1"]
    before, after = (float(one) for one in rows.values(measure, np.ones((1, rows.clusters)))[:, 0])
    falls = _drawn(rows, measure, 0, after - before, ALPHA)
    return not rows.weakness and falls[int(ALPHA * (len(falls) + 1)) - 1] > bound


def judged_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """A true loss of the margin, seen through a judge that errs alike on both arms, as its author says."""
    for sensitivity, specificity, labels in ((0.9, 0.9, 200), (0.8, 0.9, 100)):
        for n in (50, 200, 1000):
            passed = np.mean([_judged_passes(n, sensitivity, specificity, labels, rng) for _ in range(runs)])
            setting = f"margin 10%, the judge right in {sensitivity:.0%} and {specificity:.0%}, {labels} labels"
            yield Cell("rogan_gladen", setting, n, float(passed), runs)
    for bias, labels in ((0.05, 20), (0.05, 60), (0.1, 60)):
        for n in (50, 200, 1000):
            passed = np.mean([_biased_passes(n, bias, labels, rng) for _ in range(runs)])
            setting = f"no difference, the judge laxer in {bias:.0%} of the tuned arm's answers, as `most_bias` says, {labels} labels"
            yield Cell("rogan_gladen", setting, n, float(passed), runs)


def _biased_passes(n: int, bias: float, labels: int, rng: Rng) -> bool:
    """As `corrected(...).shows_above(0)`, without the interval: answers are equally good, and labels do not name their arm."""

    def judge(good: np.ndarray, is_tuned: np.ndarray) -> np.ndarray:
        return rng.random(good.shape) < np.where(good, 0.9, 0.1 + is_tuned * bias / 0.3)

    good = np.repeat(rng.random((1, n)) < 0.7, 2, axis=0)
    before, after = judge(good, np.array([[False], [True]]))
    people, arm = rng.random(labels) < 0.7, rng.random(labels) < 0.5
    passes = judge(people, arm)
    table = Calibration(
        true_pass=int(np.sum(people & passes)),
        false_fail=int(np.sum(people & ~passes)),
        true_fail=int(np.sum(~people & ~passes)),
        false_pass=int(np.sum(~people & passes)),
        most_bias=bias,
    )
    broken, fixed = int(np.sum(before & ~after)), int(np.sum(~before & after))
    return not weakness(table, ALPHA * SPENT) and tango.p_above(broken, fixed, n, bias) + ALPHA * SPENT <= ALPHA


def _judged_passes(n: int, sensitivity: float, specificity: float, labels: int, rng: Rng) -> bool:
    good = np.array([rng.random(n) < 0.7] * 2)
    good[1] = np.where(rng.random(n) < 0.1 / 0.7, False, good[0])
    seen = np.where(good, rng.random((2, n)) < sensitivity, rng.random((2, n)) >= specificity)
    hits, refusals = rng.binomial(labels // 2, sensitivity), rng.binomial(labels // 2, specificity)
    table = Calibration(
        true_pass=hits, false_fail=labels // 2 - hits, true_fail=refusals, false_pass=labels // 2 - refusals
    )
    least, _ = youden(table, ALPHA * SPENT)
    broken, fixed = int(np.sum(seen[0] & ~seen[1])), int(np.sum(~seen[0] & seen[1]))
    return least > 0 and tango.p_above(broken, fixed, n, -0.1 * least) + ALPHA * SPENT <= ALPHA


def laxer_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """People see no difference; the judge passes more bad answers of the tuned arm. Labels name their arm."""
    for laxer in (0.0, 0.25, 0.5):
        for n, labels in ((150, 80), (500, 200)):
            passed = np.mean([_laxer_passes(n, labels, laxer, rng) for _ in range(runs)])
            setting = f"{0.4 * laxer:.0%} of the answers more for the tuned arm, {labels} labels an arm"
            yield Cell("prediction_powered", setting, n, float(passed), runs)


def _laxer_passes(n: int, labels: int, laxer: float, rng: Rng) -> bool:
    def answers(count: int, more: float) -> tuple[np.ndarray, np.ndarray]:
        people = rng.random(count) < 0.6
        return people.astype(float), np.where(people, rng.random(count) < 0.9, rng.random(count) < 0.1 + more) * 1.0

    (_, before), (_, after) = answers(n, 0.0), answers(n, laxer)
    told = tuple(list(zip(*answers(labels, more), strict=True)) for more in (0.0, laxer))
    return prediction_powered(before, after, np.arange(n), told, ALPHA).shows_above(0.0, ALPHA)


def rate_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """A rate that is the limit itself must not pass a budget: independent cases, and clusters that share a chance."""
    for setting, limit, size in (
        ("alone, limit 5%", 0.05, 1),
        ("clusters of 5, limit 5%", 0.05, 5),
        ("clusters of 5, limit 20%", 0.2, 5),
    ):
        for n in (50, 200, 1000):
            passed = np.mean([_rate_passes(n, limit, size, rng) for _ in range(runs)])
            yield Cell("clopper_pearson", setting, n, float(passed), runs)


def _rate_passes(n: int, limit: float, size: int, rng: Rng) -> bool:
    groups = n // size
    chance = rng.beta(2 * limit, 2 * (1 - limit), groups) if size > 1 else np.full(groups, limit)
    values = (rng.random((groups, size)) < chance[:, None]).astype(float).ravel()
    index = np.repeat(np.arange(groups), size)
    enough = size == 1 or not few_clusters(groups, equal_clusters(index))
    return enough and one_rate(values, index, 1 - 2 * ALPHA).high <= limit


def sequence_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """Looks after every case: how often the sequence was ever above a bound that is the truth, and ever below it, which is
    what ends an evaluation early."""
    for discordance in (0.05, 0.30):
        loss, gain = (discordance + 0.03) / 2, (discordance - 0.03) / 2
        for n in (50, 200):
            draws = (rng.choice([-1.0, 1.0, 0.0], size=n, p=[loss, gain, 1 - discordance]) for _ in range(runs))
            found = [sequence(values, ALPHA).interval for values in draws]
            for way, left in (("above", [i.low > -0.03 for i in found]), ("below", [i.high < -0.03 for i in found])):
                setting = f"ever {way} the truth, discordance {discordance:.0%}"
                yield Cell("betting_sequence", setting, n, float(np.mean(left)), runs)
