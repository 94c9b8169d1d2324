"""Is the gate's error rate what it says? Simulated pairs of runs whose truth is known, judged by the shipped methods.

    python -m benchmarks.gate_calibration            # minutes; the last line is one JSON object
    python -m benchmarks.gate_calibration --write    # also docs/calibration.md and docs/calibration.svg

Each simulated pair loses exactly the guard's margin, the hardest truth that must not pass; a pass is a false promote.
`allowed` is alpha plus the Monte Carlo error of the worst of all cells (Bonferroni, 1 in 100). `worst_power_error` is
the largest distance between how often a guard over an unchanged model passes and what the planner foretold.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import norm, t

from harness.stages.gate import gate
from harness.statistics import mean, tango
from harness.statistics.effective import effective
from harness.statistics.paired import paired
from harness.statistics.power import power
from harness.types import Comparison, Guard, Pair, Policy, Suite, Target

ALPHA = 0.05
SIZES = (20, 50, 100, 200, 500, 1000, 2000)
DISCORDANCE = (0.01, 0.03, 0.05, 0.10, 0.20, 0.30)
DOCS = Path(__file__).parent.parent / "docs"


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


# ---------------------------------------------------------------- the page


def table(cells: list[Cell], method: str) -> list[str]:
    chosen = [cell for cell in cells if cell.method == method]
    sizes = sorted({cell.n for cell in chosen})
    lines = ["| setting | " + " | ".join(f"n = {n:,}" for n in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for setting in dict.fromkeys(cell.setting for cell in chosen):
        row = {cell.n: f"{cell.passed:.1%}" for cell in chosen if cell.setting == setting}
        lines.append(f"| {setting} | " + " | ".join(row.get(n, "") for n in sizes) + " |")
    return lines


def plot(cells: list[Cell], limit: float) -> str:
    """SVG: the worst false-pass rate over the discordances, by size, a line a method."""
    left, top, width, height, most = 70, 30, 560, 300, 0.8
    spots = {n: left + width * i / (len(SIZES) - 1) for i, n in enumerate(SIZES)}

    def y(rate: float) -> float:
        return top + height * (1 - (min(rate, most) / most) ** 0.5)

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 390" font-family="sans-serif" font-size="13">',
        "<title>False passes at the margin, worst over discordance, by number of cases</title>",
        '<rect width="860" height="390" fill="white"/>',
    ]
    for rate in (0.0, 0.01, 0.05, 0.2, 0.4, 0.8):
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y(rate):.1f}" y2="{y(rate):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(rate) + 4:.1f}" text-anchor="end">{rate:.0%}</text>')
    for n, x in spots.items():
        parts.append(f'<text x="{x:.1f}" y="{top + height + 20}" text-anchor="middle">{n:,}</text>')
    parts.append(
        f'<text x="{left + width / 2}" y="{top + height + 45}" text-anchor="middle">cases (square-root scale of rates)</text>'
    )
    parts.append(
        f'<line x1="{left}" x2="{left + width}" y1="{y(limit):.1f}" y2="{y(limit):.1f}" stroke="#444" stroke-dasharray="5 4"/>'
    )
    parts.append(f'<text x="{left + width + 8}" y="{y(limit) + 16:.1f}" fill="#444">allowed: {limit:.1%}</text>')
    colours = ("#1b7f4d", "#2b6cb0", "#c0392b")
    for place, (method, colour) in enumerate(zip(RULES, colours, strict=True)):
        worst = {n: max(cell.passed for cell in cells if cell.method == method and cell.n == n) for n in SIZES}
        line = " ".join(f"{spots[n]:.1f},{y(worst[n]):.1f}" for n in SIZES)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{left + width + 8}" y="{top + 20 + 20 * place}" fill="{colour}">{method}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


HEAD = """# Calibration of the gate

Written by `python -m benchmarks.gate_calibration --write`. Every number is a simulation of runs whose truth is known.

A guard with margin m must not pass a model that is truly m worse, except with a chance of at most alpha = 5 %. Here
every simulated candidate is exactly m worse, the hardest truth that must not pass; the tables give how often it passed.

