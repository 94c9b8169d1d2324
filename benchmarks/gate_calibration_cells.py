"""Simulated pairs of runs whose truth is known, judged by the shipped methods; see `benchmarks.gate_calibration`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from harness.gate.stage import gate
from harness.gate.statistics import mean, tango
from harness.gate.statistics.corpus import paired_corpus
from harness.gate.statistics.effective import effective, one_rate
from harness.gate.statistics.judged import corrected
from harness.gate.statistics.paired import paired
from harness.gate.statistics.power import power
from harness.gate.statistics.sequential import FORMULA, sequence
from harness.types import Calibration, Comparison, Guard, Pair, Policy, Suite, Target

ALPHA = 0.05
SIZES = (20, 50, 100, 200, 500, 1000, 2000)
DISCORDANCE = (0.01, 0.03, 0.05, 0.10, 0.20, 0.30)


@dataclass(frozen=True)
class Cell:
    """One simulated setting: how often it passed, over how many runs."""

    method: str
    setting: str
    n: int
    passed: float
    runs: int


# ---------------------------------------------------------------- independent pass/fail cases


def tables(
    n: int, discordance: float, truth: float, runs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of broken and fixed cases in each of `runs` simulated pairs of runs, shape (runs,)."""
    loss, gain = (discordance - truth) / 2, (discordance + truth) / 2
    drawn = rng.multinomial(n, [max(loss, 0.0), max(gain, 0.0), 1 - discordance], size=runs)
    return drawn[:, 0], drawn[:, 1]


def t_rule(broken: np.ndarray, fixed: np.ndarray, n: int, bound: float) -> np.ndarray:
    """The rule of other gates: pass when Student's 95 % interval of the differences lies above the bound."""
    centre = (fixed - broken) / n
    variance = ((fixed + broken) / n - centre**2) * n / (n - 1)
    return centre - t.isf(0.025, n - 1) * np.sqrt(np.maximum(variance, 0) / n) > bound


RULES: dict[str, Callable] = {
    "tango_exact": lambda b, c, n, bound: tango.score(b, c, n, bound) >= tango.critical(n, bound, ALPHA),
    "tango (asymptotic)": lambda b, c, n, bound: tango.score(b, c, n, bound) > norm.isf(ALPHA),
    "t interval (other gates)": t_rule,
}


def independent(runs: int, rng: np.random.Generator, sizes: tuple[int, ...] = SIZES) -> Iterator[Cell]:
    """False passes of every rule, at a loss of exactly the margin (3 points; 1 where discordance is 1 %)."""
    for n in sizes:
        for discordance in DISCORDANCE:
            margin = min(0.03, discordance)
            broken, fixed = tables(n, discordance, -margin, runs, rng)
            for method, rule in RULES.items():
                passed = float(np.mean(rule(broken, fixed, n, -margin)))
                yield Cell(method, f"discordance {discordance:.0%}, margin {margin:.0%}", n, passed, runs)


# ---------------------------------------------------------------- clusters, repeats, numbers


def clustered(n: int, size: int, discordance: float, truth: float, together: float, rng: np.random.Generator):
    """Differences and cluster numbers; in a share `together` of the clusters all cases share one fate."""
    groups = n // size
    draw = rng.random((groups, size))
    one_fate = rng.random(groups) < together
    draw[one_fate] = draw[one_fate][:, :1]
    loss = (discordance - truth) / 2
    values = np.where(draw < loss, -1.0, np.where(draw < discordance, 1.0, 0.0))
    return values.ravel(), np.repeat(np.arange(groups), size)


def repeated(n: int, repeats: int, truth: float, spread: float, rng: np.random.Generator):
    """Mean differences over `repeats` of cases with Beta(spread, spread) chances; the candidate loses some for good."""
    chance = rng.beta(spread, spread, n)
    after = np.where(rng.random(n) < -2 * truth, 0.0, chance)
    return (rng.binomial(repeats, after) - rng.binomial(repeats, chance)) / repeats, np.arange(n)


def passes(values: np.ndarray, clusters: np.ndarray, bound: float) -> bool:
    """What the gate decides on effective counts. Far from the critical value the exact tail need not be summed."""
    found = effective(values, clusters, ALPHA)
    if found.clusters < mean.TOO_FEW_CLUSTERS:
        return False
    z = float(tango.score(found.broken, found.fixed, found.n, bound))
    if not 1.4 < z < 2.0:
        return z >= 2.0
    return tango.largest_tail(round(z, 3), max(1, round(found.n)), bound) <= ALPHA