![False passes at the margin by number of cases](calibration.svg)
"""

NOTES = {
    "tango_exact": "Pass or fail, independent cases: what the gate uses. Exact over the discordance, so it never exceeds "
    "5 % but for Monte Carlo error.",
    "tango (asymptotic)": "Tango's test as published, with the normal quantile: close, and above 5 % at some sizes. "
    "For comparison.",
    "t interval (other gates)": "Student's 95 % interval of the paired differences above minus the margin: the rule of "
    "other gates. With few flips it collapses to a point and passes. For comparison.",
    "tango_effective": "Clusters and averaged repeats: what the gate uses. Below ten clusters it gives no pass at all.",
    "t, bca": "Numbers without bounds, independent: what the gate uses. Samples too skewed for their number are not "
    "judged, so they do not pass.",
    "cr1, wild bootstrap": "Numbers without bounds, in clusters: what the gate uses.",
}


def page(
    cells: list[Cell], powers: list[tuple[str, int, float, float]], result: dict[str, float], classic: float
) -> str:
    lines = [HEAD]
    for method, note in NOTES.items():
        counts = sorted({cell.runs for cell in cells if cell.method == method})
        drawn = f"{' or '.join(f'{count:,}' for count in counts)} simulated pairs of runs a cell."
        lines += [f"## {method}", "", note, drawn, "", *table(cells, method), ""]
    lines += [
        "## Power",
        "",
        "How often a guard with a 3-point margin passes a model that did not change, as simulated, ",
    ]
    lines += ["and in brackets as the planner (`harness.statistics.power`) foretold.", ""]
    lines += ["| discordance | " + " | ".join(f"n = {n:,}" for n in SIZES) + " |", "|---|" + "---:|" * len(SIZES)]
    for setting in dict.fromkeys(name for name, *_ in powers):
        row = [f"{seen:.0%} ({told:.0%})" for name, _, told, seen in powers if name == setting]
        lines.append(f"| {setting} | " + " | ".join(row) + " |")
    lines += ["", "## In one line", ""]
    lines.append(
        f"- The t-interval rule at n = 10, a 3-point margin and 3 % discordance passes {classic:.0%} of the time."
    )
    lines.append(f"- Worst false-promote rate of any method and size: {result['worst_false_promote']:.2%}; ")
    lines.append(f"  alpha plus the Monte Carlo error of that many cells: {result['allowed']:.2%}.")
    lines.append(
        "- Base against base through the whole gate, with 5 % of the cases flipping and a target that asks for any"
    )
    lines.append(f"  gain at all: promoted {result['aa_promote']:.1%} of the time.")
    lines.append(
        f"- Largest distance between simulated and foretold power: {100 * result['worst_power_error']:.1f} points."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/calibration.md and docs/calibration.svg")
    parser.add_argument("--runs", type=int, default=2000, help="simulated pairs of runs a cell of the slower methods")
    options = parser.parse_args()
    rng = np.random.default_rng(20260101)
    cells = [
        *independent(10 * options.runs, rng),
        *effective_cells(options.runs, rng),
        *number_cells(options.runs, rng),
    ]
    powers = list(power_errors(10 * options.runs, rng))
    ours = [
        cell for cell in cells if cell.method in ("tango_exact", "tango_effective", "t, bca", "cr1, wild bootstrap")
    ]
    worst = max(ours, key=lambda cell: (cell.passed - ALPHA) * cell.runs**0.5)
    error = float(norm.isf(0.01 / len(ours))) * (ALPHA * (1 - ALPHA) / worst.runs) ** 0.5
    result = {
        "worst_false_promote": round(worst.passed, 4),
        "allowed": round(ALPHA + error, 4),
        "aa_promote": round(same_against_same(options.runs // 5, rng), 4),
        "worst_power_error": round(max(abs(told - seen) for _, _, told, seen in powers), 4),
    }
    broken, fixed = tables(10, 0.03, -0.03, 10 * options.runs, rng)
    classic = float(np.mean(t_rule(broken, fixed, 10, -0.03)))
    for cell in sorted(ours, key=lambda cell: -cell.passed)[:5]:
        print(f"{cell.passed:.4f}  {cell.method}, {cell.setting}, n = {cell.n} ({cell.runs} runs)")
    print(f"the t interval of other gates passes {classic:.1%} at n = 10, 3 points, 3 % discordance")
    if options.write:
        (DOCS / "calibration.md").write_text(page(cells, powers, result, classic), encoding="utf-8")
        (DOCS / "calibration.svg").write_text(plot(cells, result["allowed"]), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