Draw = Callable[[int, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]
EFFECTIVE: dict[str, Draw] = {
    "clusters of 2, half together, discordance 10%": lambda n, d, r: clustered(n, 2, 0.10, d, 0.5, r),
    "clusters of 5, half together, discordance 10%": lambda n, d, r: clustered(n, 5, 0.10, d, 0.5, r),
    "clusters of 5, always together, discordance 3%": lambda n, d, r: clustered(n, 5, 0.03, d, 1.0, r),
    "3 repeats, mostly certain cases": lambda n, d, r: repeated(n, 3, d, 0.1, r),
    "5 repeats, uncertain cases": lambda n, d, r: repeated(n, 5, d, 1.0, r),
}


def effective_cells(runs: int, rng: np.random.Generator) -> Iterator[Cell]:
    for setting, draw in EFFECTIVE.items():
        for n in SIZES:
            passed = np.mean([passes(*draw(n, -0.03, rng), -0.03) for _ in range(runs)])
            yield Cell("tango_effective", setting, n, float(passed), runs)


def sequence_cells(runs: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Looks after every case: how often the sequence was ever above a bound that is the truth, and, in the second
    setting, ever below it, which is what ends an evaluation early."""
    for discordance in (0.05, 0.30):
        for n in (50, 200, 500):
            found = [sequence(drawn(n, discordance, -0.03, rng), ALPHA).interval for _ in range(runs)]
            for way, left in (
                ("above", [one.low > -0.03 for one in found]),
                ("below", [one.high < -0.03 for one in found]),
            ):
                yield Cell(
                    FORMULA, f"ever {way} the truth, discordance {discordance:.0%}", n, float(np.mean(left)), runs
                )


def drawn(n: int, discordance: float, truth: float, rng: np.random.Generator) -> np.ndarray:
    """Differences of `n` pass/fail cases."""
    loss, gain = (discordance - truth) / 2, (discordance + truth) / 2
    return rng.choice([-1.0, 1.0, 0.0], size=n, p=[loss, gain, 1 - discordance])


NUMBERS: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "normal": lambda n, r: r.normal(0, 10, n),
    "skewed to losses (exponential)": lambda n, r: 10 * (1 - r.exponential(1, n)),
}


def number_cells(runs: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Scores without bounds: the mean difference is 0, the bound too; a pass is a lower end above it."""
    for setting, draw in NUMBERS.items():
        for n, count in ((20, runs // 4), (50, runs // 4), (200, runs), (1000, runs)):
            passed = np.mean([_numbers_pass(draw(n, rng), np.arange(n)) for _ in range(count)])
            yield Cell("t, bca", setting, n, float(passed), count)
    for n in (60, 200, 1000):
        shared = [
            _numbers_pass(np.repeat(rng.normal(0, 10, n // 5), 5), np.repeat(np.arange(n // 5), 5))
            for _ in range(runs // 2)
        ]
        yield Cell("cr1, wild bootstrap", "normal, clusters of 5", n, float(np.mean(shared)), runs // 2)


def _numbers_pass(values: np.ndarray, clusters: np.ndarray) -> bool:
    before = np.full(len(values), 100.0)
    found = paired(before, before + values, [str(one) for one in clusters], ALPHA)
    return not found.weakness and found.interval.low > 0


# ---------------------------------------------------------------- corpus measures, judges, rates of one arm


def labelled(n: int, shares: tuple[float, ...], discordance: float, rng: np.random.Generator) -> np.ndarray:
    """Numbers of the labels that were expected and that each arm said, shape (n, 3); seven flips of ten are losses."""
    wanted = rng.choice(len(shares), size=n, p=shares)
    other = (wanted + rng.integers(1, len(shares), n)) % len(shares)
    before = np.where(rng.random(n) < 0.8, wanted, other)
    flips = rng.random(n)
    after = np.where((before == wanted) & (flips < 0.7 * discordance / 0.8), other, before)
    after = np.where((before != wanted) & (flips < 0.3 * discordance / 0.2), wanted, after)
    return np.stack([wanted, before, after], axis=1)


def corpus_cells(runs: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Macro-F1: the bound is the true difference, counted over two million cases."""
    for shares in ((0.5, 0.3, 0.2), (0.7, 0.2, 0.1)):
        for discordance in (0.03, 0.1, 0.3):
            wanted, before, after = labelled(2_000_000, shares, discordance, rng).T
            truth = _macro_f1(wanted, after, len(shares)) - _macro_f1(wanted, before, len(shares))
            for n in (50, 100, 500):
                passed = np.mean(
                    [_corpus_passes(labelled(n, shares, discordance, rng), truth) for _ in range(runs // 4)]
                )
                setting = f"labels {', '.join(f'{one:.0%}' for one in shares)}, discordance {discordance:.0%}"
                yield Cell("bootstrap_macro_f1", setting, n, float(passed), runs // 4)


def _macro_f1(wanted: np.ndarray, said: np.ndarray, labels: int) -> float:
    table = np.bincount(wanted * labels + said, minlength=labels**2).reshape(labels, labels)
    return float(np.mean(2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))))


def _corpus_passes(rows: np.ndarray, bound: float) -> bool:
    cases = [((f"l{a}", f"l{b}", f"l{c}"),) for a, b, c in rows]
    return paired_corpus(cases, [str(i) for i in range(len(rows))], "macro_f1", ALPHA).shows_above(bound, ALPHA)


def judged_cells(runs: int, rng: np.random.Generator) -> Iterator[Cell]:
    """A true loss of the margin, seen through a judge that was held against `labels` answers."""
    for sensitivity, specificity, labels in ((0.9, 0.9, 200), (0.8, 0.9, 100)):
        for n in (50, 200, 1000):
            passed = np.mean([_judged_passes(n, sensitivity, specificity, labels, rng) for _ in range(runs // 4)])
            setting = f"margin 10%, the judge right in {sensitivity:.0%} and {specificity:.0%}, {labels} labels"
            yield Cell("rogan_gladen", setting, n, float(passed), runs // 4)


def _judged_passes(n: int, sensitivity: float, specificity: float, labels: int, rng: np.random.Generator) -> bool:
    good = np.array([rng.random(n) < 0.7] * 2)
    good[1] = np.where(rng.random(n) < 0.1 / 0.7, False, good[0])
    seen = np.where(good, rng.random((2, n)) < sensitivity, rng.random((2, n)) >= specificity).astype(float)
    hits, refusals = rng.binomial(labels // 2, sensitivity), rng.binomial(labels // 2, specificity)
    table = Calibration(
        true_pass=hits, false_fail=labels // 2 - hits, true_fail=refusals, false_pass=labels // 2 - refusals
    )
    names = [str(i) for i in range(n)]
    return corrected(lambda error: paired(seen[0], seen[1], names, error), table, ALPHA).shows_above(-0.1, ALPHA)


def rate_cells(runs: int, rng: np.random.Generator) -> Iterator[Cell]:
    """A rate that is the limit itself must not pass a budget: independent cases, and clusters that share a chance."""
    for setting, limit, size in (
        ("alone, limit 5%", 0.05, 1),
        ("clusters of 5, limit 5%", 0.05, 5),
        ("clusters of 5, limit 20%", 0.2, 5),
    ):
        for n in (50, 200, 1000):
            passed = np.mean([_rate_passes(n, limit, size, rng) for _ in range(runs)])
            yield Cell("clopper_pearson", setting, n, float(passed), runs)


def _rate_passes(n: int, limit: float, size: int, rng: np.random.Generator) -> bool:
    groups = n // size
    chance = rng.beta(2 * limit, 2 * (1 - limit), groups) if size > 1 else np.full(groups, limit)
    values = (rng.random((groups, size)) < chance[:, None]).astype(float).ravel()
    return one_rate(values, np.repeat(np.arange(groups), size), 1 - 2 * ALPHA).high <= limit


# ---------------------------------------------------------------- power, and base against base


def power_errors(runs: int, rng: np.random.Generator) -> Iterator[tuple[str, int, float, float]]:
    """Setting, size, what the planner foretold and how often an unchanged model's guard passed."""
    for n in SIZES:
        for discordance in DISCORDANCE:
            broken, fixed = tables(n, discordance, 0.0, runs, rng)
            seen = float(np.mean(RULES["tango_exact"](broken, fixed, n, -0.03)))
            yield f"discordance {discordance:.0%}", n, power(n, -0.03, 0.0, discordance, ALPHA), seen


def same_against_same(runs: int, rng: np.random.Generator) -> float:
    """Share of promotions by the whole gate when the candidate is the base model again, with 5 % of the cases flipping;
    the target asks for no more than any gain, the easiest that can be asked."""
    promoted = 0
    for _ in range(runs):
        suites: list[tuple[str, Target | Guard, int]] = [
            ("target", Target(min_gain=0.0), 200),
            ("guard", Guard(margin=0.08), 200),
        ]
        verdict = gate([_noise(name, role, n, rng) for name, role, n in suites], Policy(), candidate="same")
        promoted += verdict.outcome == "promote"
    return promoted / runs


def _noise(name: str, role: Target | Guard, n: int, rng: np.random.Generator) -> Comparison:
    before = rng.random(n) < 0.5
    after = np.where(rng.random(n) < 0.05, ~before, before)
    pairs = tuple(
        Pair(case_id=f"{i}", baseline=float(x), candidate=float(y), cluster=f"{i}")
        for i, (x, y) in enumerate(zip(before, after, strict=True))
    )
    return Comparison(
        suite=Suite(name=name, role=role, cases=n),
        baseline="base",
        candidate="tuned",
        metric="right",
        pairs=pairs,
        binary=True,
    )
